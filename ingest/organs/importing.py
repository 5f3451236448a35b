"""Importing organ masks: find the files, read them in parallel, store what is new scan by scan, report."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from compute.jobs.cluster import map_unordered
from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.frames import ScanGrid
from ingest.locking import arrays_kept, database_gone
from ingest.organs.places import OrganFiles, find_organs
from ingest.organs.reading import check_organs, read_organs
from ingest.organs.report import OrganOutcome, OrganReport, OrganState
from schema.arrays.store import ArrayStore, StoredArray
from schema.collection import Collection
from schema.database import Database, Role
from schema.errors import GroundctError, NotFound, ServerError, SourceError
from schema.import_run import Fault, FaultKind, ImportRun, RunState
from schema.organ import OrganMask, OrganScheme
from schema.scan import Scan, Volume
from schema.version import software_version

log = logging.getLogger(__name__)

Result = TypeVar("Result")

READER = 1
"""Raised with every change that may read another mask from the same files."""

Progress = Callable[[int, int], None]
"""Is told of scans done and scans in all."""


@dataclass(frozen=True)
class OrganOptions:
    """What the user asks for."""

    folder: Path
    scheme: OrganScheme
    collection: str = "ct-rate"
    dry_run: bool = False
    workers: int = 2
    dask_address: str | None = None


@dataclass(frozen=True)
class _KnownScan:
    id: UUID
    grid: ScanGrid
    fingerprint: str | None
    """Of the files from which its mask of this scheme came; None where it has none."""
    has_mask: bool
    faults: tuple[FaultDraft, ...]


@dataclass(frozen=True)
class _Item:
    files: OrganFiles
    scan: _KnownScan
    fingerprint: str


def import_organs(
    database: Database, arrays: ArrayStore, options: OrganOptions, progress: Progress | None = None
) -> OrganReport:
    """Import organ masks; running it again completes what was interrupted, and changes nothing that is complete.

    A mask that changed takes the place of the one before it, whose locations go with it. A dry run looks at names and
    headers, and tells which scans would be read.

    Raises:
        NotFound: there is no such collection.
        SourceError: there is no NIfTI file below the folder.
        ServerError, ArrayStoreError: the database went away, or the disk is full; what was imported stays.
    """
    start = time.perf_counter()
    report = OrganReport(options.scheme.name, options.dry_run)
    try:
        scans = _known_scans(database, options)
        found = find_organs(options.folder, options.scheme, scans)
        if not (found.scans or found.unknown or found.faults):
            raise SourceError(f"{options.folder}: there is no .nii.gz or .nii file below it")
        report.faults, report.unknown = found.faults, found.unknown
        items = [_item(files, scans[files.scan], options.scheme) for files in found.scans]
        if options.dry_run:
            _run_items(_Check(), items, options, report, progress)
        else:
            arrays.sweep_scratch()
            with arrays_kept(database), _run(database, options) as run_id:
                _run_items(_Import(database, arrays, options.scheme, run_id), items, options, report, progress)
                _save_report(database, run_id, report)
    except OperationalError as error:
        raise database_gone(error) from None
    report.seconds = time.perf_counter() - start
    return report


def _known_scans(database: Database, options: OrganOptions) -> dict[str, _KnownScan]:
    query = (
        sa.select(
            col(Scan.name),
            col(Scan.id),
            col(Scan.shape_vox),
            col(Volume.affine_ras),
            col(OrganMask.id),
            col(OrganMask.fingerprint),
            col(OrganMask.faults),
        )
        .join(Collection, col(Collection.id) == col(Scan.collection_id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .outerjoin(
            OrganMask, sa.and_(col(OrganMask.scan_id) == col(Scan.id), col(OrganMask.scheme) == options.scheme.name)
        )
        .where(col(Collection.name) == options.collection)
    )
    with database.transaction() as session:
        found = {name: _known_scan(*row) for name, *row in session.execute(query)}
        known = select(Collection.id).where(Collection.name == options.collection)
        if not found and session.exec(known).one_or_none() is None:
            raise NotFound(f"there is no collection {options.collection!r}; import its scans first")
    return found


def _known_scan(
    key: UUID,
    shape_vox: list[int],
    affine: list[float] | None,
    mask: int | None,
    fingerprint: str | None,
    faults: list[dict[str, object]] | None,
) -> _KnownScan:
    i, j, k = shape_vox
    grid = ScanGrid((i, j, k), None if affine is None else np.array(affine).reshape(4, 4))
    told = tuple(FaultDraft(**one) for one in faults or ())  # type: ignore[arg-type]  # as `to_json` gave them
    return _KnownScan(key, grid, fingerprint, mask is not None, told)


def _item(files: OrganFiles, scan: _KnownScan, scheme: OrganScheme) -> _Item:
    affine = None if scan.grid.affine_ras is None else scan.grid.affine_ras.ravel().tolist()
    states = [(path.name, *_file_state(path)) for path in sorted([*files.paths, *files.strangers])]
    words = [READER, scheme.to_json(), scan.grid.shape_vox, affine, states]
    return _Item(files, scan, hashlib.sha256(json.dumps(words).encode()).hexdigest())


def _file_state(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError:  # a link to nothing; reading it gives the fault
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _run_items(
    job: Callable[[_Item], OrganOutcome],
    items: list[_Item],
    options: OrganOptions,
    report: OrganReport,
    progress: Progress | None,
) -> None:
    pending = []
    for item in items:
        if item.fingerprint == item.scan.fingerprint:
            report.outcomes.append(OrganOutcome(item.files.scan, OrganState.UNCHANGED, item.scan.faults))
        else:
            pending.append(item)
    for outcome in map_unordered(job, pending, workers=options.workers, address=options.dask_address):
        report.outcomes.append(outcome)
        if progress:
            progress(len(report.outcomes), len(items))


@dataclass(frozen=True)
class _Check:
    """Looks at the headers of one scan's files; runs in a worker."""

    def __call__(self, item: _Item) -> OrganOutcome:
        state = OrganState.CHANGED if item.scan.has_mask else OrganState.NEW
        try:
            _guarded(item, lambda: check_organs(item.files, item.scan.grid))
        except CaseLeftOut as error:
            return _left_out(item, error)
        return OrganOutcome(item.files.scan, state)


@dataclass(frozen=True)
class _Import:
    """Reads and writes the organs of one scan; runs in a worker."""

    database: Database
    arrays: ArrayStore
    scheme: OrganScheme
    run_id: int

    def __call__(self, item: _Item) -> OrganOutcome:
        try:
            read = _guarded(item, lambda: read_organs(item.files, self.scheme, item.scan.grid))
            faults = tuple(replace(one, scan=item.files.scan) for one in read.faults)
            stored = self.arrays.write_labels([read.labels], "labels")
            with self.database.transaction(Role.OWNER) as session:
                state = self._save(session, item, stored, faults)
        except CaseLeftOut as error:
            return _left_out(item, error)
        except OperationalError as error:
            raise database_gone(error) from None
        return OrganOutcome(item.files.scan, state, faults)

    def _save(self, session: Session, item: _Item, stored: StoredArray, faults: tuple[FaultDraft, ...]) -> OrganState:
        """Write the row; one that says another thing of the voxels goes first, and what was located by it."""
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(item.files.scan, 0))))
        key = {"scan_id": item.scan.id, "scheme": self.scheme.name}
        said = {"names": self.scheme.to_json(), "digest": stored.digest}
        beside = {
            "stored_sha256": stored.stored_sha256,
            "stored_bytes": stored.stored_bytes,
            "fingerprint": item.fingerprint,
            "faults": [one.to_json() for one in faults],
            "import_run_id": self.run_id,
        }
        known = session.exec(select(OrganMask).filter_by(**key)).one_or_none()
        if known is not None and {name: getattr(known, name) for name in said} == said:
            session.execute(sa.update(OrganMask).where(col(OrganMask.id) == known.id).values(**beside))
            return OrganState.UNCHANGED
        if known is not None:
            session.execute(sa.delete(OrganMask).where(col(OrganMask.id) == known.id))
        session.execute(sa.insert(OrganMask).values(**key, **said, **beside))
        return OrganState.NEW if known is None else OrganState.CHANGED


def _guarded(item: _Item, read: Callable[[], Result]) -> Result:
    """Read a scan's files; whatever goes wrong leaves that scan out, and nothing else."""
    try:
        return read()
    except (CaseLeftOut, GroundctError):
        raise
    except Exception as error:
        log.exception("reading the organs of %s", item.files.scan)
        message = f"it cannot be read ({type(error).__name__}: {error}); the log has the details"
        raise CaseLeftOut(fault(FaultKind.UNREADABLE_FILE, message, path=item.files.paths[0])) from error


def _left_out(item: _Item, error: CaseLeftOut) -> OrganOutcome:
    faults = tuple(replace(one, scan=item.files.scan) for one in error.faults)
    return OrganOutcome(item.files.scan, OrganState.LEFT_OUT, faults)


@contextmanager
def _run(database: Database, options: OrganOptions) -> Iterator[int]:
    run = ImportRun(
        kind="organs",
        source=str(options.folder.absolute()),
        settings={"scheme": options.scheme.name, "collection": options.collection},
        software_version=software_version(),
    )
    with database.transaction() as session:
        session.add(run)
        session.flush()
        run_id = run.id
    try:
        yield run_id
    except BaseException as error:
        if not isinstance(error, (ServerError, OperationalError)):
            with database.transaction() as session:
                _finish(session, run_id, RunState.FAILED)
        raise


def _finish(session: Session, run_id: int, state: RunState) -> None:
    statement = sa.update(ImportRun).where(col(ImportRun.id) == run_id)
    session.execute(statement.values(state=state, finished_at=sa.func.now()))


def _save_report(database: Database, run_id: int, report: OrganReport) -> None:
    with database.transaction() as session:
        rows = [{"run_id": run_id, **one.to_json()} for one in report.all_faults]
        if rows:
            session.execute(sa.insert(Fault), rows)
        _finish(session, run_id, RunState.DONE)
