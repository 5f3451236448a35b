"""Closing a round: how its readers agree, what most of them drew, and what is accepted by rule.

Nobody can add to a round from the moment it closes. What is told then is told again by running it once more, so a
close that was interrupted is completed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any
from uuid import UUID

import krippendorff
import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from compute.evaluation.statistics import interval, resamples, told
from compute.geometry import kernel_runs, labels_of, measure_finding
from compute.jobs.cluster import map_unordered
from compute.jobs.pending import role_of
from compute.kernels.agreement import PairAgreement, majority, pair_agreement
from compute.kernels.frames import steps_zyx_lps_mm
from ingest.locking import arrays_kept
from ingest.rounds.saving import name_person
from schema import identity
from schema.agreement import Agreement, RoundAgreement
from schema.annotation import Annotation, AnnotationSource, AnnotationState, Entity, LabelArray, Policy
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, StoredArray
from schema.database import Database
from schema.errors import NotFound
from schema.finding import Finding, FindingRevision
from schema.integrity import LABEL_AREAS
from schema.queries.mistakes import OverLimit
from schema.release import Visibility
from schema.review import Adjudication
from schema.round import Round
from schema.scan import Patient, Scan, Study, Volume

KERNEL_VERSION = "agreement-1"
METHOD = "majority"
TOLERANCE_MM = 2.0
"""Where the round names none."""
READ = (AnnotationState.SUBMITTED, AnnotationState.IN_REVIEW, AnnotationState.ACCEPTED, AnnotationState.REJECTED)
MEASURES = ("dice", "surface", "detection")


@dataclass(frozen=True)
class Drawing:
    """What one reader said of a finding."""

    annotation: UUID
    annotator: int
    digest: str
    array_index: int
    voxels: int


@dataclass(frozen=True)
class ReadFinding:
    """A finding with what its readers drew; travels to workers."""

    finding: UUID
    scan_id: UUID
    scan: str
    patient: str
    category: str | None
    shape_vox: tuple[int, int, int]
    affine_ras: tuple[float, ...] | None
    policy: Policy
    policy_limit: int | None
    protocol: str | None
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class AgreedFinding:
    """How the readers of a finding agree, and what most of them drew."""

    read: ReadFinding
    pairs: tuple[PairAgreement, ...]
    consensus: LabelRuns
    stored: StoredArray

    def mean(self, measure: str) -> float | None:
        """Give the mean of a measure over pairs of readers; None where it is not known."""
        values = [getattr(pair, measure) for pair in self.pairs]
        return None if None in values else float(np.mean(values))


@dataclass
class CloseReport:
    """What closing a round told."""

    round: str
    findings: int = 0
    """With two readers or more."""
    single: int = 0
    """With one reader."""
    accepted: int = 0
    """Whose consensus was accepted by rule."""
    to_review: int = 0
    to_adjudicate: int = 0
    """Of those to review, those whose readers disagree more than the round's rule allows."""
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By measure, over all findings that were told of: value, low, high, findings."""

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return asdict(self)


def close_round(
    database: Database,
    store: ArrayStore,
    name: str,
    *,
    with_hidden: bool = False,
    most: int | None = None,
    workers: int = 1,
    address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CloseReport:
    """Close a round, tell how its readers agree, and make and judge their consensus.

    Args:
        database: where the round is.
        store: where its labels are.
        name: the round's.
        with_hidden: hidden annotations too, as the owner.
        most: of the findings with several readers; None is any number.
        workers: of a local cluster.
        address: of a scheduler whose workers are used instead.
        progress: told the findings told of, and those to tell of.

    Raises:
        NotFound: there is no such round.
        OverLimit: it has more findings with several readers than `most`; then it stays as it is.
    """
    with database.transaction() as session:
        row = _close(session, name)
        if most is not None:
            _require_fewer(session, row, most)
    report = CloseReport(name)
    for visibility in Visibility if with_hidden else (Visibility.OPEN,):
        _tell(database, store, row, visibility, report, (workers, address, progress or _quiet))
    return report


def _quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class _Closed:
    id: int
    name: str
    tolerance_mm: float
    accept_above: float | None


def _close(session: Session, name: str) -> _Closed:
    """Keep everybody out; whoever is at it is waited for."""
    row = session.exec(select(Round).where(Round.name == name).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"there is no round {name!r}; `groundct round list` names those that are")
    if row.closed_at is None:
        session.execute(sa.update(Round).where(col(Round.id) == row.id).values(closed_at=sa.func.now()))
    tolerance = TOLERANCE_MM if row.tolerance_mm is None else row.tolerance_mm
    return _Closed(row.id, row.name, tolerance, row.accept_above)


def _require_fewer(session: Session, row: _Closed, most: int) -> None:
    several = sum(len(each.drawings) > 1 for each in _read_findings(session, row.id))
    if several > most:
        remedy = f"at most {most} are compared for one request: run `groundct round close {row.name}`"
        raise OverLimit("comparisons", most, f"{several} findings have several readers; {remedy}")


_Work = tuple[int, str | None, Callable[[int, int], None]]


def _tell(
    database: Database, store: ArrayStore, row: _Closed, visibility: Visibility, report: CloseReport, work: _Work
) -> None:
    with database.transaction(role_of(visibility), visibility) as session:
        found = list(_read_findings(session, row.id))
    several = [each for each in found if len(each.drawings) > 1]
    report.single += len(found) - len(several)
    report.findings += len(several)
    workers, address, progress = work
    job = _Job(store, visibility, row.tolerance_mm)
    agreed: list[AgreedFinding] = []
    with arrays_kept(database):
        for n, each in enumerate(map_unordered(job, several, workers=workers, address=address), 1):
            with database.transaction(role_of(visibility), visibility) as session:
                _save_agreement(session, row, each)
                report.accepted += (accepted := _save_consensus(session, row, each))
                report.to_review += not accepted
                report.to_adjudicate += not accepted and row.accept_above is not None
            agreed.append(each)
            progress(n, len(several))
    if agreed:
        figures = list(_figures(agreed, [each for each in found if each.drawings]))
        with database.transaction(role_of(visibility), visibility) as session:
            _save_figures(session, row.id, figures)
        report.figures |= {each["measure"]: _shown(each) for each in figures if not each["category"]}


def _read_findings(session: Session, round_id: int) -> Iterator[ReadFinding]:
    """Give every finding that somebody read, with each reader's last word."""
    query = (
        sa.select(Annotation, col(LabelArray.digest), col(Scan.name), col(Scan.shape_vox), col(Volume.affine_ras))
        .add_columns(col(Patient.key), col(FindingRevision.category_code))
        .join(LabelArray, col(LabelArray.id) == col(Annotation.label_array_id))
        .join(Finding, col(Finding.id) == col(Annotation.finding_id))
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
        .join(Scan, col(Scan.id) == col(Annotation.scan_id))
        .join(Study, col(Study.id) == col(Scan.study_id))
        .join(Patient, col(Patient.id) == col(Study.patient_id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .where(col(Annotation.round_id) == round_id, col(Annotation.annotator_id).is_not(None))
        .where(col(FindingRevision.is_latest), _read_once())
        .order_by(col(Scan.name), col(Finding.source_index), col(Annotation.annotator_id))
    )
    grouped: dict[UUID, list[Any]] = defaultdict(list)
    for row in session.execute(query):
        grouped[row[0].finding_id].append(row)
    yield from (_read(rows) for rows in grouped.values())


def _read_once() -> sa.ColumnElement[bool]:
    """Tell whether an annotation is its reader's last word; one that a consensus superseded still is."""
    newer = sa.orm.aliased(Annotation)
    replaced = sa.exists().where(col(newer.supersedes_id) == col(Annotation.id))
    in_consensus = sa.exists().where(col(AnnotationSource.source_id) == col(Annotation.id))
    return sa.and_(sa.or_(col(Annotation.state).in_(READ), in_consensus), ~replaced)


def _read(rows: Sequence[Any]) -> ReadFinding:
    annotation, _, scan, shape, affine, patient, category = rows[0]
    width, height, depth = shape
    return ReadFinding(
        finding=annotation.finding_id,
        scan_id=annotation.scan_id,
        scan=scan,
        patient=patient,
        category=category,
        shape_vox=(width, height, depth),
        affine_ras=tuple(affine) if affine is not None else None,
        policy=annotation.policy,
        policy_limit=annotation.policy_limit,
        protocol=annotation.protocol,
        drawings=tuple(
            Drawing(each.id, each.annotator_id, digest, each.array_index, each.voxels) for each, digest, *_ in rows
        ),
    )


@dataclass(frozen=True)
class _Job:
    """Tells how the readers of a finding agree, and stores their consensus; runs in a worker."""

    store: ArrayStore
    visibility: Visibility
    tolerance_mm: float

    def __call__(self, read: ReadFinding) -> AgreedFinding:
        area = LABEL_AREAS[self.visibility]
        width, height, depth = read.shape_vox
        shape = (depth, height, width)
        steps = steps_zyx_lps_mm(np.reshape(read.affine_ras, (4, 4))) if read.affine_ras else None
        runs = [kernel_runs(self.store.read_runs(each.digest, area, each.array_index)) for each in read.drawings]
        pairs = tuple(pair_agreement(*pair, shape, steps, self.tolerance_mm) for pair in combinations(runs, 2))
        consensus = labels_of(majority(runs, shape), shape)
        return AgreedFinding(read, pairs, consensus, self.store.write_labels([consensus], area))


def _save_agreement(session: Session, row: _Closed, agreed: AgreedFinding) -> None:
    keys = combinations([str(each.annotation) for each in agreed.read.drawings], 2)
    values = {
        **{measure: agreed.mean(measure) for measure in MEASURES},
        "readers": len(agreed.read.drawings),
        "pairs": [{"annotations": key, **asdict(pair)} for key, pair in zip(keys, agreed.pairs, strict=True)],
        "kernel_version": KERNEL_VERSION,
    }
    key = {"round_id": row.id, "finding_id": agreed.read.finding}
    statement = insert(Agreement).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _save_consensus(session: Session, row: _Closed, agreed: AgreedFinding) -> bool:
    """Write the consensus as an annotation of its own, once; tell whether it is accepted by the round's rule."""
    read, dice = agreed.read, agreed.mean("dice") or 0.0
    accepted = row.accept_above is not None and dice >= row.accept_above
    state = AnnotationState.ACCEPTED if accepted else AnnotationState.IN_REVIEW
    key = identity.annotation_id(read.finding, row.name, None, 1)
    if session.get(Annotation, key) is not None:
        return accepted
    reason = f"mean Dice of {len(read.drawings)} readers is {dice:.3f}"
    name_person(session, None, reason)
    if accepted:
        _supersede(session, read)
    else:
        _to_review(session, read)
        if row.accept_above is not None:
            session.execute(sa.insert(Adjudication).values(round_id=row.id, finding_id=read.finding))
    array = identity.label_array_id(read.scan_id, agreed.stored.digest)
    facts = {"id": array, "scan_id": read.scan_id, "digest": agreed.stored.digest, "findings": 1}
    size = {"stored_sha256": agreed.stored.stored_sha256, "stored_bytes": agreed.stored.stored_bytes}
    session.execute(insert(LabelArray).values(**facts, **size).on_conflict_do_nothing())
    session.execute(sa.insert(Annotation).values(_annotation(row, agreed, key, array, state)))
    _save_parts(session, agreed, key)
    return accepted


def _annotation(row: _Closed, agreed: AgreedFinding, key: UUID, array: UUID, state: AnnotationState) -> dict[str, Any]:
    read = agreed.read
    return {
        "id": key,
        "finding_id": read.finding,
        "scan_id": read.scan_id,
        "round_id": row.id,
        "version": 1,
        "state": state,
        "policy": read.policy,
        "policy_limit": read.policy_limit,
        "protocol": read.protocol,
        "label_array_id": array,
        "array_index": 0,
        "labels_digest": agreed.consensus.digest(),
        "voxels": agreed.consensus.voxels,
        "method": METHOD,
    }


def _save_parts(session: Session, agreed: AgreedFinding, key: UUID) -> None:
    """Write a consensus's entities, which `compute geometry` measures, and what it was made of."""
    entities = [each.rows(key)[0] for each in measure_finding(agreed.consensus, None)]
    sources = [{"annotation_id": key, "source_id": each.annotation} for each in agreed.read.drawings]
    for model, rows in ((Entity, entities), (AnnotationSource, sources)):
        if rows:
            session.execute(sa.insert(model), rows)


def _supersede(session: Session, read: ReadFinding) -> None:
    """Let nothing hold but the consensus: neither what held before, nor its readers' own."""
    holding = sa.and_(
        col(Annotation.finding_id) == read.finding,
        sa.or_(
            col(Annotation.state) == AnnotationState.ACCEPTED,
            col(Annotation.id).in_([each.annotation for each in read.drawings]),
        ),
        col(Annotation.state) != AnnotationState.SUPERSEDED,
    )
    session.execute(sa.update(Annotation).where(holding).values(state=AnnotationState.SUPERSEDED))


def _to_review(session: Session, read: ReadFinding) -> None:
    waiting = sa.and_(
        col(Annotation.id).in_([each.annotation for each in read.drawings]),
        col(Annotation.state) == AnnotationState.SUBMITTED,
    )
    session.execute(sa.update(Annotation).where(waiting).values(state=AnnotationState.IN_REVIEW))


_Figure = dict[str, Any]


def _figures(agreed: Sequence[AgreedFinding], read: Sequence[ReadFinding]) -> Iterator[_Figure]:
    """Give every measure over all findings and over each category: its mean, interval, and number of findings."""
    categories = sorted({each.category for each in read if each.category})
    for category in ("", *categories):
        of_category = [each for each in agreed if category in ("", each.read.category)]
        for measure in MEASURES:
            if of_category:
                yield {"category": category, "measure": measure, **_mean(of_category, measure)}
        drawn = [each for each in read if category in ("", each.category)]
        if drawn:
            yield {"category": category, "measure": "alpha", **_alpha(drawn)}


def _mean(agreed: Sequence[AgreedFinding], measure: str) -> _Figure:
    """Give the mean over findings, and its interval by drawing patients anew."""
    known = [(each.read.patient, value) for each in agreed if (value := each.mean(measure)) is not None]
    patients = sorted({patient for patient, _ in known})
    sums = np.zeros((2, len(patients)))
    for patient, value in known:
        sums[:, patients.index(patient)] += (value, 1)
    drawn = resamples(len(patients)) @ sums.T
    with np.errstate(invalid="ignore"):
        means = (drawn[:, 0] / drawn[:, 1])[:, None]
    low, high = interval(means, len(patients))
    value = float(sums[0].sum() / sums[1].sum()) if known else None
    return _figure(value, told(low[0]), told(high[0]), len(known))


def _figure(value: float | None, low: float | None, high: float | None, findings: int) -> _Figure:
    """A bootstrap interval of few patients may miss the value that it is about; it is widened to hold it."""
    if value is not None and low is not None and high is not None:
        low, high = min(low, value), max(high, value)
    return {"value": value, "low": low, "high": high, "findings": findings}


def _alpha(read: Sequence[ReadFinding]) -> _Figure:
    """Krippendorff's alpha on presence: whether each reader drew anything."""
    readers = sorted({each.annotator for finding in read for each in finding.drawings})
    table = np.full((len(readers), len(read)), np.nan)
    for column, finding in enumerate(read):
        for each in finding.drawings:
            table[readers.index(each.annotator), column] = each.voxels > 0
    return _figure(_nominal_alpha(table), None, None, len(read))


def _nominal_alpha(table: NDArray[np.float64]) -> float | None:
    """Give alpha of (readers, findings); None where it is not defined: fewer than two values, or none compared."""
    compared = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    if len(np.unique(compared[~np.isnan(compared)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))


def _save_figures(session: Session, round_id: int, figures: Sequence[_Figure]) -> None:
    for each in figures:
        key = {"round_id": round_id, "category": each["category"], "measure": each["measure"]}
        values = _shown(each)
        statement = insert(RoundAgreement).values(**key, **values)
        session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _shown(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {name: figure[name] for name in ("value", "low", "high", "findings")}
