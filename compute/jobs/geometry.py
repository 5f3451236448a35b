"""Measuring entities from the database and the array store: what is missing or stale, batch by batch of scans."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy.exc import OperationalError

from compute.geometry import DEFAULTS, settings_text
from compute.jobs.cluster import map_unordered
from compute.jobs.copying import upsert_rows
from compute.jobs.measuring import measure_scan, reason_of
from compute.jobs.pending import PendingScan, count_entities, find_pending, make_batches, role_of
from compute.jobs.selection import Selection
from compute.kernels.cuda.devices import Device, open_device
from compute.quantities import GeometrySettings
from schema.annotation import Geometry
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.location import Location

Progress = Callable[[int, int], None]
"""Told the entities done and the entities in all."""
Batch = tuple[PendingScan, ...]

RETRIES = 2
"""A worker may die, or lose its connection, so often before a batch counts as failed."""


@dataclass
class GeometryReport:
    """What a run measured; failures by scan, finding and round, with the reason."""

    entities: int = 0
    computed: int = 0
    located: int = 0
    """Places of entities in organ masks."""
    failed: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "entities": self.entities,
            "computed": self.computed,
            "located": self.located,
            "failed": len(self.failed),
            "failures": self.failed,
            "seconds": round(self.seconds, 3),
            "device": self.device,
        }


@dataclass(frozen=True)
class _Result:
    entities: int
    """Of the batch, measured or not."""
    computed: int = 0
    located: int = 0
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Job:
    """Measures a batch and writes it, in one transaction for what is open and one for what is hidden."""

    database: Database
    arrays: ArrayStore
    settings: GeometrySettings
    on_gpu: bool

    def __call__(self, batch: Batch) -> _Result:
        device = _gpu() if self.on_gpu else None
        measured = [measure_scan(self.database, self.arrays, self.settings, scan, device) for scan in batch]
        for visibility in sorted({scan.visibility for scan in batch}):
            rows = [one for one, scan in zip(measured, batch, strict=True) if scan.visibility is visibility]
            with self.database.transaction(role_of(visibility), visibility) as session:
                upsert_rows(session, Geometry, [row for one in rows for row in one.geometry])
                upsert_rows(session, Location, [row for one in rows for row in one.locations])
        return _Result(
            _entities(batch),
            sum(len(one.geometry) for one in measured),
            sum(len(one.locations) for one in measured),
            {name: reason for one in measured for name, reason in one.failed.items()},
        )


@cache
def _gpu() -> Device:
    """The worker's device, whose kernels are compiled once."""
    return open_device()


def _give_up(batch: Batch, error: Exception) -> _Result:
    if isinstance(error, OperationalError):
        raise error
    reason = reason_of(error)
    failed = {annotation.name: reason for scan in batch for annotation in scan.annotations}
    return _Result(_entities(batch), failed=failed)


def _entities(batch: Batch) -> int:
    return sum(scan.entities for scan in batch)


def compute_geometry(
    database: Database,
    arrays: ArrayStore,
    *,
    selection: Selection = Selection(),  # noqa: B008
    settings: GeometrySettings = DEFAULTS,
    force: bool = False,
    on_gpu: bool = False,
    workers: int = 1,
    address: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> GeometryReport:
    """Measure the entities that have no geometry, or one of other kernels or settings or of before their volume came.

    Locate those that have no place yet in an organ mask of their scan, or one of other kernels.

    A run that is stopped has kept the batches that were done; the next one goes on from there.

    Raises:
        NotFound: what the selection names is not there.
    """
    start, report = time.perf_counter(), GeometryReport(device="gpu" if on_gpu else "cpu")
    selection.require(database)
    report.entities = count_entities(database, selection)
    pending = find_pending(database, selection, settings_text(settings), force=force)
    batches = list(make_batches(pending, workers))
    job, done, total = _Job(database, arrays, settings, on_gpu), 0, sum(map(_entities, batches))
    options: dict[str, Any] = {"retries": RETRIES, "give_up": _give_up, "announce": announce}
    for result in map_unordered(job, batches, workers=workers, address=address, **options):
        report.computed += result.computed
        report.located += result.located
        report.failed |= result.failed
        done += result.entities
        if progress:
            progress(done, total)
    report.seconds = time.perf_counter() - start
    return report
