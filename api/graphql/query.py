"""The roots."""

from collections.abc import Iterable
from typing import Any

import strawberry

from api.graphql.category import Category
from api.graphql.declare import field, graphql_type
from api.graphql.entity import Entity, EntityConnection
from api.graphql.finding import Finding, FindingConnection
from api.graphql.lists import list_entities, list_findings, list_releases, list_rounds, list_scans
from api.graphql.release import Release, ReleaseConnection
from api.graphql.round import Round, RoundConnection
from api.graphql.scan import Scan, ScanConnection
from api.graphql.search import SearchResult, run_search, run_similar
from api.graphql.siblings import Info, Reading, Siblings, ViewOf
from api.graphql.status import Status, read_status
from api.graphql.voxels import entities_at
from api.graphql.where import EntityWhere, FindingWhere, ScanWhere, parse_id, to_filter
from schema.errors import NotFound
from schema.queries import views
from schema.queries.filters import plain_name
from schema.queries.pages import PageRequest
from schema.queries.reading import rows_by_field, rows_by_key
from schema.queries.scope import NOW, Scope
from schema.queries.search import SearchMode
from schema.queries.voxels import parse_voxel


@graphql_type
class Query:
    """Reads of the archive as it is now, or `asOf` a release: its words, indices, and annotations."""

    @field
    def scan(self, info: Info, name: str, as_of: str | None = None) -> Scan | None:
        """The scan of this name, with or without `.nii.gz`; null where there is none."""
        return _named(info.context, views.scans, plain_name(name), info.context.scope(as_of))  # type: ignore[no-any-return]

    @field
    def scans(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        where: ScanWhere | None = None,
        as_of: str | None = None,
    ) -> ScanConnection:
        """Scans by name; `asOf` decides what is below them, `where: {release: ...}` which scans they are."""
        return list_scans(info.context, info.context.scope(as_of), where, PageRequest(first, after))

    @field
    def finding(self, info: Info, id: strawberry.ID, as_of: str | None = None) -> Finding | None:  # noqa: A002
        """The finding of this id; null where there is none, or where the release does not have it."""
        return _first(info.context, views.findings, [parse_id(id)], info.context.scope(as_of))  # type: ignore[no-any-return]

    @field
    def findings(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        where: FindingWhere | None = None,
        as_of: str | None = None,
    ) -> FindingConnection:
        """Findings by scan and index."""
        return list_findings(info.context, info.context.scope(as_of), where, PageRequest(first, after))

    @field
    def entity(self, info: Info, id: strawberry.ID) -> Entity | None:  # noqa: A002
        """The entity of this id, whatever became of its annotation; null where there is none, or it is hidden."""
        return _first(info.context, views.any_entity, [parse_id(id)], NOW)  # type: ignore[no-any-return]

    @field
    def entities(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        where: EntityWhere | None = None,
        as_of: str | None = None,
    ) -> EntityConnection:
        """Entities by scan, finding and label."""
        return list_entities(info.context, info.context.scope(as_of), where, PageRequest(first, after))

    @field
    def entities_at(self, info: Info, scan: str, ijk: list[int], as_of: str | None = None) -> list[Entity]:
        """The entities that are drawn at a voxel [i, j, k]; none also where they are hidden, see `scan.hidden`."""
        reading, scope = info.context, info.context.scope(as_of)
        if (there := _named(reading, views.scans, plain_name(scan), scope)) is None:
            raise NotFound(f"there is no scan {scan!r}")
        keys = entities_at(reading, there.id, parse_voxel(ijk, there.shape_vox), scope)
        return _records(reading, views.entities, keys, scope)

    @field
    def categories(self, info: Info, ontology: str | None = None, as_of: str | None = None) -> list[Category]:
        """Every category of every ontology, or of one, by path; roots have no parent."""
        scope = info.context.scope(as_of)
        field_, values = ("ontology", [ontology]) if ontology is not None else ("id", None)
        rows = rows_by_field(info.context.session, views.categories(scope), field_, values)
        info.context.count(len(rows))
        return Siblings(info.context, scope, views.categories, rows).records()

    @field
    def search(
        self,
        info: Info,
        text: str,
        mode: SearchMode = SearchMode.HYBRID,
        where: FindingWhere | None = None,
        first: int = 10,
        after: str | None = None,
        as_of: str | None = None,
    ) -> SearchResult:
        """The findings that answer a text, best first: by meaning, by radiology's terms, or by both.

        What denies the text is left out; `"..."` demands words as they stand, `-word` excludes one.
        """
        scope, request = info.context.scope(as_of), PageRequest(first, after)
        return run_search(info.context, text, mode, where=to_filter(where), scope=scope, request=request)

    @field
    def similar_findings(
        self,
        info: Info,
        finding: strawberry.ID,
        where: FindingWhere | None = None,
        first: int = 10,
        after: str | None = None,
        as_of: str | None = None,
    ) -> SearchResult:
        """The findings that are most like the one of this id, without it, best first, by meaning and terms."""
        scope, request = info.context.scope(as_of), PageRequest(first, after)
        return run_similar(info.context, parse_id(finding), where=to_filter(where), scope=scope, request=request)

    @field
    def release(self, info: Info, name: str) -> Release | None:
        """The release of this name; null where there is none."""
        return _named(info.context, views.releases, name, NOW)  # type: ignore[no-any-return]

    @field
    def releases(self, info: Info, first: int = 50, after: str | None = None) -> ReleaseConnection:
        """Releases by name."""
        return list_releases(info.context, PageRequest(first, after))

    @field
    def round(self, info: Info, name: str) -> Round | None:
        """The round of this name; null where there is none."""
        return _named(info.context, views.rounds, name, NOW)  # type: ignore[no-any-return]

    @field
    def rounds(self, info: Info, first: int = 50, after: str | None = None) -> RoundConnection:
        """Rounds by name."""
        return list_rounds(info.context, PageRequest(first, after))

    @field
    def status(self, info: Info) -> Status:
        """What the archive holds."""
        return read_status(info.context)


def _records(reading: Reading, view_of: ViewOf, keys: Iterable[Any], scope: Scope) -> list[Any]:
    rows = rows_by_key(reading.session, view_of(scope), keys)
    return Siblings(reading, scope, view_of, rows).records()


def _first(reading: Reading, view_of: ViewOf, keys: Iterable[Any], scope: Scope) -> Any:
    return next(iter(_records(reading, view_of, keys, scope)), None)


def _named(reading: Reading, view_of: ViewOf, name: str, scope: Scope) -> Any:
    rows = rows_by_field(reading.session, view_of(scope), "name", [name])
    return next(iter(Siblings(reading, scope, view_of, rows).records()), None)
