"""Importing chains of thought: each is kept as it came, and what is recognised of it becomes steps."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.chains import ReadChain, read_chains
from ingest.faults import FaultDraft, fault
from schema.collection import Collection, ScanName
from schema.database import Database, Role
from schema.errors import NotFound
from schema.finding import Finding, FindingRevision
from schema.identity import reasoning_id
from schema.import_run import Fault, FaultKind, ImportRun, RunState, Severity
from schema.reasoning import Reasoning, ReasoningStep
from schema.release import Visibility
from schema.scan import Scan
from schema.version import software_version

READER = "1"
"""Raised with every change that may read other steps from the same chain."""
_BATCH = 200
_NOT_HERE = "import its scan and findings first, then run the same command"


@dataclass
class ReasoningImport:
    """What a file of chains brought."""

    origin: str
    chains: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    boxes: int = 0
    """Chains with at least one box that could be read."""
    unrecognised: int = 0
    """Steps whose level could not be told."""
    faults: list[FaultDraft] = field(default_factory=list)
    hidden_faults: list[FaultDraft] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def all_faults(self) -> list[FaultDraft]:
        """Those of hidden scans too, for whoever imports."""
        return [*self.faults, *self.hidden_faults]

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        names = ("new", "changed", "unchanged", "boxes", "unrecognised")
        return {
            "origin": self.origin,
            "chains": {"read": self.chains, **{name: getattr(self, name) for name in names[:3]}},
            "with_box": self.boxes,
            "steps_unrecognised": self.unrecognised,
            "faults": [one.to_json() for one in self.all_faults],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class _KnownScan:
    id: UUID
    hidden: bool
    findings: dict[int, UUID]
    texts: dict[str, UUID]

    def find(self, finding: int | str) -> UUID | None:
        return self.findings.get(finding) if isinstance(finding, int) else self.texts.get(_plain(finding))


@dataclass(frozen=True)
class _Draft:
    """A chain whose finding is known."""

    finding: UUID
    chain: ReadChain


def import_reasoning(database: Database, path: Path, collection: str) -> ReasoningImport:
    """Import a file of chains of thought; running it again changes nothing.

    A chain that changed takes the place of the one before. Chains of hidden scans come into `hidden`, as the owner. The
    frame of a box is unknown unless the file states it.

    Raises:
        SourceError: the file as a whole cannot be used.
        NotFound: there is no such collection.
        SettingsError: a scan is hidden and the owner is not known.
    """
    start, report = time.perf_counter(), ReasoningImport(path.name)
    by_scan: dict[str, list[ReadChain]] = defaultdict(list)
    for read in read_chains(path):
        if isinstance(read, FaultDraft):
            report.faults.append(replace(read, path=str(path)))
        else:
            report.chains += 1
            _scan_of(read, path, by_scan, report)
    with database.transaction() as session:
        key = session.exec(select(Collection.id).where(Collection.name == collection)).one_or_none()
    if key is None:
        raise NotFound(f"there is no collection {collection!r}; import its scans first")
    names = sorted(by_scan)
    for n in range(0, len(names), _BATCH):
        _import_scans(database, key, {name: by_scan[name] for name in names[n : n + _BATCH]}, path, report)
    _save_run(database, path, report)
    report.seconds = time.perf_counter() - start
    return report


def _scan_of(read: ReadChain, path: Path, by_scan: dict[str, list[ReadChain]], report: ReasoningImport) -> None:
    try:
        by_scan[ScanName.parse(read.scan).scan].append(read)
    except ValueError as error:
        report.faults.append(fault(FaultKind.BAD_NAME, str(error), path=path))


def _import_scans(
    database: Database, collection: int, chains: dict[str, list[ReadChain]], path: Path, report: ReasoningImport
) -> None:
    """Import the chains of some scans: what is open in one transaction, what is hidden in another."""
    with database.transaction() as session:
        for name in chains:  # a scan that an import is about to hide is waited for
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
        scans = _known_scans(session, collection, list(chains))
        drafts = list(_drafts(chains, scans, path, report))
        _save(session, [one for one, hidden in drafts if not hidden], report)
    if unseen := [one for one, hidden in drafts if hidden]:
        with database.transaction(Role.OWNER, Visibility.HIDDEN) as session:
            _save(session, unseen, report)


def _known_scans(session: Session, collection: int, names: Sequence[str]) -> dict[str, _KnownScan]:
    query = (
        sa.select(
            col(Scan.name),
            col(Scan.id),
            sa.func.scan_is_hidden(col(Scan.id)),
            col(Finding.source_index),
            col(Finding.id),
            col(FindingRevision.text),
        )
        .outerjoin(Finding, col(Finding.scan_id) == col(Scan.id))
        .outerjoin(
            FindingRevision,
            sa.and_(col(FindingRevision.finding_id) == col(Finding.id), col(FindingRevision.is_latest)),
        )
        .where(col(Scan.collection_id) == collection, col(Scan.name).in_(names))
    )
    scans: dict[str, _KnownScan] = {}
    for name, key, hidden, index, finding, text in session.execute(query):
        known = scans.setdefault(name, _KnownScan(key, hidden, {}, {}))
        if finding is not None:
            known.findings[index] = finding
            known.texts[_plain(text)] = finding
    return scans


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _drafts(
    chains: dict[str, list[ReadChain]], scans: dict[str, _KnownScan], path: Path, report: ReasoningImport
) -> Iterator[tuple[_Draft, bool]]:
    """Give the chains whose finding is here, each once, and whether it is hidden."""
    for name, listed in chains.items():
        scan = scans.get(name)
        if scan is None:
            report.faults.append(_missing(f"{len(listed)} chains of a scan that is not here", name, None, path))
            continue
        faults = report.hidden_faults if scan.hidden else report.faults
        seen: set[UUID] = set()
        for chain in listed:
            finding = scan.find(chain.finding)
            index = chain.finding if isinstance(chain.finding, int) else None
            if finding is None:
                what = "no finding of the scan has this index" if index is not None else "no finding has these words"
                faults.append(_missing(what, name, index, path))
            elif finding in seen:
                again = _missing("a second chain of this finding; the first one is in", name, index, path)
                faults.append(replace(again, remedy="keep one of them"))
            else:
                seen.add(finding)
                yield _Draft(finding, chain), scan.hidden


def _missing(message: str, scan: str, finding: int | None, path: Path) -> FaultDraft:
    found = fault(FaultKind.UNMATCHED_FINDING, message, scan=scan, finding=finding, path=path)
    return replace(found, severity=Severity.LEFT_OUT, remedy=_NOT_HERE)


def _save(session: Session, drafts: Sequence[_Draft], report: ReasoningImport) -> None:
    keys = {reasoning_id(one.finding, report.origin): one for one in drafts}
    known = {row.id: (row.source, row.version) for row in session.exec(_of_keys(list(keys)))}
    session.expunge_all()
    for key, one in keys.items():
        source = {"scan": one.chain.scan, "finding": one.chain.finding, "chain": one.chain.source}
        report.boxes += any(step.box_source for step in one.chain.steps)
        report.unrecognised += sum(step.level is None for step in one.chain.steps)
        if known.get(key) == (source, READER):
            report.unchanged += 1
            continue
        report.changed += key in known
        report.new += key not in known
        session.execute(sa.delete(Reasoning).where(col(Reasoning.id) == key))
        row = {"id": key, "finding_id": one.finding, "origin": report.origin, "source": source, "version": READER}
        session.execute(sa.insert(Reasoning).values(**row))
        session.execute(sa.insert(ReasoningStep), list(_steps(key, one.chain)))


def _of_keys(keys: list[UUID]) -> Any:
    return select(Reasoning).where(col(Reasoning.id).in_(keys))


def _steps(key: UUID, chain: ReadChain) -> Iterator[dict[str, Any]]:
    for position, step in enumerate(chain.steps):
        yield {
            "reasoning_id": key,
            "position": position,
            "level": step.level,
            "place": step.place,
            "text": step.text,
            "box_source": list(step.box_source) if step.box_source else None,
            "box_frame": step.box_frame,
        }


def _save_run(database: Database, path: Path, report: ReasoningImport) -> None:
    """Store the run with its faults; those of hidden scans stand in `hidden`."""
    with database.transaction() as session:
        run = ImportRun(
            kind="reasoning",
            source=str(path.absolute()),
            settings={"reader": READER},
            software_version=software_version(),
            state=RunState.DONE,
        )
        session.add(run)
        session.flush()
        run_id = run.id
        _save_faults(session, run_id, report.faults)
    if report.hidden_faults:
        with database.transaction(Role.OWNER, Visibility.HIDDEN) as session:
            _save_faults(session, run_id, report.hidden_faults)


def _save_faults(session: Session, run_id: int, faults: Sequence[FaultDraft]) -> None:
    if faults:
        session.execute(sa.insert(Fault), [{"run_id": run_id, **one.to_json()} for one in faults])
