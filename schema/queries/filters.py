"""Typed filters, and the conditions that they are over the views of their kind.

Absent parts say nothing; present ones must all hold, together with `and_`, `or_` and `not_`. A finding's and an
entity's sides, counts and measures are those of the annotations in the scope, so a hidden one is never counted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql.visitors import replacement_traverse
from sqlmodel import Session

from schema.annotation import AnnotationState, Policy
from schema.finding import Side
from schema.ontology import Focality
from schema.queries.places import BOX, BoxFilter, LocationFilter, NearPoint, box_meets, is_near
from schema.queries.ranges import Between
from schema.queries.reading import among
from schema.queries.scope import Scope
from schema.queries.slots import read
from schema.queries.tables import (
    ANNOTATION,
    CATEGORY,
    COHORT,
    COHORT_MEMBER,
    ENTITY,
    FINDING,
    GEOMETRY,
    PATIENT,
    PERSON,
    RELEASE,
    RELEASE_FINDING,
    RELEASE_SCAN,
    RELEASE_SPLIT,
    REVIEW,
    REVISION,
    ROUND,
    SCAN,
    SCAN_METADATA,
    STUDY,
    VOLUME,
)
from schema.queries.views import (
    MEASURES,
    Expression,
    closed,
    contradicted,
    default_annotations,
    entities,
    entity_count,
    findings,
    is_closed,
    open_parts,
    scans,
    some_entity,
)
from schema.release import Visibility
from schema.review import ReviewTarget, Verdict

RANGED = ("voxels", *(name for name in MEASURES if isinstance(GEOMETRY.c[name].type, sa.Double | sa.Integer)))
"""What entities may be chosen by ranges of."""
SIDES = (Side.LEFT, Side.RIGHT, Side.MIDLINE)
"""Of entities."""
ENGLISH: sa.ColumnElement[Any] = sa.literal_column("'english'::regconfig")
"""The configuration of `finding_revision.words`."""


@dataclass(frozen=True)
class InRelease:
    """In a release, and there in a split or under a protocol."""

    name: str
    split: str | None = None
    protocol: str | None = None

    def scans(self) -> sa.Select[Any]:
        """Select the ids of such scans."""
        named = {"split": self.split, "protocol": self.protocol}
        return closed(
            sa.select(RELEASE_SCAN.c.scan_id)
            .join(RELEASE, RELEASE.c.id == RELEASE_SCAN.c.release_id)
            .where(RELEASE.c.name == self.name)
            .where(*(RELEASE_SCAN.c[column] == value for column, value in named.items() if value is not None))
        )

    def condition_on_finding(self) -> Expression:
        """Tell whether the finding itself is in the release: scans grow findings after it."""
        named = (
            sa.select(RELEASE_FINDING.c.finding_id)
            .join(RELEASE, RELEASE.c.id == RELEASE_FINDING.c.release_id)
            .where(RELEASE.c.name == self.name, RELEASE_FINDING.c.scan_id.in_(self.scans()))
        )
        return FINDING.c.id.in_(closed(named))


@dataclass(frozen=True)
class MetadataFilter:
    """Over what the collection's table says of a scan."""

    manufacturer: str | None = None
    manufacturer_model: str | None = None
    patient_sex: str | None = None
    patient_age_years: Between | None = None
    study_date: Between | None = None

    def condition(self) -> Expression:
        """Tell whether the enclosing statement's scan has such a row."""
        columns = SCAN_METADATA.c
        equal = {name: getattr(self, name) for name in ("manufacturer", "manufacturer_model", "patient_sex")}
        parts = [columns[name] == value for name, value in equal.items() if value is not None]
        between = {name: getattr(self, name) for name in ("patient_age_years", "study_date")}
        parts += [each.condition(columns[name]) for name, each in between.items() if each is not None]
        return SCAN.c.id.in_(closed(sa.select(columns.scan_id).where(*parts)))


@dataclass(frozen=True)
class ScanFilter:
    """Over `views.scans`."""

    names: list[str] | None = None
    """With or without `.nii.gz`."""
    patient: str | None = None
    study: str | None = None
    release: InRelease | None = None
    cohort: str | None = None
    """With a finding in the cohort of this name."""
    has_volume: bool | None = None
    hidden: bool | None = None
    metadata: MetadataFilter | None = None
    finding: "FindingFilter | None" = None
    """At least one such finding; `and_` of several is co-occurrence."""
    finding_count: Between | None = None
    and_: "list[ScanFilter] | None" = None
    or_: "list[ScanFilter] | None" = None
    not_: "ScanFilter | None" = None


@dataclass(frozen=True)
class FindingFilter:
    """Over `views.findings`."""

    ids: list[UUID] | None = None
    scans: list[str] | None = None
    """Names, with or without `.nii.gz`."""
    scan: ScanFilter | None = None
    """Seen on such a scan."""
    text: str | None = None
    """Every word stands in the text, in any form; `"..."`, `or` and `-` as in a web search."""
    category: str | None = None
    """The code as it stands."""
    category_under: str | None = None
    """The code or one below it."""
    focality: Focality | None = None
    category_ids: list[int] | None = None
    """The keys that the above were found to mean."""
    present: bool | None = None
    refers_to_prior: bool | None = None
    release: InRelease | None = None
    cohort: str | None = None
    """In the cohort of this name."""
    side: Side | None = None
    """Over its entities."""
    text_side: Side | None = None
    """What the words name."""
    round: str | None = None
    """Drawn in the round of this name, whatever became of it."""
    policy: Policy | None = None
    """Of an annotation that holds in the scope."""
    contradicts: str | None = None
    """The check of this name contradicts an annotation that holds in the scope."""
    entity_count: Between | None = None
    entity: "EntityFilter | None" = None
    """At least one such entity."""
    and_: "list[FindingFilter] | None" = None
    or_: "list[FindingFilter] | None" = None
    not_: "FindingFilter | None" = None


@dataclass(frozen=True)
class EntityFilter:
    """Over `entity` and `geometry`, within the enclosing statement's finding."""

    ids: list[UUID] | None = None
    side: Side | None = None
    measures: Mapping[str, Between] | None = None
    """By the names in `RANGED`."""
    round: str | None = None
    policy: Policy | None = None
    location: LocationFilter | None = None
    box_lps_mm: BoxFilter | None = None
    """Its box has a point in common with this one."""
    near: NearPoint | None = None
    """Its box is so near to the point."""
    near_entity: "NearEntity | None" = None
    finding: "FindingFilter | None" = None
    """Of such a finding, in the words that hold in the scope."""
    and_: "list[EntityFilter] | None" = None
    or_: "list[EntityFilter] | None" = None
    not_: "EntityFilter | None" = None


@dataclass(frozen=True)
class NearEntity:
    """Another entity of the scan, from whose box it is so many mm at most."""

    entity: EntityFilter
    within_mm: float


@dataclass(frozen=True)
class ReviewFilter:
    """Over `views.reviews`."""

    target: ReviewTarget | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    """The code of a reason."""
    reviewer: str | None = None
    """The pseudonym."""
    state: AnnotationState | None = None
    """What became of the annotation."""
    round: str | None = None
    """On an annotation of the round of this name."""
    finding: FindingFilter | None = None
    """On an annotation of such a finding, in the words that hold in the scope."""
    and_: "list[ReviewFilter] | None" = None
    or_: "list[ReviewFilter] | None" = None
    not_: "ReviewFilter | None" = None


class Combined(Protocol):
    """What the filters share."""

    @property
    def and_(self) -> list[Self] | None:
        """All of these."""

    @property
    def or_(self) -> list[Self] | None:
        """One of these."""

    @property
    def not_(self) -> Self | None:
        """Not this."""


F = TypeVar("F", bound=Combined)


@dataclass(frozen=True)
class _Reader(Generic[F]):
    """How the parts of one kind of filter become conditions."""

    parts: Mapping[str, Callable[[Any, Scope], Expression]]

    def condition(self, given: F | None, scope: Scope) -> Expression:
        return sa.and_(sa.true(), *self._conditions(given, scope)) if given is not None else sa.true()

    def _conditions(self, given: F, scope: Scope) -> Iterator[Expression]:
        for name, part in self.parts.items():
            if (value := getattr(given, name)) is not None:
                yield part(value, scope)
        yield from (self.condition(each, scope) for each in given.and_ or ())
        if given.or_ is not None:
            yield sa.or_(sa.false(), *(self.condition(each, scope) for each in given.or_))
        if given.not_ is not None:
            # What is unknown is not excluded by what must not hold.
            yield sa.not_(sa.func.coalesce(self.condition(given.not_, scope), sa.false()))


def scan_condition(given: ScanFilter | None, scope: Scope) -> Expression:
    """Turn a filter of scans into a condition over `views.scans`; None lets all through."""
    return _SCAN.condition(given, scope)


def finding_condition(given: FindingFilter | None, scope: Scope) -> Expression:
    """Turn a filter of findings into a condition over `views.findings` of the scope; None lets all through."""
    return _FINDING.condition(given, scope)


def with_category_ids(session: Session, given: FindingFilter) -> FindingFilter:
    """Give a filter that names categories by their keys: of how many findings have a key, the planner knows."""
    given = replace(
        given,
        and_=given.and_ and [with_category_ids(session, each) for each in given.and_],
        or_=given.or_ and [with_category_ids(session, each) for each in given.or_],
        not_=given.not_ and with_category_ids(session, given.not_),
    )
    asked = [part(value) for name, part in _CATEGORY.items() if (value := getattr(given, name)) is not None]
    if not asked:
        return given
    keys = session.scalars(sa.select(CATEGORY.c.id).where(*asked).order_by(CATEGORY.c.id)).all()
    return replace(given, **dict.fromkeys(_CATEGORY), category_ids=list(keys))


def entity_condition(given: EntityFilter | None, scope: Scope) -> Expression:
    """Turn a filter of entities into a condition over `views.entities` of the scope; None lets all through."""
    return _ENTITY.condition(given, scope)


def review_condition(given: ReviewFilter | None, scope: Scope) -> Expression:
    """Turn a filter of reviews into a condition over `views.reviews`; None lets all through."""
    return _REVIEW.condition(given, scope)


def _in_subtree(code: str) -> Expression:
    """Tell whether a category has this code, in any ontology, or stands below it."""
    top = CATEGORY.alias()
    below = sa.and_(top.c.ontology_id == CATEGORY.c.ontology_id, sa.func.starts_with(CATEGORY.c.path, top.c.path))
    return sa.exists().where(top.c.code == code, below).correlate(CATEGORY)


def below_category(key: Expression) -> Expression:
    """Tell whether a finding's category is the one of the enclosing statement's key, or stands below it."""
    top, below = CATEGORY.alias(), CATEGORY.alias()
    inside = sa.and_(top.c.ontology_id == below.c.ontology_id, sa.func.starts_with(below.c.path, top.c.path))
    keys = sa.select(below.c.id).join_from(below, top, inside).where(top.c.id == key)
    return REVISION.c.category_id.in_(keys.correlate_except(top, below))


def scan_in_release(key: Any) -> Expression:
    """Tell whether a scan is in the release of a key."""
    return SCAN.c.id.in_(closed(sa.select(RELEASE_SCAN.c.scan_id).where(RELEASE_SCAN.c.release_id == key)))


def _in_category(condition: Callable[[Any], Expression]) -> Callable[[Any, Scope], Expression]:
    return lambda value, _: REVISION.c.category_id.in_(closed(sa.select(CATEGORY.c.id).where(condition(value))))


def plain_name(scan: str) -> str:
    """Give a scan's name without the file's ending."""
    return scan.removesuffix(".nii.gz")


def _plain_names(scans: list[str]) -> list[str]:
    return [read(name, plain_name) for name in scans]


def _named_scans(names: list[str]) -> sa.Select[Any]:
    named = SCAN.alias()
    return sa.select(named.c.id).where(among(named.c.name, _plain_names(names)))


def _some_finding_of_scan(given: FindingFilter, scope: Scope) -> Expression:
    """Uncorrelated: the scans of such findings."""
    view = findings(scope)
    found = sa.select(FINDING.c.scan_id).select_from(view.rows).where(view.where, finding_condition(given, scope))
    return SCAN.c.id.in_(closed(found))


def _of_finding(given: FindingFilter, scope: Scope) -> Expression:
    return FINDING.c.id.in_(_such_findings(given, scope))


def _such_findings(given: FindingFilter, scope: Scope) -> sa.Select[Any]:
    view = findings(scope)
    found = sa.select(FINDING.c.id).select_from(view.rows).where(view.where, finding_condition(given, scope))
    return closed(found)


def _on_scan(given: ScanFilter, scope: Scope) -> Expression:
    condition = scan_condition(given, scope)
    parts = list(open_parts(condition))
    if {each for each in parts if isinstance(each, sa.Column)} <= {SCAN.c.id}:
        return _said_of(FINDING.c.scan_id, SCAN.c.id, condition, parts)
    rows = scans().rows_with([condition])
    return FINDING.c.scan_id.in_(closed(sa.select(SCAN.c.id).select_from(rows).where(condition)))


def _said_of(column: Expression, other: Expression, condition: Expression, parts: Iterable[Any]) -> Expression:
    """Say of one column what a condition says of another, so that no table is joined for its key alone."""
    whole = {"stop_on": [part for part in parts if is_closed(part)]}

    def instead(element: Any, **_: Any) -> Any:
        return column if element is other else None

    said: Expression = replacement_traverse(condition, whole, instead)
    return said


def _findings_of_scan(scope: Scope) -> Expression:
    view = findings(scope)
    counted = (
        sa.select(sa.func.count())
        .select_from(view.rows_with([FINDING.c.scan_id]))
        .where(view.where, FINDING.c.scan_id == SCAN.c.id)
    )
    return counted.correlate(SCAN).scalar_subquery()


def _in_cohort(column: sa.Column[Any], name: str) -> sa.Select[Any]:
    """Select a column of the findings of a cohort."""
    rows = COHORT_MEMBER.join(COHORT, COHORT.c.id == COHORT_MEMBER.c.cohort_id)
    rows = rows.join(FINDING, FINDING.c.id == COHORT_MEMBER.c.finding_id)
    return closed(sa.select(column).select_from(rows).where(COHORT.c.name == name))


def member_of_cohort(key: Any) -> Expression:
    """Tell whether a finding is in the cohort of a key, which may be a column of what is around it."""
    members = sa.select(COHORT_MEMBER.c.finding_id).where(COHORT_MEMBER.c.cohort_id == key)
    return FINDING.c.id.in_(members.correlate_except(COHORT_MEMBER))


def drawn_in(key: Any) -> Expression:
    """Tell whether an annotation, or what hangs on it, is of the round of a key, which may be a column around it."""
    return sa.cast(ANNOTATION.c.round_id == key, sa.Boolean)


def _in_hidden_split() -> Expression:
    """As `scan_is_hidden` tells it of one scan."""
    split = sa.and_(
        RELEASE_SPLIT.c.release_id == RELEASE_SCAN.c.release_id, RELEASE_SPLIT.c.name == RELEASE_SCAN.c.split
    )
    rows = RELEASE_SCAN.join(RELEASE_SPLIT, split)
    hidden = sa.select(RELEASE_SCAN.c.scan_id).select_from(rows)
    return SCAN.c.id.in_(closed(hidden.where(RELEASE_SPLIT.c.visibility == Visibility.HIDDEN)))


def _has_side(side: Side, scope: Scope) -> Expression:
    """As `views.finding_side` tells it, by what is and is not there, which an index can find."""
    left, right, midline = (some_entity(scope, GEOMETRY.c.side == each) for each in SIDES)
    match side:
        case Side.LEFT:
            return sa.and_(left, sa.not_(right))
        case Side.RIGHT:
            return sa.and_(right, sa.not_(left))
        case Side.BILATERAL:
            return sa.and_(left, right)
    return sa.and_(midline, sa.not_(left), sa.not_(right))


def _in_round(name: str) -> sa.Select[Any]:
    """Select the annotations of a round."""
    rows = ANNOTATION.join(ROUND, ROUND.c.id == ANNOTATION.c.round_id)
    return sa.select(ANNOTATION.c.id).select_from(rows).where(ROUND.c.name == name)


def _drawn_in_round(name: str) -> Expression:
    return FINDING.c.id.in_(closed(_in_round(name).with_only_columns(ANNOTATION.c.finding_id)))


def _has_policy(policy: Policy, scope: Scope) -> Expression:
    drawn = ANNOTATION.alias()
    holds = (drawn.c.finding_id == FINDING.c.id, drawn.c.policy == policy, default_annotations(scope, drawn))
    return sa.exists().where(*holds).correlate_except(drawn)


def _of_annotation(condition: sa.Select[Any]) -> Expression:
    return ENTITY.c.annotation_id.in_(closed(condition))


def _ranges(given: Mapping[str, Between]) -> Expression:
    columns = {**dict.fromkeys(RANGED, GEOMETRY.c), "voxels": ENTITY.c}
    return sa.and_(*(between.condition(columns[name][name]) for name, between in given.items()))


def _near_entity(given: NearEntity, scope: Scope) -> Expression:
    view = entities(scope)
    condition = entity_condition(given.entity, scope)
    columns = [GEOMETRY.c.entity_id, FINDING.c.scan_id, *(GEOMETRY.c[name] for name in BOX)]
    rows = view.rows_with([condition, *columns])
    others = closed(sa.select(*columns).select_from(rows).where(view.where, condition)).subquery()
    there = sa.and_(others.c.scan_id == FINDING.c.scan_id, is_near(others, given.within_mm))
    # Looked for from each entity, by its scan: the others of a whole archive are never gathered.
    return sa.exists(sa.select(others.c.entity_id).where(there).offset(0).correlate_except(others))


_SCAN: _Reader[ScanFilter] = _Reader(
    {
        "names": lambda names, _: among(SCAN.c.name, _plain_names(names)),
        "patient": lambda key, _: PATIENT.c.key == key,
        "study": lambda name, _: STUDY.c.name == name,
        "release": lambda release, _: SCAN.c.id.in_(release.scans()),
        "cohort": lambda name, _: SCAN.c.id.in_(_in_cohort(FINDING.c.scan_id, name)),
        "has_volume": lambda has, _: VOLUME.c.scan_id.is_not(None) == has,
        "hidden": lambda hidden, _: _in_hidden_split() == hidden,
        "metadata": lambda metadata, _: metadata.condition(),
        "finding": _some_finding_of_scan,
        "finding_count": lambda between, scope: between.condition(_findings_of_scan(scope)),
    }
)

_CATEGORY: Mapping[str, Callable[[Any], Expression]] = {
    "category": lambda code: CATEGORY.c.code == code,
    "category_under": _in_subtree,
    "focality": lambda focality: CATEGORY.c.focality == focality,
}

_FINDING: _Reader[FindingFilter] = _Reader(
    {
        "ids": lambda ids, _: among(FINDING.c.id, ids),
        "scans": lambda names, _: FINDING.c.scan_id.in_(_named_scans(names)),
        "scan": _on_scan,
        "text": lambda text, _: REVISION.c.words.bool_op("@@")(sa.func.websearch_to_tsquery(ENGLISH, text)),
        **{name: _in_category(condition) for name, condition in _CATEGORY.items()},
        "category_ids": lambda keys, _: REVISION.c.category_id.in_(keys),
        "present": lambda present, _: REVISION.c.present if present else sa.not_(REVISION.c.present),
        "refers_to_prior": lambda refers, _: REVISION.c.refers_to_prior == refers,
        "release": lambda release, _: release.condition_on_finding(),
        "cohort": lambda name, _: FINDING.c.id.in_(_in_cohort(FINDING.c.id, name)),
        "side": _has_side,
        "text_side": lambda side, _: REVISION.c.text_side == side,
        "round": lambda name, _: _drawn_in_round(name),
        "policy": _has_policy,
        "contradicts": lambda name, scope: contradicted(scope, name),
        "entity_count": lambda between, scope: between.condition(entity_count(scope)),
        "entity": lambda given, scope: some_entity(scope, entity_condition(given, scope)),
    }
)

_ENTITY: _Reader[EntityFilter] = _Reader(
    {
        "ids": lambda ids, _: among(ENTITY.c.id, ids),
        "side": lambda side, _: GEOMETRY.c.side == side,
        "measures": lambda given, _: _ranges(given),
        "round": lambda name, _: _of_annotation(_in_round(name)),
        "policy": lambda policy, _: _of_annotation(sa.select(ANNOTATION.c.id).where(ANNOTATION.c.policy == policy)),
        "location": lambda location, _: location.condition(),
        "box_lps_mm": lambda box, _: box_meets(box),
        "near": lambda near, _: near.condition(),
        "near_entity": _near_entity,
        "finding": _of_finding,
    }
)

_REVIEW: _Reader[ReviewFilter] = _Reader(
    {
        "target": lambda target, _: REVIEW.c.target == target,
        "verdict": lambda verdict, _: REVIEW.c.verdict == verdict,
        "reason": lambda code, _: REVIEW.c.reason == code,
        "reviewer": lambda pseudonym, _: PERSON.c.pseudonym == pseudonym,
        "state": lambda state, _: ANNOTATION.c.state == state,
        "round": lambda name, _: REVIEW.c.annotation_id.in_(closed(_in_round(name))),
        "finding": lambda given, scope: ANNOTATION.c.finding_id.in_(_such_findings(given, scope)),
    }
)
