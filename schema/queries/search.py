"""Finding findings by what they mean, by their terms, or by both; and those that are like one.

The meaning of a text is its vector's cosine with the query's. Its terms are those that `finding_terms` reads in it:
abbreviations and other words for a thing are the same term, what is denied is another one. In every mode, findings that
deny what is asked for are left out, and so are those that show what is asked to be absent. The stored category plays no
part unless the filter names it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schema.errors import NotFound
from schema.queries import nearest
from schema.queries.cursors import ScoreCursor
from schema.queries.filters import ENGLISH, FindingFilter, finding_condition
from schema.queries.mistakes import NotEmbedded, OverLimit, ReadMistake
from schema.queries.nearest import QueryVector
from schema.queries.pages import PageRequest
from schema.queries.scope import NOW, Scope
from schema.queries.tables import EMBEDDING, EMBEDDING_MODEL, FINDING, REVISION
from schema.queries.terms import Terms, read_terms
from schema.queries.views import Expression, findings

SHARE_OF_TERMS = 0.85
"""What the terms weigh in HYBRID, the meaning weighing the rest."""
POOL = 200
"""Findings that the index and the terms each propose in HYBRID, beside those of earlier pages."""
MOST_WORDED = 1500
"""Findings with every term of the query that are compared one by one, whatever the index says."""
OVERHEAD = 20
"""Findings that the index proposes in SEMANTIC beside those that are shown: its order is not quite exact."""
ROUNDING = 1e-5
"""By how much a share may be off: PostgreSQL sums it in single precision."""
MOST_CHARACTERS = 2000
_STRICT = re.compile(r'"|(^|\s)-\w')
_EXCLUDED = re.compile(r'(^|\s)-("[^"]*"|\w+)')


class SearchMode(StrEnum):
    """What a search goes by."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"


@dataclass(frozen=True)
class SearchHit:
    """A finding with its scores; greater is better."""

    finding_id: UUID
    score: float
    """What hits are sorted by: the one of the mode, or in HYBRID the weighted mean, an absent part counting 0."""
    semantic_score: float | None
    """Cosine of the vectors, -1 to 1; None without vectors."""
    lexical_score: float | None
    """The share of the query's terms, by weight, that the finding has, 0 to 1; None where it has none."""
    terms: tuple[str, ...] = ()
    """The query's terms that the finding has, what is seen first."""
    cursor: str = ""

    @property
    def distance(self) -> float | None:
        """Cosine distance of the vectors, 0 to 2; None without vectors."""
        return None if self.semantic_score is None else 1 - self.semantic_score


@dataclass(frozen=True)
class SearchPage:
    """Some hits, best first, equals by id."""

    hits: Sequence[SearchHit]
    has_next: bool
    exact: bool
    """Whether every finding was compared; False: those that the index of vectors proposed, and some by terms."""


@dataclass(frozen=True)
class Search:
    """What to look for; `vector` is the query's under the model `model_id`, and needed except in LEXICAL.

    Raises:
        ReadMistake: no text, or far too much of it.
    """

    text: str
    mode: SearchMode = SearchMode.HYBRID
    vector: Sequence[float] | None = None
    model_id: int | None = None
    besides: UUID | None = None
    """A finding that is left out."""

    def __post_init__(self) -> None:
        needed = f"`text`: 1 to {MOST_CHARACTERS} characters are needed"
        if len(self.text) > MOST_CHARACTERS:
            raise OverLimit("text", MOST_CHARACTERS, needed)
        if not self.text.strip() or "\0" in self.text:
            raise ReadMistake(needed)

    @property
    def query_vector(self) -> QueryVector | None:
        """The vector with its model; None in LEXICAL, ValueError where there is none and the mode needs one."""
        if self.mode is SearchMode.LEXICAL:
            return None
        if self.vector is None or self.model_id is None:
            raise ValueError(f"the mode {self.mode} needs the query's vector and its model")
        return QueryVector(self.model_id, self.vector)


def search_page(
    session: Session, asked: Search, request: PageRequest, *, where: FindingFilter | None = None, scope: Scope = NOW
) -> SearchPage:
    """Give a page of the best findings of a scope under a filter.

    Raises:
        ReadMistake: the cursor is not one of a search.
        ValueError: there is no vector and the mode needs one.
    """
    after = ScoreCursor.parse(request.after) if isinstance(request.after, str) else None
    terms = read_terms(session, _EXCLUDED.sub(" ", asked.text))
    ranking = _Ranking(asked, terms, where, scope, request.first, after)
    rows = _read_by_index(session, ranking) if ranking.goes_by_index(session) else None
    exact = rows is None
    found = _read_exactly(session, ranking) if rows is None else rows
    seen = after.seen if after else 0
    hits = [_hit(row, ranking, seen + place) for place, row in enumerate(found[: request.first], 1)]
    return SearchPage(hits, has_next=len(found) > request.first, exact=exact)


def similar_page(
    session: Session,
    finding_id: UUID,
    model_id: int,
    request: PageRequest,
    *,
    where: FindingFilter | None = None,
    scope: Scope = NOW,
) -> SearchPage:
    """Give a page of the findings that are most like one in a scope, by meaning and terms, without itself.

    Raises:
        NotFound: there is no such finding in the scope.
        NotEmbedded: it has no vector of the model.
    """
    embedded = sa.and_(EMBEDDING.c.revision_id == REVISION.c.id, EMBEDDING.c.model_id == model_id)
    view = findings(scope)
    rows = view.rows.outerjoin(EMBEDDING, embedded)
    known = sa.select(REVISION.c.text, EMBEDDING.c.vector).select_from(rows)
    known = known.where(view.where, FINDING.c.id == finding_id)
    if (row := session.execute(known).first()) is None:
        raise NotFound(f"there is no finding {finding_id}")
    if row.vector is None:
        named = sa.select(EMBEDDING_MODEL.c.name).where(EMBEDDING_MODEL.c.id == model_id)
        raise NotEmbedded(session.scalars(named).one(), finding_id)
    asked = Search(row.text[:MOST_CHARACTERS], SearchMode.HYBRID, row.vector, model_id, besides=finding_id)
    return search_page(session, asked, request, where=where, scope=scope)


@dataclass(frozen=True)
class _Ranking:
    """The statements of one search."""

    asked: Search
    terms: Terms
    where: FindingFilter | None
    scope: Scope
    first: int
    after: ScoreCursor | None

    @cached_property
    def vector(self) -> QueryVector | None:
        return self.asked.query_vector

    @property
    def whole(self) -> bool:
        """Whether every finding is asked for, in its latest wording."""
        return self.where is None and self.scope == NOW

    @cached_property
    def condition(self) -> Expression:
        """The filter."""
        return finding_condition(self.where, self.scope)

    @property
    def key(self) -> Expression:
        return REVISION.c.finding_id

    @cached_property
    def rows(self) -> sa.FromClause:
        """No more tables than the filter needs: each one is a look-up for every finding that it leaves."""
        return findings(self.scope).rows_with([self.condition, self.key])

    def conditions(self) -> list[Expression]:
        """The filter and the scope."""
        return [findings(self.scope).where, self.condition]

    def matches(self) -> list[Expression]:
        """What a finding must be, besides, to answer at all."""
        found = [self.terms.not_contrary()]
        if self.asked.besides is not None:
            found.append(self.key != self.asked.besides)
        if self.asked.mode is not SearchMode.SEMANTIC and _STRICT.search(self.asked.text):
            found.append(REVISION.c.words.bool_op("@@")(sa.func.websearch_to_tsquery(ENGLISH, self.asked.text)))
        elif self.asked.mode is SearchMode.LEXICAL:
            found.append(self.terms.some())
        return found

    def with_vectors(self, rows: sa.FromClause, *, all_rows: bool) -> sa.FromClause:
        if self.vector is None:
            return rows
        embedded = sa.and_(EMBEDDING.c.revision_id == REVISION.c.id, self.vector.of_model())
        return rows.join(EMBEDDING, embedded, isouter=all_rows)

    def semantic(self) -> Expression:
        if self.vector is None:
            return sa.cast(sa.null(), sa.Double)
        return 1.0 - self.vector.distance()

    def score(self, cosine: Expression) -> Expression:
        if self.asked.mode is SearchMode.LEXICAL:
            return self.terms.share()
        if self.asked.mode is SearchMode.SEMANTIC:
            return cosine
        meaning = sa.func.coalesce(cosine, 0.0)
        return (1 - SHARE_OF_TERMS) * meaning + SHARE_OF_TERMS * self.terms.share()

    def steps(self) -> Iterator[tuple[Expression, float]]:
        """Give conditions, each wider, with a score that nothing reaches which does not meet it."""
        if self.asked.mode is SearchMode.SEMANTIC:
            return
        hybrid = self.asked.mode is SearchMode.HYBRID
        for condition, share in self.terms.steps():
            yield condition, ROUNDING + (1 - SHARE_OF_TERMS + SHARE_OF_TERMS * share if hybrid else share)

    def exact_statement(self, *step: Expression) -> sa.Select[Any]:
        """Compare every finding, or every one that meets a step's condition."""
        hybrid = self.asked.mode is SearchMode.HYBRID
        if self.whole and self.vector is not None and not step:
            cosines = self._cosines(self.vector)
            rows: sa.FromClause = REVISION.join(cosines, cosines.c.revision_id == REVISION.c.id, isouter=hybrid)
            score = self.score(cosines.c.cosine)
        else:
            rows, score = self.with_vectors(self.rows, all_rows=hybrid), self.score(self.semantic())
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id"), score.label("score"))
        found = found.select_from(rows).where(*self.conditions(), *self.matches(), *step)
        return self._shown(found, self.key, score)

    def _cosines(self, vector: QueryVector) -> sa.Subquery:
        """Give every revision's cosine, narrow rows that a join moves cheaply; in SEMANTIC best first, so that little
        of it is joined at all.
        """
        cosine = (1.0 - vector.distance()).label("cosine")
        found = sa.select(EMBEDDING.c.revision_id, cosine).where(vector.of_model())
        semantic = self.asked.mode is SearchMode.SEMANTIC
        return (found.order_by(sa.desc("cosine")) if semantic else found.offset(0)).subquery()

    def _shown(self, ranked: sa.Select[Any], key: Expression, score: Expression) -> sa.Select[Any]:
        """Cut the page out, and only then read what explains its scores."""
        if self.after is not None:
            ranked = ranked.where(self.after.condition(score, key))
        best = ranked.order_by(sa.desc("score"), key).limit(self.first + 1).subquery()
        rows = self.with_vectors(best.join(REVISION, REVISION.c.id == best.c.revision_id), all_rows=True)
        lexemes = sa.func.tsvector_to_array(REVISION.c.terms)
        columns = (best.c.id, best.c.score, self.semantic().label("semantic"), self.terms.share().label("share"))
        shown = sa.select(*columns, lexemes.label("lexemes")).select_from(rows)
        return shown.order_by(best.c.score.desc(), best.c.id)

    def goes_by_index(self, session: Session) -> bool:
        """Whether more findings are left than are compared one by one, and there is an index."""
        if self.vector is None or not nearest.is_large(session):
            return False
        if not nearest.has_index(session, self.vector.model_id):
            return False
        left = sa.select(sa.literal(1)).select_from(self.rows).where(*self.conditions())
        return self.whole or nearest.estimate_rows(session, left) > nearest.EXACT_ROWS

    def indexed_statement(self, session: Session) -> sa.Select[Any]:
        """Compare the findings that the index and, in HYBRID, the terms propose."""
        pool = self._nearest("near", self.matches())
        if self.asked.mode is SearchMode.HYBRID:
            pool = sa.union(sa.select(pool), sa.select(self._worded(session))).cte("pool")
        rows = self.with_vectors(pool.join(REVISION, REVISION.c.id == pool.c.revision_id), all_rows=True)
        score = self.score(self.semantic())
        ranked = sa.select(pool.c.id, pool.c.revision_id, score.label("score")).select_from(rows)
        return self._shown(ranked, pool.c.id, score)

    @property
    def proposed(self) -> int:
        """How many findings the index proposes."""
        shown = (self.after.seen if self.after else 0) + self.first + 1
        return shown + (POOL if self.asked.mode is SearchMode.HYBRID else OVERHEAD)

    def _nearest(self, name: str, matches: Sequence[Expression]) -> sa.CTE:
        """Propose what the index finds nearest among matches."""
        assert self.vector is not None  # noqa: S101 - the index is of vectors
        rows = self.with_vectors(self.rows, all_rows=False)
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id")).select_from(rows)
        found = found.where(*self.conditions(), *matches).order_by(self.vector.indexed_distance())
        return found.limit(self.proposed).cte(name).prefix_with("MATERIALIZED")

    def _worded(self, session: Session) -> sa.CTE:
        """Propose what has every term that matters: all of it where that is little, else the nearest of it."""
        matches = [*self.matches(), self.terms.every()]
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id")).select_from(self.rows)
        found = found.where(*self.conditions(), *matches)
        if nearest.estimate_rows(session, found) > MOST_WORDED:
            return self._nearest("worded", matches)
        return found.limit(2 * MOST_WORDED).cte("worded").prefix_with("MATERIALIZED")


def _read_exactly(session: Session, ranking: _Ranking) -> Sequence[sa.Row[Any]]:
    """Give the rows from as few findings as tell that no other one belongs among them."""
    for condition, reached in ranking.steps():
        rows = session.execute(ranking.exact_statement(condition)).all()
        if len(rows) > ranking.first and rows[-1].score > reached:
            return rows
    return session.execute(ranking.exact_statement()).all()


def _read_by_index(session: Session, ranking: _Ranking) -> Sequence[sa.Row[Any]] | None:
    """Give the rows, or None where the index did not find as many as were asked for."""
    nearest.prepare_index_scan(session)
    try:
        rows = session.execute(ranking.indexed_statement(session)).all()
    finally:
        nearest.end_index_scan(session)
    return rows if len(rows) >= ranking.first else None


def _hit(row: sa.Row[Any], ranking: _Ranking, seen: int) -> SearchHit:
    text = ranking.asked.text
    terms = tuple(dict.fromkeys(term.shown(text) for term in ranking.terms.found_in(row.lexemes)))
    cursor = ScoreCursor(row.score, row.id, seen).text()
    return SearchHit(row.id, row.score, row.semantic, row.share or None, terms, cursor)


def find_model(session: Session, name: str, version: str | None = None) -> int | None:
    """Give the key of a model that has at least one vector, the newest where no version is named, or None."""
    has_vectors = sa.exists().where(EMBEDDING.c.model_id == EMBEDDING_MODEL.c.id)
    asked = sa.select(EMBEDDING_MODEL.c.id).where(EMBEDDING_MODEL.c.name == name, has_vectors)
    if version is not None:
        asked = asked.where(EMBEDDING_MODEL.c.version == version)
    return session.scalar(asked.order_by(EMBEDDING_MODEL.c.id.desc()).limit(1))


def get_model(session: Session, name: str, version: str | None = None) -> int:
    """Give the key of a model that has at least one vector, the newest where no version is named.

    Raises:
        NotEmbedded: it has none.
    """
    if (key := find_model(session, name, version)) is None:
        raise NotEmbedded(name)
    return key
