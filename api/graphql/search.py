"""Search as GraphQL shows it."""

from api.graphql.declare import described, graphql_type
from api.graphql.finding import Finding
from api.graphql.siblings import Reading, Siblings
from schema.queries import views
from schema.queries.filters import FindingFilter
from schema.queries.reading import rows_by_key
from schema.queries.scope import Scope
from schema.queries.search import Search, SearchHit, SearchMode, find_model, get_model, search

NO_VECTORS = "no finding has a vector of this model, so the words alone were searched; run `groundct embed`"


@graphql_type
class SearchEdge:
    """A finding with its scores."""

    score: float = described("What the edges are sorted by.")
    semantic_score: float | None = described("Cosine of the meanings, -1 to 1; null without vectors.")
    lexical_score: float | None = described("0 to 2, over 1 where all words stand in the text; null where none does.")
    node: Finding


@graphql_type
class SearchResult:
    """The best findings, best first."""

    mode: SearchMode = described("What was searched by: LEXICAL instead of HYBRID where there are no vectors.")
    note: str | None = described("Why the mode is another than asked.")
    edges: list[SearchEdge]


def run_search(
    reading: Reading, text: str, mode: SearchMode, *, where: FindingFilter | None, scope: Scope, first: int
) -> SearchResult:
    """Search in a mode, or in LEXICAL where HYBRID has no vectors.

    Raises:
        NotEmbedded: SEMANTIC was asked for and there are no vectors.
    """
    asked = _search(reading, text, mode)
    hits = search(reading.session, asked, where=where, scope=scope, first=first)
    reading.count(len(hits))
    note = NO_VECTORS if asked.mode is not mode else None
    return SearchResult(mode=asked.mode, note=note, edges=_edges(reading, hits, scope))


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


def _edges(reading: Reading, hits: list[SearchHit], scope: Scope) -> list[SearchEdge]:
    rows = rows_by_key(reading.session, views.findings(scope), [hit.finding_id for hit in hits]) if hits else []
    nodes = {node.id: node for node in Siblings(reading, scope, views.findings, rows).records()}
    return [
        SearchEdge(
            score=hit.score,
            semantic_score=hit.semantic_score,
            lexical_score=hit.lexical_score,
            node=nodes[hit.finding_id],
        )
        for hit in hits
    ]
