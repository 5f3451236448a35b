"""The steps of the run, through the public functions: each is timed, printed, and checked."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.scale.dataset import Written
from benchmarks.scale.memory import watch_memory
from compute.geometry import DEFAULTS, settings_text
from compute.jobs.geometry import compute_geometry
from compute.jobs.pending import find_pending
from compute.jobs.selection import Selection
from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME
from ingest.report import ImportReport
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role

HIDDEN = frozenset({"test"})


@dataclass
class Run:
    """One run over a database and a store, what was measured of it, and what was wrong."""

    database: Database
    store: ArrayStore
    workers: int
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def note(self, text: str, **figures: Any) -> None:
        """Print a line and keep its figures."""
        self.figures |= figures
        print(text, flush=True)  # noqa: T201

    def expect(self, what: str, found: int, expected: int) -> None:
        """Note a problem where two numbers differ."""
        if found != expected:
            self.problems.append(f"{what}: {found:,} where {expected:,} were expected")

    @contextmanager
    def timed(self, name: str, what: str) -> Iterator[None]:
        """Time a step and watch its memory."""
        start = time.perf_counter()
        with watch_memory() as peak:
            yield
        seconds = time.perf_counter() - start
        figures = {"seconds": seconds, "peak_mb": peak.together / 1e6, "peak_of_one_mb": peak.one / 1e6}
        memory = f"peak memory {peak.together / 1e6:,.0f} MB in all processes, {peak.one / 1e6:,.0f} MB in one"
        self.note(f"{what}: {seconds:,.1f} s; {memory}", **{name: figures})


def import_scans(run: Run, name: str, folder: Path, written: Written, *, workers: int | None = None) -> float:
    """Import a dataset as round and release `name`, and check its report; gives the seconds."""
    options = ImportOptions(
        folder / JSON_NAME,
        round=name,
        release=name,
        hide=HIDDEN & written.splits,
        collection=name,
        workers=workers or run.workers,
    )
    with run.timed(name, f"import of {written.scans:,} scans, {written.entities:,} entities"):
        report = import_dataset(run.database, run.store, options)
    check_import(run, name, report, written)
    stages = stage_seconds(report)
    shown = ", ".join(f"{stage} {seconds:.4f}" for stage, seconds in stages.items())
    run.note(f"  seconds a scan in a worker: {shown}", **{f"{name}_stages": stages})
    return report.seconds


def check_import(run: Run, name: str, report: ImportReport, written: Written) -> None:
    """Everything that was written is in, and nothing was found wrong."""
    document = report.to_json()
    kinds = Counter(f"{one.severity} {one.kind}" for one in report.all_faults)
    run.problems += [f"{name}: {count} times {kind}" for kind, count in sorted(kinds.items())]
    run.expect(f"{name}: scans imported", document["scans"]["new"], written.scans)
    run.expect(f"{name}: findings imported", document["findings"]["new"], written.findings)
    run.expect(f"{name}: entities imported", document["entities"]["new"], written.entities)


def stage_seconds(report: ImportReport) -> dict[str, float]:
    """Mean seconds of each stage over the scans of an import; a stage may lie within another."""
    total = sum((Counter(one.seconds) for one in report.outcomes), Counter())
    return {stage: seconds / len(report.outcomes) for stage, seconds in total.items()}


def measure_entities(run: Run, name: str, what: str, expected: int, *, force: bool = False) -> None:
    """Run the geometry job, and check that it measured so many entities without a failure."""
    with run.timed(name, what):
        report = compute_geometry(run.database, run.store, force=force, workers=run.workers)
    run.problems += [f"{name}: {where}: {reason}" for where, reason in list(report.failed.items())[:10]]
    run.expect(f"{name}: entities measured", report.computed, expected)


def probe_pending(run: Run, name: str, expected: int) -> None:
    """Time the query for what is still to be measured."""
    start = time.perf_counter()
    found = find_pending(run.database, Selection(), settings_text(DEFAULTS), force=False)
    seconds = time.perf_counter() - start
    run.expect(f"{name}: entities pending", sum(scan.entities for scan in found), expected)
    run.note(f"asking what is to be measured ({expected:,} entities): {seconds:.3f} s", **{name: seconds})


def weigh(run: Run, name: str) -> int:
    """Say how many bytes store and database have; gives those of the store."""
    with run.database.engine(Role.OWNER).connect() as connection:
        rows = int(connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
    arrays = sum(entry.stored_bytes for entry in run.store.iter_arrays())
    run.note(f"store {arrays / 1e6:,.1f} MB, database {rows / 1e6:,.1f} MB", **{name: {"store": arrays, "rows": rows}})
    return arrays
