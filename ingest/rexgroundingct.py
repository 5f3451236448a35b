"""Importing a dataset in the ReXGroundingCT layout: plan, read in parallel, write scan by scan, report."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from compute.geometry import KERNEL_VERSION
from compute.jobs.cluster import map_unordered
from ingest.cases import Case, CaseFile, read_case_file
from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.hiding import hide_scan
from ingest.loading import CaseOutcome, CaseStore, ImportTarget, load_case
from ingest.places import Places, ct_rate_path
from ingest.reading import read_case
from ingest.report import ImportReport, save_report
from ingest.timing import Stopwatch
from schema.annotation import AnnotationPolicy
from schema.arrays.store import ArrayStore
from schema.collection import Collection
from schema.database import LOCK_ARRAYS, Database, Role
from schema.errors import GroundctError, NotFound, ServerError, SourceError
from schema.identity import scan_id
from schema.import_run import FaultKind, ImportedScan, ImportRun, RunState
from schema.ontology import Category, Ontology, rexgroundingct_ontology
from schema.release import Release, ReleaseKind, ReleaseScan, ReleaseSplit, Visibility
from schema.release_digest import save_digests
from schema.round import Round
from schema.scan import Scan, VolumeStorage
from schema.version import software_version

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportOptions:
    """What the user asks for."""

    dataset: Path
    round: str
    masks: Path | None = None
    volumes: Path | None = None
    release: str | None = None
    hide: frozenset[str] = frozenset()
    policy: AnnotationPolicy | None = None
    volumes_as: VolumeStorage = VolumeStorage.COPY
    terms: str | None = None
    collection: str = "ct-rate"
    workers: int = 2
    dask_address: str | None = None

    @property
    def places(self) -> Places:
        """Where the files are."""
        return Places.beside(self.dataset, self.masks, self.volumes)


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
            raise _database_gone(error) from None
        outcome.seconds = dict(watch.seconds)
        return outcome

    def _import(self, item: _CaseItem, outcome: CaseOutcome, watch: Stopwatch) -> None:
        read = self._read(item.case, watch)
        outcome.faults += read.faults
        visibility = Visibility.HIDDEN if item.hidden else Visibility.OPEN
        store = CaseStore(self.arrays, "hidden" if item.hidden else "labels", self.volumes_as, watch)
        with watch("write"), self.database.transaction(_role(visibility), visibility) as session:
            if item.hidden:
                hide_scan(session, self.arrays, scan_id(self.target.collection, item.case.name.scan))
            load_case(session, self.target, store, read, item.fingerprint, outcome)

    def _read(self, case: Case, watch: Stopwatch) -> Any:
        try:
            return read_case(case, self.places, watch)
        except (CaseLeftOut, GroundctError):
            raise
        except Exception as error:
            log.exception("reading %s", case.name.scan)
            message = f"it cannot be read ({type(error).__name__}: {error}); the log has the details"
            raise CaseLeftOut(fault(FaultKind.UNREADABLE_FILE, message, scan=case.name.scan)) from error


def _role(visibility: Visibility) -> Role:
    return Role.OWNER if visibility is Visibility.HIDDEN else Role.API


def _database_gone(error: OperationalError) -> ServerError:
    reason = str(error.orig).splitlines()[0] if error.orig else "no answer"
    return ServerError(f"the database went away ({reason}); what was imported stays: run the same command to go on")


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
    with _shared_lock(database), _run(database, options, source) as target:
        _import_cases(database, arrays, options, source, target, report, progress or _quiet)
        if target.release_id is not None:
            report.digest = save_digests(database, target.release_id).logical
        report.seconds = time.perf_counter() - start
        save_report(database, target.run_id, report)
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
def _shared_lock(database: Database) -> Iterator[None]:
    """Keep garbage collection away while arrays are written whose rows are not yet committed."""
    with database.engine().connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock_shared(LOCK_ARRAYS)))
        connection.commit()
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.rollback()
                connection.execute(sa.select(sa.func.pg_advisory_unlock_shared(LOCK_ARRAYS)))


@contextmanager
def _run(database: Database, options: ImportOptions, source: CaseFile) -> Iterator[ImportTarget]:
    with database.transaction(Role.OWNER) as session:
        target = _start(session, options, source)
    try:
        yield target
    except BaseException as error:
        if not isinstance(error, ServerError):
            with database.transaction() as session:
                statement = sa.update(ImportRun).where(col(ImportRun.id) == target.run_id)
                session.execute(statement.values(state=RunState.FAILED, finished_at=sa.func.now()))
        raise


def _start(session: Session, options: ImportOptions, source: CaseFile) -> ImportTarget:
    collection_id = _ensure(session, Collection, {"name": options.collection}, {})
    protocols = sorted({case.protocol for case in source.cases if case.protocol})
    round_id = _ensure(
        session,
        Round,
        {"name": options.round},
        {"collection_id": collection_id, "protocols": protocols, "source": options.dataset.name},
    )
    ontology_id = _ontology_id(session)
    release_id = _start_release(session, options, source, collection_id, ontology_id) if options.release else None
    categories = session.exec(
        select(Category.code, Category.id).where(Category.ontology_id == ontology_id, Category.assignable)
    )
    run = ImportRun(
        kind="rexgroundingct",
        source=str(options.dataset.absolute()),
        settings={"round": options.round, "release": options.release, "sha256": source.sha256},
        software_version=software_version(),
    )
    session.add(run)
    session.flush()
    return ImportTarget(
        run_id=run.id,
        collection_id=collection_id,
        collection=options.collection,
        categories=dict(categories.all()),
        round_id=round_id,
        round=options.round,
        release_id=release_id,
        release=options.release,
        policy=options.policy,
        terms=options.terms,
    )


def _ontology_id(session: Session) -> int:
    draft = rexgroundingct_ontology()
    query = select(Ontology.id).where(Ontology.name == draft.name, Ontology.version == draft.version)
    found = session.exec(query).one_or_none()
    if found is None:
        raise NotFound(f"ontology {draft.name} {draft.version} is not in the database; run `groundct migrate`")
    return found


def _ensure(session: Session, model: Any, key: dict[str, Any], values: dict[str, Any]) -> int:
    session.execute(insert(model).values(**key, **values).on_conflict_do_nothing())
    found: int = session.exec(select(model.id).filter_by(**key)).one()
    return found


def _start_release(
    session: Session, options: ImportOptions, source: CaseFile, collection_id: int, ontology_id: int
) -> int:
    facts = {
        "collection_id": collection_id,
        "ontology_id": ontology_id,
        "kind": ReleaseKind.PUBLISHED,
        "source_sha256": source.sha256,
    }
    release_id = _ensure(session, Release, {"name": options.release}, facts)
    for split in sorted({case.split for case in source.cases}):
        visibility = Visibility.HIDDEN if split in options.hide else Visibility.OPEN
        row = {"release_id": release_id, "name": split}
        session.execute(insert(ReleaseSplit).values(**row, visibility=visibility).on_conflict_do_nothing())
        if options.hide and _visibility(session, row) is not visibility:
            raise SourceError(
                f"release {options.release} was imported with the split {split} {_visibility(session, row).value}; "
                "give this import another --release name"
            )
    return release_id


def _visibility(session: Session, key: dict[str, Any]) -> Visibility:
    return Visibility(session.exec(select(ReleaseSplit.visibility).filter_by(**key)).one())


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


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do and need."""

    scans: int
    left_out: int
    bytes_needed: int
    """Bytes of the files that would be copied, an upper bound of what the store will hold."""
    bytes_free: int
    missing_volumes: tuple[str, ...]
    """As paths within CT-RATE's repository."""
    missing_masks: tuple[str, ...]
    faults: tuple[FaultDraft, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the plan as `--dry-run --json` prints it."""
        return {
            "scans": self.scans,
            "left_out": self.left_out,
            "bytes": {"needed": self.bytes_needed, "free": self.bytes_free},
            "missing": {"volumes": list(self.missing_volumes), "masks": list(self.missing_masks)},
            "faults": [one.to_json() for one in self.faults],
        }


def plan_import(options: ImportOptions, arrays_folder: Path) -> ImportPlan:
    """Look at what an import would do, without the database and without writing.

    Raises:
        SourceError: the file cannot be used.
    """
    source, places = read_case_file(options.dataset), options.places
    volumes = {case: places.find_volume(case.name) for case in source.cases}
    masks = {case: places.find_mask(case.name) for case in source.cases}
    copied = [path for path in volumes.values() if path] if options.volumes_as is VolumeStorage.COPY else []
    needed = sum(path.stat().st_size for path in [*copied, *(path for path in masks.values() if path)])
    return ImportPlan(
        scans=len(source.cases),
        left_out=len(source.left_out),
        bytes_needed=needed,
        bytes_free=shutil.disk_usage(_existing(arrays_folder)).free,
        missing_volumes=tuple(ct_rate_path(case.name) for case, path in volumes.items() if path is None),
        missing_masks=tuple(case.name.scan for case, path in masks.items() if path is None and case.declares_counts),
        faults=(*(one for _, faults in source.left_out for one in faults), *source.leaks),
    )


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
