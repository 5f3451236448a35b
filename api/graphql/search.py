"""Search as GraphQL shows it."""

from collections.abc import Sequence
from uuid import UUID

from api.graphql.declare import described, graphql_type
from api.graphql.finding import Finding
from api.graphql.listing import PageInfo
from api.graphql.siblings import Reading, Siblings
from schema.queries import views
from schema.queries.filters import FindingFilter
from schema.queries.pages import PageRequest
from schema.queries.reading import rows_by_key
from schema.queries.scope import Scope
from schema.queries.search import (
    Search,
    SearchHit,
    SearchMode,
    SearchPage,
    find_model,
    get_model,
    search_page,
    similar_page,
)

NO_VECTORS = "no finding has a vector of this model, so the words alone were searched; run `groundct embed`"


@graphql_type
class SearchEdge:
    """A finding with its scores, and why it was found."""

    cursor: str
    score: float = described("What the edges are sorted by.")
    semantic_score: float | None = described("Cosine of the meanings, -1 to 1; null without vectors.")
    distance: float | None = described("Cosine distance of the meanings, 0 to 2; null without vectors.")
    lexical_score: float | None = described(
        "How like the asked terms and the finding's are, by weight, 0 to 1; null where they share none."
    )
    terms: list[str] = described("The asked terms that the finding has, what is seen first.")
    node: Finding


@graphql_type
class SearchResult:
    """A page of the best findings, best first."""

    mode: SearchMode = described("What was searched by: LEXICAL instead of HYBRID where there are no vectors.")
    note: str | None = described("Why the mode is another than asked.")
    exact: bool = described(
        "Whether it is certain that no other finding is better; false: the index of vectors proposed some."
    )
    edges: list[SearchEdge]
    page_info: PageInfo


def run_search(
    reading: Reading, text: str, mode: SearchMode, *, where: FindingFilter | None, scope: Scope, request: PageRequest
) -> SearchResult:
    """Search in a mode, or in LEXICAL where HYBRID has no vectors.

    Raises:
        NotEmbedded: SEMANTIC was asked for and there are no vectors.
    """
    asked = _search(reading, text, mode)
    page = search_page(reading.session, asked, request, where=where, scope=scope)
    note = NO_VECTORS if asked.mode is not mode else None
    return _result(reading, page, asked.mode, note, scope=scope, request=request)


def run_similar(
    reading: Reading,
    finding: UUID,
    *,
    model: str | None,
    where: FindingFilter | None,
    scope: Scope,
    request: PageRequest,
) -> SearchResult:
    """Give the findings that are most like one under a model by its name, or else under the server's own.

    Raises:
        NotFound: there is no such finding in the scope.
        NotEmbedded: it has no vector of the model, or nothing has.
    """
    if model is None:
        embedder = reading.services.vectors.embedder()
        key = get_model(reading.session, embedder.name, embedder.version)
    else:
        key = get_model(reading.session, model)
    page = similar_page(reading.session, finding, key, request, where=where, scope=scope)
    return _result(reading, page, SearchMode.HYBRID, None, scope=scope, request=request)


def _search(reading: Reading, text: str, mode: SearchMode) -> Search:
    plain = Search(text, SearchMode.LEXICAL)  # refuses what cannot be searched before a model is opened
    if mode is SearchMode.LEXICAL:
        return plain
    vectors = reading.services.vectors
    model = vectors.embedder()
    find = get_model if mode is SearchMode.SEMANTIC else find_model
    if (key := find(reading.session, model.name, model.version)) is None:
        return plain
    return Search(text, mode, vectors.vector(text), key)


def _result(
    reading: Reading, page: SearchPage, mode: SearchMode, note: str | None, *, scope: Scope, request: PageRequest
) -> SearchResult:
    reading.count(len(page.hits))
    cursors = [hit.cursor for hit in page.hits]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=request.after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
    return SearchResult(mode=mode, note=note, exact=page.exact, edges=_edges(reading, page.hits, scope), page_info=info)


def _edges(reading: Reading, hits: Sequence[SearchHit], scope: Scope) -> list[SearchEdge]:
    rows = rows_by_key(reading.session, views.findings(scope), [hit.finding_id for hit in hits]) if hits else []
    nodes = {node.id: node for node in Siblings(reading, scope, views.findings, rows).records()}
    return [
        SearchEdge(
            cursor=hit.cursor,
            score=hit.score,
            semantic_score=hit.semantic_score,
            distance=hit.distance,
            lexical_score=hit.lexical_score,
            terms=list(hit.terms),
            node=nodes[hit.finding_id],
        )
        for hit in hits
    ]
