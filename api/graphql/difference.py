"""What two rounds or two releases differ in: compared when it is asked for, since it is not stored as a whole."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
import strawberry

from api.graphql.annotation import Annotation
from api.graphql.declare import described, field, graphql_type
from api.graphql.finding import Finding, FindingConnection
from api.graphql.listing import Connection, Listing, Whole
from api.graphql.release import Release
from api.graphql.round import Round
from api.graphql.scan import Scan, ScanConnection
from api.graphql.siblings import Reading, Siblings, ViewOf
from compute.kernels.changes import Change
from ingest.changes import Changed
from ingest.releases import comparing
from ingest.rounds import differing
from schema.queries import views
from schema.queries.mistakes import OverLimit
from schema.queries.reading import among, count, rows_by_key
from schema.queries.scope import NOW, Scope, release_scope, round_key
from schema.queries.tables import FINDING, SCAN

T = TypeVar("T")

strawberry.enum(Change, name="EntityChangeKind", description=(Change.__doc__ or "").strip())


@graphql_type
class EntityChange:
    """Some entities of the earlier drawing, and what stands for them in the later one."""

    change: Change
    before: list[int] = described("Their labels, ascending; none where they were added.")
    after: list[int]
    dice: float = described("Of all their voxels, 0 to 1; 0 where one side has none.")
    voxels_before: int
    voxels_after: int
    volume_before_ml: float | None = described("Null without the CT's frame, as the next.")
    volume_after_ml: float | None
    centroid_shift_mm: float | None = described("Null where one side has none, or without the CT's frame.")


@graphql_type
class FindingDifference:
    """How a later round drew a finding that both drew."""

    finding: Finding
    before: Annotation
    after: Annotation
    dice: float = described("Of all its voxels, whatever their labels, 0 to 1.")
    voxels_added: int = described("Labelled by the later round alone.")
    voxels_removed: int = described("Labelled by the earlier round alone.")
    changes: list[EntityChange] = described("What became of each entity; each stands in one change.")


@graphql_type
class FindingDifferenceConnection(Connection[FindingDifference]):
    """A page of findings that were drawn otherwise, the least alike first."""


@graphql_type
class FindingChange:
    """A finding that both have, and what each says of it."""

    finding: Finding
    before: str | None
    after: str | None


@graphql_type
class FindingChangeConnection(Connection[FindingChange]):
    """A page of changed findings, by scan and index."""


@graphql_type
class ScanChange:
    """A scan that both have, and what each says of it."""

    scan: Scan
    before: str | None
    after: str | None


@graphql_type
class ScanChangeConnection(Connection[ScanChange]):
    """A page of changed scans, by name."""


@graphql_type
class SplitChange:
    """A split that both have, and whether each shows it."""

    split: str
    before: str
    after: str


@graphql_type
class ChangeCount:
    """How many changes of entities are of a kind."""

    change: Change
    count: int


@strawberry.type
class Difference:
    """What was told, and the states that it is about."""

    reading: strawberry.Private[Reading]
    told: strawberry.Private[Any]
    scopes: strawberry.Private[tuple[Scope, Scope]]
    """In which scans and findings of the earlier and the later state are shown."""

    def rows(self, view_of: ViewOf, keys: Sequence[UUID], *, later: bool = True) -> Mapping[UUID, Any]:
        """Give the objects of these keys, by key."""
        scope = self.scopes[later]
        rows = rows_by_key(self.reading.session, view_of(scope), keys) if keys else []
        return {each.key: each for each in Siblings(self.reading, scope, view_of, rows).records()}

    def page(self, members: Sequence[Any], show: Callable[..., Any], first: int, after: str | None) -> Connection[Any]:
        """Give a page of what was told as a whole."""
        return Connection(listing=Whole(self.reading, members, self.reading.page(first, after), partial(show, self)))


def _named(name: str, view_of: ViewOf, key: sa.ColumnElement[UUID], text: str) -> Any:
    """Declare the connection of scans or findings that only one of both has."""

    def named(self: Difference, first: int = 50, after: str | None = None):  # type: ignore[no-untyped-def]
        condition = among(key, [each.id for each in getattr(self.told, name)])
        scope, request = self.scopes[name.endswith("added")], self.reading.page(first, after)
        return Connection(listing=Listing(self.reading, scope, view_of, condition, request))

    return field(named, text=text)


_scans, _findings = (
    partial(_named, view_of=views.scans, key=SCAN.c.id),
    partial(_named, view_of=views.findings, key=FINDING.c.id),
)


def _changed(name: str, show: Callable[[Difference, Sequence[Any]], list[Any]], text: str) -> Any:
    """Declare the connection of what both have and say differently."""

    def changed(self: Difference, first: int = 50, after: str | None = None):  # type: ignore[no-untyped-def]
        return self.page(getattr(self.told, name), show, first, after)

    return field(changed, text=text)


def _show_findings(difference: Difference, changes: Sequence[Changed]) -> list[FindingChange]:
    found = difference.rows(views.findings, [each.id for each in changes if each.id])
    return [FindingChange(finding=found[each.id], before=each.before, after=each.after) for each in changes if each.id]


def _show_scans(difference: Difference, changes: Sequence[Changed]) -> list[ScanChange]:
    found = difference.rows(views.scans, [each.id for each in changes if each.id])
    return [ScanChange(scan=found[each.id], before=each.before, after=each.after) for each in changes if each.id]


def _show_redrawn(difference: Difference, told: Sequence[differing.FindingDifference]) -> list[FindingDifference]:
    found = difference.rows(views.findings, [each.id for each in told])
    drawn = difference.rows(views.any_annotation, [key for each in told for key in (each.before, each.after)])
    difference.reading.count(sum(len(each.changes) for each in told))
    return [
        FindingDifference(
            finding=found[each.id],
            before=drawn[each.before],
            after=drawn[each.after],
            dice=each.dice,
            voxels_added=each.voxels_added,
            voxels_removed=each.voxels_removed,
            changes=[_entity_change(change, each.voxel_mm3) for change in each.changes],
        )
        for each in told
    ]


def _entity_change(change: Mapping[str, Any], voxel_mm3: float | None) -> EntityChange:
    before, after = change["voxels_before"], change["voxels_after"]
    return EntityChange(
        change=Change(change["change"]),
        before=change["before"],
        after=change["after"],
        dice=change["dice"],
        voxels_before=before,
        voxels_after=after,
        volume_before_ml=None if voxel_mm3 is None else before * voxel_mm3 / 1000,
        volume_after_ml=None if voxel_mm3 is None else after * voxel_mm3 / 1000,
        centroid_shift_mm=change["shift_mm"],
    )


@graphql_type
class RoundDifference(Difference):
    """What a round changed against an earlier one. What is hidden is in none of its lists."""

    before: Round
    after: Round
    unchanged: int = described("Findings whose labels are the same.")
    entities: list[ChangeCount] = described("Changes of entities within findings that were drawn otherwise, by kind.")

    scans_added: ScanConnection = _scans("scans_added", text="Scans that only the later round drew.")
    scans_removed: ScanConnection = _scans("scans_removed", text="Scans that only the earlier round drew.")
    findings_added: FindingConnection = _findings("findings_added", text="Findings that only the later round drew.")
    findings_removed: FindingConnection = _findings(
        "findings_removed", text="Findings that only the earlier round drew."
    )
    reworded: FindingChangeConnection = _changed("reworded", _show_findings, "Findings whose words changed meanwhile.")
    recategorised: FindingChangeConnection = _changed(
        "recategorised", _show_findings, "Findings whose category's code changed meanwhile."
    )
    redrawn: FindingDifferenceConnection = _changed(
        "redrawn", _show_redrawn, "Findings whose labels differ, the least alike first."
    )


@graphql_type
class ReleaseDifference(Difference):
    """What a release changed against an earlier one. Of what is hidden only the words are compared."""

    before: Release
    after: Release
    visibility: list[SplitChange] = described("Splits that were hidden or opened.")

    scans_added: ScanConnection = _scans("scans_added", text="Scans that only the later release has.")
    scans_removed: ScanConnection = _scans("scans_removed", text="Scans that only the earlier release has.")
    moved: ScanChangeConnection = _changed("moved", _show_scans, "Scans that stand in another split, by its name.")
    findings_added: FindingConnection = _findings("findings_added", text="Findings that only the later release has.")
    findings_removed: FindingConnection = _findings(
        "findings_removed", text="Findings that only the earlier release has."
    )
    reindexed: FindingChangeConnection = _changed("reindexed", _show_findings, "Findings under another index.")
    reworded: FindingChangeConnection = _changed("reworded", _show_findings, "Findings in other words.")
    recategorised: FindingChangeConnection = _changed(
        "recategorised", _show_findings, "Findings under another category's code."
    )
    redrawn: FindingChangeConnection = _changed(
        "redrawn", _show_findings, "Findings whose open labels differ; before and after are numbers of entities."
    )


def round_difference(reading: Reading, before: str, after: str) -> RoundDifference:
    """Compare two rounds.

    Raises:
        NotFound: there is no such round.
        SourceError: both are one round.
        OverLimit: they have too many findings, or too many that no command has compared yet.
    """
    scopes = [Scope(round_id=round_key(reading.session, name)) for name in (before, after)]
    _require_fewer(reading, scopes)
    services = reading.services
    told = differing.read_difference(reading.session, services.arrays, before, after, most=services.limits.comparisons)
    rounds = _by_name(reading, views.rounds, before, after)
    counts = sorted(told.entities().items())
    return RoundDifference(
        reading=reading,
        told=told,
        scopes=(NOW, NOW),
        before=rounds[before],
        after=rounds[after],
        unchanged=told.unchanged,
        entities=[ChangeCount(change=Change(kind), count=number) for kind, number in counts],
    )


def release_difference(reading: Reading, before: str, after: str) -> ReleaseDifference:
    """Compare two releases.

    Raises:
        NotFound: there is no such release.
        OverLimit: they have too many findings.
    """
    one, other = (release_scope(reading.session, name) for name in (before, after))
    _require_fewer(reading, [one, other])
    told = comparing.compare_releases(reading.session, before, after)
    releases = _by_name(reading, views.releases, before, after)
    splits = ((each.scan, each.before or "", each.after or "") for each in told.visibility)
    return ReleaseDifference(
        reading=reading,
        told=told,
        scopes=(one, other),
        before=releases[before],
        after=releases[after],
        visibility=[SplitChange(split=name, before=old, after=new) for name, old, new in splits],
    )


def _require_fewer(reading: Reading, scopes: Sequence[Scope]) -> None:
    """Refuse what would be compared in memory and is too much for it."""
    most = reading.services.limits.objects
    found = sum(count(reading.session, views.findings(scope), sa.true()) for scope in scopes)
    if found > most:
        raise OverLimit("objects", most, f"both have {found:,} findings, over {most:,}: compare them by command")


def _by_name(reading: Reading, view_of: ViewOf, *names: str) -> Mapping[str, Any]:
    view = view_of(NOW)
    rows = reading.session.execute(view.select().where(among(view.fields["name"], names))).mappings().all()
    return {each.name: each for each in Siblings(reading, NOW, view_of, rows).records()}
