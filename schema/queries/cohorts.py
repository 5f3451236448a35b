"""Cohorts: selections of findings that are drawn by patient, and kept as they were drawn."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schema.cohort import Cohort, CohortMember
from schema.errors import NotFound
from schema.queries.filters import FindingFilter, InRelease, finding_condition
from schema.queries.mistakes import ReadMistake
from schema.queries.scope import NOW, Scope, release_scope
from schema.queries.tables import COHORT, COHORT_MEMBER, FINDING, PATIENT, RELEASE, REVISION, SCAN, STUDY
from schema.queries.views import closed, findings


@dataclass(frozen=True)
class CohortPlan:
    """How a cohort is drawn: findings under a filter, of some patients, each with all or none of them.

    Raises:
        ReadMistake: no patient is asked for.
    """

    where: FindingFilter | None = None
    scope: Scope = NOW
    patients: int | None = None
    """How many; None: all that have such a finding."""
    strata: str | None = None
    """A field of findings: patients are drawn in proportion to the value that most of their findings have."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.patients is not None and self.patients < 1:
            raise ReadMistake(f"a cohort has at least one patient, not {self.patients}")


@dataclass(frozen=True)
class Member:
    """A finding that was drawn, in the words that hold in the scope."""

    finding_id: UUID
    revision_id: UUID
    patient: str
    scan: str
    stratum: str | None


@dataclass(frozen=True)
class CohortRequest:
    """A cohort as somebody asks for it.

    Raises:
        ReadMistake: a split is named without its release.
    """

    where: FindingFilter
    written: dict[str, Any]
    """The filter as GraphQL's `FindingWhere`, which is kept."""
    release: str | None = None
    """The name of the release that is drawn from, in its words; None: of what holds now."""
    split: str | None = None
    patients: int | None = None
    strata: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split and not self.release:
            raise ReadMistake("a split is a part of a release: name the release too")

    def plan(self, session: Session) -> CohortPlan:
        """Give how it is drawn.

        Raises:
            NotFound: there is no such release.
            ReadMistake: no patient is asked for.
        """
        where = self.where
        if self.release:
            where = FindingFilter(and_=[where, FindingFilter(release=InRelease(self.release, self.split))])
        scope = release_scope(session, self.release or None)
        return CohortPlan(where, scope, patients=self.patients, strata=self.strata, seed=self.seed)

    @property
    def selection(self) -> dict[str, Any]:
        """What is kept of it."""
        written = self.written
        if self.release:
            written = {"and": [written, {"release": {"name": self.release, "split": self.split}}]}
        how = {"patients": self.patients, "strata": self.strata, "seed": self.seed}
        return {"where": written, "release": self.release, **how}


def create(session: Session, name: str, request: CohortRequest, *, keep: bool = True) -> list[Member]:
    """Draw a cohort and, unless it is only to be seen, keep it under a name.

    Raises:
        NotFound: there is no such release.
        ReadMistake: nothing was drawn, or there is a cohort of this name.
    """
    plan = request.plan(session)
    members = draw(session, plan)
    if keep:
        freeze(session, name, members, plan, request.selection)
    return members


def draw(session: Session, plan: CohortPlan) -> list[Member]:
    """Draw findings, sorted by scan and id. The same archive, plan and seed give the same ones."""
    found = _candidates(session, plan)
    chosen = draw_patients({patient: [m.stratum for m in each] for patient, each in _by_patient(found).items()}, plan)
    return [member for member in found if member.patient in chosen]


def draw_patients(strata: Mapping[str, Sequence[str | None]], plan: CohortPlan) -> set[str]:
    """Choose patients, given the stratum of each of their findings.

    Within a stratum they come in the order of a hash of seed and key, so that what joins the archive later moves
    nobody; the places of strata are shared out by largest remainders.
    """
    if plan.patients is None or plan.patients >= len(strata):
        return set(strata)
    groups: dict[str, list[str]] = defaultdict(list)
    for patient, values in strata.items():
        groups[_usual(values)].append(patient)
    places = _shared_out({value: len(each) for value, each in groups.items()}, plan.patients)
    return {
        patient
        for value, each in groups.items()
        for patient in sorted(each, key=lambda patient: _place(plan.seed, patient))[: places[value]]
    }


def freeze(session: Session, name: str, members: Iterable[Member], plan: CohortPlan, selection: dict[str, Any]) -> str:
    """Keep what was drawn under a name, and give its digest.

    Raises:
        ReadMistake: nothing was drawn, or there is a cohort of this name.
    """
    rows = list(members)
    if not rows:
        raise ReadMistake("no finding meets the selection, so there is nothing to keep")
    if session.scalar(sa.select(COHORT.c.id).where(COHORT.c.name == name)) is not None:
        raise ReadMistake(f"there is a cohort {name!r} already, and cohorts are never changed; choose another name")
    digest = digest_of(rows)
    release = plan.scope.release_id if isinstance(plan.scope.release_id, int) else None
    cohort = Cohort(name=name, release_id=release, selection=selection, seed=plan.seed, digest=digest)
    session.add(cohort)
    session.flush()
    keys = [{"finding_id": each.finding_id, "revision_id": each.revision_id} for each in rows]
    session.execute(sa.insert(CohortMember), [{"cohort_id": cohort.id, **each} for each in keys])
    return digest


def digest_of(members: Iterable[Member]) -> str:
    """Give the sha256 of the sorted lines `finding revision`, by id."""
    lines = sorted(f"{each.finding_id} {each.revision_id}\n" for each in members)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def members_of(session: Session, name: str) -> list[Member]:
    """Give the members of a cohort, sorted by scan and id.

    Raises:
        NotFound: there is no such cohort.
    """
    cohort_id(session, name)
    rows = (
        COHORT_MEMBER.join(COHORT, COHORT.c.id == COHORT_MEMBER.c.cohort_id)
        .join(FINDING, FINDING.c.id == COHORT_MEMBER.c.finding_id)
        .join(SCAN, SCAN.c.id == FINDING.c.scan_id)
        .join(STUDY, STUDY.c.id == SCAN.c.study_id)
        .join(PATIENT, PATIENT.c.id == STUDY.c.patient_id)
    )
    columns = (FINDING.c.id, COHORT_MEMBER.c.revision_id, PATIENT.c.key, SCAN.c.name)
    found = sa.select(*columns).select_from(rows).where(COHORT.c.name == name).order_by(SCAN.c.name, FINDING.c.id)
    return [Member(key, revision, patient, scan, None) for key, revision, patient, scan in session.execute(found)]


def cohort_id(session: Session, name: str) -> int:
    """Give the key of a cohort.

    Raises:
        NotFound: there is no such cohort; the message says what there is.
    """
    key = session.scalar(sa.select(COHORT.c.id).where(COHORT.c.name == name))
    if key is None:
        names = ", ".join(session.scalars(sa.select(COHORT.c.name).order_by(COHORT.c.name))) or "none"
        raise NotFound(f"there is no cohort {name!r}; there is: {names}")
    return int(key)


def folds(patients: Mapping[str, Sequence[str]], number: int, seed: int) -> list[dict[str, list[str]]]:
    """Split scans into folds by patient, as nnU-Net's `splits_final.json` has them.

    Args:
        patients: the scans of each.
        number: of folds, from 2 to the number of patients.
        seed: decides which patient is in which fold.

    Raises:
        ReadMistake: there are fewer patients than folds.
    """
    if not 2 <= number <= len(patients):
        raise ReadMistake(f"{len(patients)} patients can be split into 2 to {len(patients)} folds, not {number}")
    ordered = sorted(patients, key=lambda patient: _place(seed, patient))
    held_out = [{scan for patient in ordered[n::number] for scan in patients[patient]} for n in range(number)]
    everything = sorted(scan for each in patients.values() for scan in each)
    return [{"train": [scan for scan in everything if scan not in val], "val": sorted(val)} for val in held_out]


def cases_of(session: Session, name: str) -> list[dict[str, Any]]:
    """Give the scans of a cohort as cases of a dataset file, in the words of its release, or the latest ones.

    A case is whole, since its keys are the channels of the mask: other findings of the scan are in it too.

    Raises:
        NotFound: there is no such cohort.
        ReadMistake: the findings of a scan have no indices from 0 on.
    """
    key = cohort_id(session, name)
    release = session.scalar(sa.select(COHORT.c.release_id).where(COHORT.c.id == key))
    view = findings(Scope(release_id=release))
    drawn = sa.select(FINDING.c.scan_id).join(COHORT_MEMBER, COHORT_MEMBER.c.finding_id == FINDING.c.id)
    inside = FINDING.c.scan_id.in_(closed(drawn.where(COHORT_MEMBER.c.cohort_id == key)))
    columns = [SCAN.c.name, SCAN.c.shape_vox, *(view.fields[each] for each in ("index", "text", "category_code"))]
    found = sa.select(*columns).select_from(view.rows).where(view.where, inside).order_by(*view.order)
    cases: dict[str, dict[str, Any]] = {}
    for scan, shape_vox, index, text, code in session.execute(found):
        case = cases.setdefault(scan, {"name": f"{scan}.nii.gz", "findings": {}, "shape": shape_vox, "categories": {}})
        if index != len(case["findings"]):
            raise ReadMistake(f"{scan} has no finding {len(case['findings'])}: draw the cohort from a release")
        case["findings"][str(index)], case["categories"][str(index)] = text, code
    return list(cases.values())


def release_named(session: Session, key: int | None) -> str | None:
    """Give a release's name."""
    return session.scalar(sa.select(RELEASE.c.name).where(RELEASE.c.id == key))


def _candidates(session: Session, plan: CohortPlan) -> list[Member]:
    view = findings(plan.scope)
    stratum = view.expression(plan.strata) if plan.strata is not None else sa.null()
    rows = view.rows.join(STUDY, STUDY.c.id == SCAN.c.study_id).join(PATIENT, PATIENT.c.id == STUDY.c.patient_id)
    columns = (FINDING.c.id, REVISION.c.id, PATIENT.c.key, SCAN.c.name, sa.cast(stratum, sa.Text))
    found = sa.select(*columns).select_from(rows).where(view.where, finding_condition(plan.where, plan.scope))
    return [Member(*row) for row in session.execute(found.order_by(SCAN.c.name, FINDING.c.id))]


def _by_patient(members: Iterable[Member]) -> Mapping[str, list[Member]]:
    grouped: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        grouped[member.patient].append(member)
    return grouped


def _usual(values: Iterable[str | None]) -> str:
    counted = Counter(value or "" for value in values)
    return min(counted, key=lambda value: (-counted[value], value))


def _shared_out(sizes: Mapping[str, int], places: int) -> dict[str, int]:
    exact = {value: places * size / sum(sizes.values()) for value, size in sizes.items()}
    given = {value: int(share) for value, share in exact.items()}
    by_remainder = sorted(exact, key=lambda value: (given[value] - exact[value], value))
    for value in by_remainder[: places - sum(given.values())]:
        given[value] += 1
    return given


def _place(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed} {patient}".encode()).hexdigest()
