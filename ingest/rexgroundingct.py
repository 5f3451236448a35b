"""Importing a dataset in the ReXGroundingCT layout: plan, read in parallel, write scan by scan, report."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from compute.geometry import KERNEL_VERSION
from compute.jobs.cluster import map_unordered
from ingest.cases import Case, CaseFile, read_case_file
from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.hiding import hide_scan
from ingest.loading import CaseOutcome, CaseStore, KeptVolume, has_volume, load_case
from ingest.locking import arrays_kept, database_gone
from ingest.options import ImportOptions
from ingest.places import Places
from ingest.reading import ReadCase, measure_case, read_files
from ingest.releases.recording import release_leaks
from ingest.report import ImportReport, save_report
from ingest.reports.linking import link_scan
from ingest.target import ImportTarget, start_run
from ingest.timing import Stopwatch
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import GroundctError, ServerError, SourceError
from schema.identity import scan_id
from schema.import_run import FaultKind, ImportedScan, ImportRun, RunState
from schema.release import ReleaseScan, ReleaseSplit, Visibility
from schema.release_digest import save_digests
from schema.scan import Scan, VolumeStorage

log = logging.getLogger(__name__)


Progress = Callable[[int, int], None]
"""Is told of cases done and cases in all."""


@dataclass(frozen=True)
class _CaseItem:
    case: Case
    fingerprint: str
    hidden: bool


@dataclass(frozen=True)
class _CaseJob:
    """Reads and writes one case; runs in a worker."""

    database: Database
    arrays: ArrayStore
    places: Places
    volumes_as: VolumeStorage
    target: ImportTarget

    def __call__(self, item: _CaseItem) -> CaseOutcome:
        outcome = CaseOutcome(item.case.name.scan, hidden=item.hidden)
        watch = Stopwatch()
        try:
            self._import(item, outcome, watch)
        except CaseLeftOut as error:
            outcome = CaseOutcome(item.case.name.scan, item.hidden, left_out=True, faults=list(error.faults))
        except OperationalError as error:
            raise database_gone(error) from None
        outcome.seconds = dict(watch.seconds)
        return outcome

    def _import(self, item: _CaseItem, outcome: CaseOutcome, watch: Stopwatch) -> None:
        """Read the files, then let the volume be written in a thread while everything else goes on here."""
        with self._surprises_left_out(item.case):
            files = read_files(item.case, self.places, watch)
        store = CaseStore(self.arrays, "hidden" if item.hidden else "labels", self.volumes_as, watch)
        with ThreadPoolExecutor(1, "volume") as thread:
            volume = thread.submit(store.keep_volume, files.volume, known=self._has_volume(item))
            with self._surprises_left_out(item.case):
                read = measure_case(files, self.places, watch)
            outcome.faults += read.faults
            with watch("write"):
                self._load(item, store, read, volume, outcome)

    def _has_volume(self, item: _CaseItem) -> bool:
        with self.database.transaction() as session:
            return has_volume(session, self._scan_id(item))

    def _load(
        self, item: _CaseItem, store: CaseStore, read: ReadCase, volume: Future[KeptVolume | None], outcome: CaseOutcome
    ) -> None:
        visibility = Visibility.HIDDEN if item.hidden else Visibility.OPEN
        with self.database.transaction(_role(visibility), visibility) as session:
            if item.hidden:
                hide_scan(session, self.arrays, self._scan_id(item))
            load_case(session, self.target, store, read, volume, item.fingerprint, outcome)
            outcome.faults += link_scan(session, self._scan_id(item)).faults

    def _scan_id(self, item: _CaseItem) -> UUID:
        return scan_id(self.target.collection, item.case.name.scan)

    @contextmanager
    def _surprises_left_out(self, case: Case) -> Iterator[None]:
        """Leave a case out for what nobody foresaw, instead of ending the import."""
        try:
            yield
        except (CaseLeftOut, GroundctError):
            raise
        except Exception as error:
            log.exception("reading %s", case.name.scan)
            message = f"it cannot be read ({type(error).__name__}: {error}); the log has the details"
            path = self.places.find_mask(case.name)
            raise CaseLeftOut(fault(FaultKind.UNREADABLE_FILE, message, scan=case.name.scan, path=path)) from error


def _role(visibility: Visibility) -> Role:
    return Role.OWNER if visibility is Visibility.HIDDEN else Role.API


def import_dataset(
    database: Database, arrays: ArrayStore, options: ImportOptions, progress: Progress | None = None
) -> ImportReport:
    """Import a dataset; running it again completes what was interrupted, and changes nothing that is complete.

    Raises:
        SourceError: the options contradict one another.
        ServerError, ArrayStoreError: the database went away, or the disk is full; what was imported stays.
    """
    start = time.perf_counter()
    report = ImportReport(options.round, options.release)
    try:
        source = read_case_file(options.dataset)
    except SourceError as error:
        report.faults.append(fault(FaultKind.BAD_JSON, str(error), path=options.dataset))
        return report
    _check(options, source)
    arrays.sweep_scratch()
    try:
        with arrays_kept(database), _run(database, options, source) as target:
            _import_cases(database, arrays, options, source, target, report, progress or _quiet)
            if target.release_id is not None:
                with database.transaction(Role.OWNER) as session:
                    report.digest = save_digests(session, target.release_id).logical
                    report.faults += release_leaks(session, target.release_id, options.release or "", options.dataset)
            report.seconds = time.perf_counter() - start
            save_report(database, target.run_id, report)
    except OperationalError as error:
        raise database_gone(error) from None
    return report


def _quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def _check(options: ImportOptions, source: CaseFile) -> None:
    if options.hide and options.release is None:
        raise SourceError("--hide needs --release NAME: a split is hidden as a part of a release")
    splits = {case.split for case in source.cases}
    if unknown := sorted(options.hide - splits):
        raise SourceError(f"--hide {unknown[0]}: the file's splits are {', '.join(sorted(splits))}")


@contextmanager
def _run(database: Database, options: ImportOptions, source: CaseFile) -> Iterator[ImportTarget]:
    with database.transaction(Role.OWNER) as session:
        target = start_run(session, options, source)
    try:
        yield target
    except BaseException as error:
        if not isinstance(error, ServerError):
            with database.transaction() as session:
                statement = sa.update(ImportRun).where(col(ImportRun.id) == target.run_id)
                session.execute(statement.values(state=RunState.FAILED, finished_at=sa.func.now()))
        raise


def _import_cases(
    database: Database,
    arrays: ArrayStore,
    options: ImportOptions,
    source: CaseFile,
    target: ImportTarget,
    report: ImportReport,
    progress: Progress,
) -> None:
    hidden = _hidden_scans(database, target, source, options)
    done = _fingerprints(database, target, with_hidden=bool(hidden))
    for name, faults in source.left_out:
        report.outcomes.append(CaseOutcome(name, hidden=False, left_out=True, faults=list(faults)))
    report.faults += source.leaks
    pending = []
    for case in source.cases:
        item = _CaseItem(case, _fingerprint(case, options), case.name.scan in hidden)
        known = done.get((case.name.scan, item.hidden))
        if known is None or known.fingerprint != item.fingerprint:
            pending.append(item)
        else:
            report.outcomes.append(_repeated(known, item))
    total = len(source.cases)
    progress(total - len(pending), total)
    job = _CaseJob(database, arrays, options.places, options.volumes_as, target)
    for outcome in map_unordered(job, pending, workers=options.workers, address=options.dask_address):
        report.outcomes.append(outcome)
        progress(len(report.outcomes) - len(source.left_out), total)


def _repeated(known: ImportedScan, item: _CaseItem) -> CaseOutcome:
    faults = [FaultDraft(**one) for one in known.faults]
    return CaseOutcome(known.scan, item.hidden, findings=known.findings, entities=known.entities, faults=faults)


def _hidden_scans(database: Database, target: ImportTarget, source: CaseFile, options: ImportOptions) -> set[str]:
    """Give the scans whose annotations are hidden: by this import, or by any release before."""
    query = (
        select(Scan.name)
        .join(ReleaseScan, col(ReleaseScan.scan_id) == col(Scan.id))
        .join(
            ReleaseSplit,
            sa.and_(
                col(ReleaseSplit.release_id) == col(ReleaseScan.release_id),
                col(ReleaseSplit.name) == col(ReleaseScan.split),
            ),
        )
        .where(Scan.collection_id == target.collection_id, ReleaseSplit.visibility == Visibility.HIDDEN)
    )
    with database.transaction() as session:
        before = set(session.exec(query))
        splits = select(ReleaseSplit.name).where(
            ReleaseSplit.release_id == target.release_id, ReleaseSplit.visibility == Visibility.HIDDEN
        )
        now = options.hide | set(session.exec(splits))
    return before | {case.name.scan for case in source.cases if case.split in now}


def _fingerprints(
    database: Database, target: ImportTarget, *, with_hidden: bool
) -> dict[tuple[str, bool], ImportedScan]:
    found: dict[tuple[str, bool], ImportedScan] = {}
    for visibility in Visibility if with_hidden else (Visibility.OPEN,):
        with database.transaction(_role(visibility), visibility) as session:
            for row in session.exec(select(ImportedScan).where(ImportedScan.source_key == target.source_key)):
                session.expunge(row)
                found[row.scan, visibility is Visibility.HIDDEN] = row
    return found


def _fingerprint(case: Case, options: ImportOptions) -> str:
    files = [_file_state(path) for path in (options.places.find_mask(case.name), options.places.find_volume(case.name))]
    policy = str(options.policy) if options.policy else None
    words = [case.source_sha256, files, policy, options.volumes_as, options.terms, KERNEL_VERSION]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _file_state(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    state = path.stat()
    return state.st_size, state.st_mtime_ns
