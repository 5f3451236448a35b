"""Typed filters, and the conditions that they are over the views of their kind.

Absent parts say nothing; present ones must all hold, together with `and_`, `or_` and `not_`. A finding's and an
entity's sides, counts and measures are those of the annotations in the scope, so a hidden one is never counted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa

from schema.finding import Side
from schema.ontology import Focality
from schema.queries.reading import among
from schema.queries.scope import Scope
from schema.queries.slots import read
from schema.queries.tables import (
    CATEGORY,
    ENTITY,
    FINDING,
    GEOMETRY,
    PATIENT,
    RELEASE,
    RELEASE_FINDING,
    RELEASE_SCAN,
    REVISION,
    SCAN,
    STUDY,
    VOLUME,
)
from schema.queries.views import Expression, entity_count, finding_side, findings, some_entity

ENGLISH: sa.ColumnElement[Any] = sa.literal_column("'english'::regconfig")
"""The configuration of `finding_revision.words`."""


@dataclass(frozen=True)
class Between:
    """From `min` to `max`, both included; an end that is None is open. An absent value lies in no range."""

    min: float | None = None
    max: float | None = None

    def condition(self, value: Expression) -> Expression:
        """Tell whether a value lies between."""
        ends = [value >= self.min] if self.min is not None else []
        ends += [value <= self.max] if self.max is not None else []
        return sa.and_(value.is_not(None), *ends)


@dataclass(frozen=True)
class InRelease:
    """In a release, and there in a split or under a protocol."""

    name: str
    split: str | None = None
    protocol: str | None = None

    def scans(self) -> sa.Select[Any]:
        """Select the ids of such scans."""
        named = {"split": self.split, "protocol": self.protocol}
        return (
            sa.select(RELEASE_SCAN.c.scan_id)
            .join(RELEASE, RELEASE.c.id == RELEASE_SCAN.c.release_id)
            .where(RELEASE.c.name == self.name)
            .where(*(RELEASE_SCAN.c[column] == value for column, value in named.items() if value is not None))
            .correlate(None)
        )

    def condition_on_finding(self) -> Expression:
        """Tell whether the finding itself is in the release: scans grow findings after it."""
        named = (
            sa.select(RELEASE_FINDING.c.finding_id)
            .join(RELEASE, RELEASE.c.id == RELEASE_FINDING.c.release_id)
            .where(RELEASE.c.name == self.name, RELEASE_FINDING.c.scan_id.in_(self.scans()))
            .correlate(None)
        )
        return FINDING.c.id.in_(named)


@dataclass(frozen=True)
class ScanFilter:
    """Over `views.scans`."""

    names: list[str] | None = None
    """With or without `.nii.gz`."""
    patient: str | None = None
    study: str | None = None
    release: InRelease | None = None
    has_volume: bool | None = None
    hidden: bool | None = None
    finding: "FindingFilter | None" = None
    """At least one such finding."""
    and_: "list[ScanFilter] | None" = None
    or_: "list[ScanFilter] | None" = None
    not_: "ScanFilter | None" = None


@dataclass(frozen=True)
class FindingFilter:
    """Over `views.findings`."""

    ids: list[UUID] | None = None
    scans: list[str] | None = None
    """Names, with or without `.nii.gz`."""
    text: str | None = None
    """Every word stands in the text, in any form; `"..."`, `or` and `-` as in a web search."""
    category: str | None = None
    """The code as it stands."""
    category_under: str | None = None
    """The code or one below it."""
    focality: Focality | None = None
    present: bool | None = None
    refers_to_prior: bool | None = None
    release: InRelease | None = None
    side: Side | None = None
    """Over its entities."""
    text_side: Side | None = None
    """What the words name."""
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
    voxels: Between | None = None
    volume_ml: Between | None = None
    hu_mean: Between | None = None
    hu_median: Between | None = None
    components26: Between | None = None
    finding: "FindingFilter | None" = None
    """Of such a finding, in the words that hold in the scope."""
    and_: "list[EntityFilter] | None" = None
    or_: "list[EntityFilter] | None" = None
    not_: "EntityFilter | None" = None


class Combined(Protocol):
    """What the three filters share."""

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


def entity_condition(given: EntityFilter | None, scope: Scope) -> Expression:
    """Turn a filter of entities into a condition over `views.entities` of the scope; None lets all through."""
    return _ENTITY.condition(given, scope)


def in_subtree(code: str) -> Expression:
    """Tell whether a finding's category has this code, in any ontology, or stands below it."""
    top = CATEGORY.alias()
    below = sa.and_(top.c.ontology_id == CATEGORY.c.ontology_id, sa.func.starts_with(CATEGORY.c.path, top.c.path))
    keys = sa.select(CATEGORY.c.id).join_from(CATEGORY, top, below).where(top.c.code == code)
    return REVISION.c.category_id.in_(keys.correlate(None))


def below_category(key: Expression) -> Expression:
    """Tell whether a finding's category is the one of the enclosing statement's key, or stands below it."""
    top, below = CATEGORY.alias(), CATEGORY.alias()
    inside = sa.and_(top.c.ontology_id == below.c.ontology_id, sa.func.starts_with(below.c.path, top.c.path))
    keys = sa.select(below.c.id).join_from(below, top, inside).where(top.c.id == key)
    return REVISION.c.category_id.in_(keys.correlate_except(top, below))


def scan_in_release(key: Any) -> Expression:
    """Tell whether a scan is in the release of a key."""
    return SCAN.c.id.in_(sa.select(RELEASE_SCAN.c.scan_id).where(RELEASE_SCAN.c.release_id == key).correlate(None))


def _in_category(condition: Expression) -> Expression:
    return REVISION.c.category_id.in_(sa.select(CATEGORY.c.id).where(condition).correlate(None))


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
    return SCAN.c.id.in_(found.correlate(None))


def _of_finding(given: FindingFilter, scope: Scope) -> Expression:
    view = findings(scope)
    found = sa.select(FINDING.c.id).select_from(view.rows).where(view.where, finding_condition(given, scope))
    return FINDING.c.id.in_(found.correlate(None))


_SCAN: _Reader[ScanFilter] = _Reader(
    {
        "names": lambda names, _: among(SCAN.c.name, _plain_names(names)),
        "patient": lambda key, _: PATIENT.c.key == key,
        "study": lambda name, _: STUDY.c.name == name,
        "release": lambda release, _: SCAN.c.id.in_(release.scans()),
        "has_volume": lambda has, _: VOLUME.c.scan_id.is_not(None) == has,
        "hidden": lambda hidden, _: sa.func.scan_is_hidden(SCAN.c.id, type_=sa.Boolean) == hidden,
        "finding": _some_finding_of_scan,
    }
)

_FINDING: _Reader[FindingFilter] = _Reader(
    {
        "ids": lambda ids, _: among(FINDING.c.id, ids),
        "scans": lambda names, _: FINDING.c.scan_id.in_(_named_scans(names)),
        "text": lambda text, _: REVISION.c.words.bool_op("@@")(sa.func.websearch_to_tsquery(ENGLISH, text)),
        "category": lambda code, _: _in_category(CATEGORY.c.code == code),
        "category_under": lambda code, _: in_subtree(code),
        "focality": lambda focality, _: _in_category(CATEGORY.c.focality == focality),
        "present": lambda present, _: REVISION.c.present == present,
        "refers_to_prior": lambda refers, _: REVISION.c.refers_to_prior == refers,
        "release": lambda release, _: release.condition_on_finding(),
        "side": lambda side, scope: finding_side(scope) == side,
        "text_side": lambda side, _: REVISION.c.text_side == side,
        "entity_count": lambda between, scope: between.condition(entity_count(scope)),
        "entity": lambda given, scope: some_entity(scope, entity_condition(given, scope)),
    }
)

_ENTITY: _Reader[EntityFilter] = _Reader(
    {
        "ids": lambda ids, _: among(ENTITY.c.id, ids),
        "side": lambda side, _: GEOMETRY.c.side == side,
        "voxels": lambda between, _: between.condition(ENTITY.c.voxels),
        "volume_ml": lambda between, _: between.condition(GEOMETRY.c.volume_ml),
        "hu_mean": lambda between, _: between.condition(GEOMETRY.c.hu_mean),
        "hu_median": lambda between, _: between.condition(GEOMETRY.c.hu_median),
        "components26": lambda between, _: between.condition(GEOMETRY.c.components26),
        "finding": _of_finding,
    }
)


def part_names(kind: type[Any]) -> set[str]:
    """Give the names of a filter's parts."""
    return {each.name for each in fields(kind)}
