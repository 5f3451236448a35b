"""Taking back what annotators drew: check the sidecar, then read, hold against what went out, and save file by file."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from compute.geometry import measure_finding
from compute.jobs.cluster import map_unordered
from compute.jobs.frames import open_frame
from compute.quantities import ScanFrame
from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.frames import read_placed
from ingest.loading import CaseOutcome
from ingest.locking import database_gone
from ingest.report import ImportReport, save_report
from ingest.rounds.campaign import Campaign, Wanted, open_campaign, require_owner, wanted_findings
from ingest.rounds.checking import Archived, Return, SidecarCheck
from ingest.rounds.drawn import read_drawn
from ingest.rounds.evidence import misplaced
from ingest.rounds.people import annotators, get_annotator
from ingest.rounds.saving import AcceptedAlready, Author, HandoutWithdrawn, Saved, find_latest, foresee, save_annotation
from ingest.rounds.sidecar import SidecarRow, read_sidecar
from schema.annotation import AnnotationState
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import GroundctError, ServerError
from schema.handout import Handout, HandoutState
from schema.import_run import FaultKind, ImportRun, RunState, Severity
from schema.round import Person
from schema.scan import Scan, Volume
from schema.version import software_version

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Is told of scans done and scans in all."""


@dataclass(frozen=True)
class ReturnOptions:
    """What the user asks for."""

    folder: Path
    sidecar: Path
    round: str
    annotator: str | None = None
    """Whose rows without an annotator are; all rows, where it is given."""
    as_drawn: bool = False
    """Take labels that look mirrored, swapped or shifted as they are, with a warning."""
    dry_run: bool = False
    workers: int = 1
    dask_address: str | None = None


class Untaken(StrEnum):
    """What did not come in."""

    UNTOUCHED = "untouched"
    """A draft whose labels are those that went out."""
    LEFT_OUT = "left_out"


Became = Saved | Untaken


@dataclass(frozen=True)
class ReturnOutcome:
    """What became of one finding that came back."""

    scan: str
    finding: int
    annotator: str
    hidden: bool
    became: Became
    entities: int
    faults: tuple[FaultDraft, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the outcome as `--json` prints it."""
        return {"scan": self.scan, "finding": self.finding, "annotator": self.annotator, "became": self.became}


@dataclass
class ReturnReport:
    """What came back."""

    round: str
    dry_run: bool
    outcomes: list[ReturnOutcome] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """Give how many findings became what."""
        counted = Counter(outcome.became for outcome in self.outcomes)
        return {each.value: counted[each] for kind in (Saved, Untaken) for each in kind}

    @property
    def imported(self) -> ImportReport:
        """Give it as imports are reported and stored, by scan."""
        ordered = sorted(self.outcomes, key=lambda each: (each.scan, each.finding, each.annotator))
        cases = [_case(list(each)) for _, each in groupby(ordered, key=lambda each: each.scan)]
        return ImportReport(self.round, outcomes=cases, seconds=self.seconds)

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        document = self.imported.to_json()
        kept = {name: document[name] for name in ("round", "scans", "findings", "entities", "faults", "seconds")}
        returned = [outcome.to_json() for outcome in self.outcomes]
        return {**kept, "annotations": self.counts, "returned": returned, "dry_run": self.dry_run}


def _case(outcomes: Sequence[ReturnOutcome]) -> CaseOutcome:
    taken = [each for each in outcomes if each.became is not Untaken.LEFT_OUT]
    added = [each for each in taken if each.became in (Saved.NEW, Saved.SUPERSEDING)]
    return CaseOutcome(
        outcomes[0].scan,
        outcomes[0].hidden,
        findings=len(taken),
        entities=sum(each.entities for each in taken),
        entities_new=sum(each.entities for each in added),
        left_out=not taken,
        faults=[one for each in outcomes for one in each.faults],
    )


def take_back(
    database: Database, arrays: ArrayStore, options: ReturnOptions, progress: Progress | None = None
) -> ReturnReport:
    """Take back a folder; run again, it changes nothing that is in already.

    A sidecar that does not fit its folder or the archive is refused whole. A file that cannot be used leaves its
    finding out, and the rest comes in: each finding in a transaction of its own.

    Raises:
        NotFound: there is no such round, or annotator.
        SidecarRefused: the sidecar, with every problem.
        SourceError: the sidecar cannot be read, or the round is closed.
        SettingsError: findings are hidden, and the owner is not known.
        ServerError, ArrayStoreError: the database went away, or the disk is full; what was taken stays.
    """
    start = time.perf_counter()
    report = ReturnReport(options.round, options.dry_run)
    rows = read_sidecar(options.sidecar)
    try:
        with database.transaction() as session:
            campaign = open_campaign(session, options.round)
            if options.annotator is not None:
                get_annotator(session, options.annotator)
            people = annotators(session)
        returns = _check(database, campaign, options, rows, frozenset(people))
        settings = {"round": options.round, "annotator": options.annotator, "sidecar": options.sidecar.name}
        noting = nullcontext() if options.dry_run else noted_run(database, str(options.folder.absolute()), settings)
        with noting as run_id:
            job = ReturnJob(database, arrays, campaign, people, run_id, options.as_drawn, options.dry_run)
            _take(job, returns, options, report, progress)
            report.seconds = time.perf_counter() - start
            if run_id is not None:
                save_report(database, run_id, report.imported)
    except OperationalError as error:
        raise database_gone(error) from None
    return report


def _take(
    job: "ReturnJob", returns: Sequence[Return], options: ReturnOptions, report: ReturnReport, progress: Progress | None
) -> None:
    ordered = sorted(returns, key=lambda each: (each.wanted.scan, each.wanted.index, each.annotator))
    items = [tuple(each) for _, each in groupby(ordered, key=lambda each: each.wanted.scan)]
    done = map_unordered(job, items, workers=options.workers, address=options.dask_address)
    for n, outcomes in enumerate(done, 1):
        report.outcomes += outcomes
        if progress:
            progress(n, len(items))


def _check(
    database: Database, campaign: Campaign, options: ReturnOptions, rows: Sequence[SidecarRow], known: frozenset[str]
) -> list[Return]:
    names = sorted({row.scan.removesuffix(".nii.gz") for row in rows})
    with database.transaction() as session:
        wanted = wanted_findings(session, campaign, names)
        query = select(Scan.name).where(Scan.collection_id == campaign.collection_id, col(Scan.name).in_(names))
        scans = frozenset(session.exec(query))
    require_owner(database, wanted)
    archived = Archived(
        scans=scans,
        findings={(each.scan, each.index): each for each in wanted},
        annotators=known,
        handed_out=handed_out(database, campaign, wanted),
    )
    return SidecarCheck(options.folder, options.sidecar, archived, options.annotator).returns(rows)


def handed_out(database: Database, campaign: Campaign, wanted: Sequence[Wanted]) -> dict[str, frozenset[UUID]]:
    """Give the findings that each annotator was given in a round, as far as where these findings stand tells.

    What was withdrawn is not among them; for those from whom all was withdrawn there are none.
    """
    found: dict[str, set[UUID]] = {}
    query = (
        select(Person.pseudonym, Handout.finding_id, Handout.state)
        .join(Person, col(Person.id) == col(Handout.annotator_id))
        .where(Handout.round_id == campaign.id)
    )
    for role, visibility in {(each.role, each.visibility) for each in wanted}:
        with database.transaction(role, visibility) as session:
            for name, finding, state in session.exec(query):
                found.setdefault(name, set()).update({finding} if state != HandoutState.WITHDRAWN else ())
    return {name: frozenset(each) for name, each in found.items()}


@dataclass(frozen=True)
class ReturnJob:
    """Takes back findings of one scan; runs in a worker."""

    database: Database
    arrays: ArrayStore
    campaign: Campaign
    people: dict[str, int]
    run_id: int | None
    as_drawn: bool
    dry_run: bool

    def __call__(self, returns: Sequence[Return]) -> list[ReturnOutcome]:
        """Take each by itself: saved in a transaction of its own, or left out whole with its faults."""
        scan = _ScanVoxels(self.database, self.arrays, returns[0].wanted)
        return [self._outcome(each, scan) for each in returns]

    def _outcome(self, each: Return, scan: "_ScanVoxels") -> ReturnOutcome:
        facts = (each.wanted.scan, each.wanted.index, each.annotator, each.wanted.hidden)
        try:
            became, entities, faults = self._take(each, scan)
        except CaseLeftOut as error:
            return ReturnOutcome(*facts, Untaken.LEFT_OUT, 0, _named(each.wanted, error.faults))
        except OperationalError as error:
            raise database_gone(error) from None
        return ReturnOutcome(*facts, became, entities, _named(each.wanted, faults))

    def _take(self, each: Return, scan: "_ScanVoxels") -> tuple[Became, int, list[FaultDraft]]:
        with _surprises_left_out(each.path):
            labels, faults = _read(each)
        author = Author(self.campaign, self.people[each.annotator], each.annotator, self.run_id)
        shown = self._shown(each, author)
        if shown is not None and labels == shown and each.state is AnnotationState.DRAFT:
            return Untaken.UNTOUCHED, len(labels.labels()), []
        with _surprises_left_out(each.path):
            faults += self._doubts(each, labels, shown, scan)
            measures = measure_finding(labels, scan.frame)
        if not measures:
            faults.append(fault(FaultKind.EMPTY_FINDING, "nothing is drawn for this finding", path=each.path))
        became, told = self._save(each, author, (labels, measures))
        return became, len(measures), [*faults, *told]

    def _shown(self, each: Return, author: Author) -> LabelRuns | None:
        """Give the labels that went out; None where nothing did."""
        wanted = each.wanted
        with self.database.transaction(wanted.role, wanted.visibility) as session:
            query = select(Handout).where(
                Handout.round_id == self.campaign.id,
                Handout.finding_id == wanted.id,
                Handout.annotator_id == author.id,
            )
            handout = session.exec(query).one_or_none()
            return read_drawn(session, self.arrays, wanted, handout.shown_id) if handout else None

    def _doubts(
        self, each: Return, labels: LabelRuns, shown: LabelRuns | None, scan: "_ScanVoxels"
    ) -> list[FaultDraft]:
        nothing = LabelRuns.empty(labels.shape_zyx)
        doubt = misplaced(labels, shown or nothing, scan.read_volume if scan.frame else None, each.path)
        if doubt is None:
            return []
        if not self.as_drawn:
            remedy = "save it as it was opened; where it is meant so, take it with --as-drawn"
            raise CaseLeftOut(replace(doubt, remedy=remedy))
        return [replace(doubt, severity=Severity.WARNING)]

    def _save(self, each: Return, author: Author, labels: Any) -> tuple[Became, list[FaultDraft]]:
        wanted = each.wanted
        with self.database.transaction(wanted.role, wanted.visibility) as session:
            try:
                if self.dry_run:
                    latest = find_latest(session, author, wanted.id)
                    return foresee(latest, labels[0].digest(), each.state), []
                saved = save_annotation(session, self.arrays, author, wanted, labels, each.state)
            except (AcceptedAlready, HandoutWithdrawn) as error:
                raise CaseLeftOut(
                    fault(FaultKind.CHANGED_SINCE, str(error), path=each.path, severity=Severity.LEFT_OUT)
                ) from None
            return saved, list(_kept_state(session, author, each, saved))


def _named(wanted: Wanted, faults: Sequence[FaultDraft]) -> tuple[FaultDraft, ...]:
    return tuple(replace(one, scan=wanted.scan, finding=wanted.index) for one in faults)


def _kept_state(session: Session, author: Author, each: Return, saved: Saved) -> Iterator[FaultDraft]:
    """Say so where the sidecar says `draft` of what is further on its way."""
    latest = find_latest(session, author, each.wanted.id) if saved is Saved.UNCHANGED else None
    if latest is not None and latest.state != each.state and each.state is AnnotationState.DRAFT:
        message = f"the sidecar says draft; the same voxels are {latest.state} already, and stay so"
        yield fault(FaultKind.CHANGED_SINCE, message, path=each.path, severity=Severity.NOTE)


def _read(each: Return) -> tuple[LabelRuns, list[FaultDraft]]:
    """Read a finding's labels in the scan's voxels.

    Raises:
        CaseLeftOut: the file cannot be used, or lies elsewhere.
    """
    labels, faults = read_placed(each.path, each.wanted.grid)
    if each.labels is not None and each.shared:
        runs = labels.runs[np.isin(labels.runs[:, 4], each.labels)].copy()
        runs[:, 4] = np.searchsorted(each.labels, runs[:, 4]) + 1
        labels = LabelRuns(runs, labels.shape_zyx)
    return labels, list(faults)


@contextmanager
def _surprises_left_out(path: Path) -> Iterator[None]:
    """Leave a finding out for what nobody foresaw, instead of ending the return."""
    try:
        yield
    except (CaseLeftOut, GroundctError):
        raise
    except Exception as error:
        log.exception("reading %s", path)
        message = f"it cannot be read ({type(error).__name__}: {error}); the log has the details"
        raise CaseLeftOut(fault(FaultKind.UNREADABLE_FILE, message, path=path)) from error


class _ScanVoxels:
    """The CT of one scan, read when it is asked for."""

    def __init__(self, database: Database, arrays: ArrayStore, wanted: Wanted) -> None:
        with database.transaction() as session:
            volume = session.get(Volume, wanted.scan_id)
            self.frame: ScanFrame | None = open_frame(volume, arrays) if volume else None
        self._shape_zyx = wanted.grid.shape_vox[::-1]
        self._volume: Any = None

    def read_volume(self) -> Any:
        """Give the whole volume (z, y, x), read once."""
        if self._volume is None and self.frame is not None:
            self._volume = self.frame.read(((0, 0, 0), self._shape_zyx))
        return self._volume


@contextmanager
def noted_run(database: Database, source: str, settings: dict[str, Any]) -> Iterator[int]:
    """Note what came, and from where; what fails stays noted as failed."""
    run = ImportRun(kind="round", source=source, settings=settings, software_version=software_version())
    with database.transaction() as session:
        session.add(run)
        session.flush()
        run_id = run.id
    try:
        yield run_id
    except BaseException as error:
        if not isinstance(error, (ServerError, OperationalError)):
            with database.transaction() as session:
                failed = sa.update(ImportRun).where(col(ImportRun.id) == run_id)
                session.execute(failed.values(state=RunState.FAILED, finished_at=sa.func.now()))
        raise
