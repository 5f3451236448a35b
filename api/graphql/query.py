"""The roots."""

from functools import partial

import strawberry

from api.graphql.category import Category
from api.graphql.cohort import Cohort, CohortConnection
from api.graphql.declare import field, graphql_type
from api.graphql.difference import ReleaseDifference, RoundDifference, release_difference, round_difference
from api.graphql.entity import Entity, EntityConnection
from api.graphql.finding import Finding, FindingConnection
from api.graphql.model_call import ModelCallConnection
from api.graphql.queue import QueuedAnnotationConnection, read_queue
from api.graphql.reads import Found, find, listed_at_root
from api.graphql.release import Release, ReleaseConnection
from api.graphql.report import Report, ReportConnection
from api.graphql.review import ReviewConnection
from api.graphql.round import Round, RoundConnection
from api.graphql.scan import Scan, ScanConnection
from api.graphql.search import SearchResult, run_search, run_similar
from api.graphql.siblings import Info, Siblings
from api.graphql.status import Status, read_status
from api.graphql.voxels import entities_at
from api.graphql.where import FindingWhere, parse_id, to_filter
from schema.errors import NotFound
from schema.queries import report_views, views
from schema.queries.filters import plain_name
from schema.queries.reading import rows_by_key
from schema.queries.search import SearchMode
from schema.queries.voxels import parse_voxel

SCAN = Found(views.scans, "name", plain_name)
FINDING = Found(views.findings, "id", parse_id)
ENTITY = Found(views.any_entity, "id", parse_id)
CATEGORIES = Found(views.categories, "ontology", many=True)
COHORT = Found(views.cohorts, "name")
RELEASE = Found(views.releases, "name")
REPORT = Found(report_views.reports, "study")
ROUND = Found(views.rounds, "name")


@graphql_type
class Query:
    """Reads of the archive as it is now, or `asOf` a release: its words, indices, and annotations."""

    @partial(field, reads=SCAN)
    def scan(self, info: Info, name: str, as_of: str | None = None) -> Scan | None:
        """The scan of this name, with or without `.nii.gz`; null where there is none."""
        return find(info.context, SCAN, name, as_of)  # type: ignore[no-any-return]

    scans: ScanConnection = listed_at_root(
        views.scans,
        "Scans by name; `asOf` decides what is below them, `where: {release: ...}` which scans they are.",
    )

    @partial(field, reads=FINDING)
    def finding(self, info: Info, id: strawberry.ID, as_of: str | None = None) -> Finding | None:  # noqa: A002
        """The finding of this id; null where there is none, or where the release does not have it."""
        return find(info.context, FINDING, id, as_of)  # type: ignore[no-any-return]

    findings: FindingConnection = listed_at_root(views.findings, "Findings by scan and index.")

    @partial(field, reads=ENTITY)
    def entity(self, info: Info, id: strawberry.ID) -> Entity | None:  # noqa: A002
        """The entity of this id, whatever became of its annotation; null where there is none, or it is hidden."""
        return find(info.context, ENTITY, id)  # type: ignore[no-any-return]

    entities: EntityConnection = listed_at_root(views.entities, "Entities by scan, finding and label.")

    @field
    def entities_at(self, info: Info, scan: str, ijk: list[int], as_of: str | None = None) -> list[Entity]:
        """The entities that are drawn at a voxel [i, j, k]; none also where they are hidden, see `scan.hidden`."""
        reading, scope = info.context, info.context.scope(as_of)
        if (there := find(reading, SCAN, scan, as_of)) is None:
            raise NotFound(f"there is no scan {scan!r}")
        keys = entities_at(reading, there.id, parse_voxel(ijk, there.shape_vox), scope)
        rows = rows_by_key(reading.session, views.entities(scope), keys)
        return Siblings(reading, scope, views.entities, rows).records()

    @partial(field, reads=CATEGORIES)
    def categories(self, info: Info, ontology: str | None = None, as_of: str | None = None) -> list[Category]:
        """Every category of every ontology, or of one, by path; roots have no parent."""
        return find(info.context, CATEGORIES, ontology, as_of)  # type: ignore[no-any-return]

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
        scope, request = info.context.scope(as_of), info.context.page(first, after)
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
        model: str | None = None,
    ) -> SearchResult:
        """The findings that are most like the one of this id, without it, best first, by meaning and terms.

        The meaning is the vectors' of `model`, the name of one that findings were embedded by; the server's own if none
        is named.
        """
        scope, request = info.context.scope(as_of), info.context.page(first, after)
        given = to_filter(where)
        return run_similar(info.context, parse_id(finding), model=model, where=given, scope=scope, request=request)

    @partial(field, reads=REPORT)
    def report(self, info: Info, study: str, as_of: str | None = None) -> Report | None:
        """The report of the study of this name, English where there are several languages; null where there is none.

        `asOf` decides the words and what is drawn of the findings below it.
        """
        return find(info.context, REPORT, study, as_of)  # type: ignore[no-any-return]

    reports: ReportConnection = listed_at_root(report_views.reports, "Reports by study, each language by itself.")

    @partial(field, reads=COHORT)
    def cohort(self, info: Info, name: str, as_of: str | None = None) -> Cohort | None:
        """The cohort of this name; null where there is none. `asOf` decides the words of its findings."""
        return find(info.context, COHORT, name, as_of)  # type: ignore[no-any-return]

    cohorts: CohortConnection = listed_at_root(views.cohorts, "Cohorts by name.")

    @partial(field, reads=RELEASE)
    def release(self, info: Info, name: str) -> Release | None:
        """The release of this name; null where there is none."""
        return find(info.context, RELEASE, name)  # type: ignore[no-any-return]

    @field
    def release_diff(self, info: Info, a: str, b: str) -> ReleaseDifference:
        """What the release `b` changed against the release `a`: scans, splits, words, and what is drawn."""
        return release_difference(info.context, a, b)

    releases: ReleaseConnection = listed_at_root(views.releases, "Releases by name.")

    @partial(field, reads=ROUND)
    def round(self, info: Info, name: str) -> Round | None:
        """The round of this name; null where there is none."""
        return find(info.context, ROUND, name)  # type: ignore[no-any-return]

    @field
    def round_diff(self, info: Info, a: str, b: str) -> RoundDifference:
        """What the round `b` changed against the round `a`: findings, words, and what is drawn, entity by entity.

        Voxels that no `groundct round diff` has compared are compared now, of so many findings as a limit allows.
        """
        return round_difference(info.context, a, b)

    rounds: RoundConnection = listed_at_root(views.rounds, "Rounds by name.")

    reviews: ReviewConnection = listed_at_root(
        views.reviews, "Verdicts on annotations, the oldest first. `asOf` decides the words of the findings below them."
    )

    @field
    def review_queue(
        self,
        info: Info,
        round: str | None = None,  # noqa: A002
        scan: str | None = None,
        adjudication: bool = False,
        first: int = 50,
        after: str | None = None,
    ) -> QueuedAnnotationConnection:
        """What should be looked at first: what waits for a verdict, and accepted masks that contradict the words.

        With `adjudication` only what an adjudicator decides.
        """
        return read_queue(info.context, round, scan, info.context.page(first, after), adjudication=adjudication)

    model_calls: ModelCallConnection = listed_at_root(
        views.model_calls, "Requests to language models, the oldest first; what was asked and answered is not shown."
    )

    @field
    def status(self, info: Info) -> Status:
        """What the archive holds."""
        return read_status(info.context)
