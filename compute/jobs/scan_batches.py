"""Running a job over annotations, scan by scan, in batches of scans that are all open or all hidden."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.exc import OperationalError

from compute.jobs.cluster import map_unordered
from compute.jobs.measuring import reason_of
from schema.release import Visibility

Progress = Callable[[int, int], None]
"""Told the annotations done and the annotations in all."""

BATCH_SCANS = 32
RETRIES = 2
"""A worker may die, or lose its connection, so often before a batch counts as failed."""


@dataclass(frozen=True)
class ScanBatch:
    """Some scans, and which of their annotations are meant."""

    visibility: Visibility
    scans: tuple[UUID, ...]
    annotations: frozenset[UUID]


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch; what was odd, and what failed, by name, with the reason."""

    done: int = 0
    noted: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def batch_scans(annotations: Iterable[tuple[UUID, UUID]], visibility: Visibility) -> Iterator[ScanBatch]:
    """Put annotations, each given as (scan, annotation), into batches."""
    by_scan: dict[UUID, list[UUID]] = defaultdict(list)
    for scan, annotation in annotations:
        by_scan[scan].append(annotation)
    scans = tuple(by_scan)
    for n in range(0, len(scans), BATCH_SCANS):
        batch = scans[n : n + BATCH_SCANS]
        yield ScanBatch(visibility, batch, frozenset(key for scan in batch for key in by_scan[scan]))


def run_batches(
    job: Callable[[ScanBatch], BatchResult],
    batches: Sequence[ScanBatch],
    *,
    workers: int,
    address: str | None,
    progress: Progress | None,
    announce: Callable[[str], None] | None,
) -> BatchResult:
    """Run a job over batches, here or on workers, and give what became of all of them."""
    numbered, total = list(enumerate(batches)), sum(len(batch.annotations) for batch in batches)
    options: dict[str, Any] = {"retries": RETRIES, "give_up": _give_up, "announce": announce}
    all_done, seen = BatchResult(), 0
    for number, result in map_unordered(_Numbered(job), numbered, workers=workers, address=address, **options):
        all_done = BatchResult(
            all_done.done + result.done, all_done.noted | result.noted, all_done.failed | result.failed
        )
        seen += len(batches[number].annotations)
        if progress:
            progress(seen, total)
    return all_done


@dataclass(frozen=True)
class _Numbered:
    """Gives the number of a batch with its result, since results come in any order."""

    job: Callable[[ScanBatch], BatchResult]

    def __call__(self, item: tuple[int, ScanBatch]) -> tuple[int, BatchResult]:
        return item[0], self.job(item[1])


def _give_up(item: tuple[int, ScanBatch], error: Exception) -> tuple[int, BatchResult]:
    if isinstance(error, OperationalError):
        raise error
    reason = reason_of(error)
    return item[0], BatchResult(failed={f"annotation {key}": reason for key in sorted(item[1].annotations)})
