"""Finding findings by what they mean, by their terms, or by both; and those that are like one.

The meaning of a text is its vector's cosine with the query's. Its terms are those that `finding_terms` reads in it:
abbreviations and other words for a thing are the same term, what is denied is another one. In every mode, findings that
deny what is asked for are left out, and so are those that show what is asked to be absent. The stored category plays no
part unless the filter names it.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from math import inf
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pgvector import HalfVector
from sqlmodel import Session

from schema.errors import NotFound
from schema.queries import nearest
from schema.queries.cursors import ScoreCursor
from schema.queries.filters import ENGLISH, FindingFilter, finding_condition, with_category_ids
from schema.queries.kept import Kept
from schema.queries.mistakes import NotEmbedded, OverLimit, ReadMistake
from schema.queries.nearest import VectorToCome
from schema.queries.pages import PageRequest
from schema.queries.scope import NOW, Scope
from schema.queries.slots import Slot, shape_of, slots_of
from schema.queries.statements import Statement, make_statement
from schema.queries.tables import EMBEDDING, EMBEDDING_MODEL, FINDING, REVISION
from schema.queries.terms import ROUNDING, Term, Terms, TermsToCome, read_terms
from schema.queries.views import Expression, findings


class SearchMode(StrEnum):
    """What a search goes by."""

    HYBRID = "hybrid"
    SEMANTIC = "semantic"
    LEXICAL = "lexical"


OVERHEAD = {SearchMode.SEMANTIC: 20, SearchMode.HYBRID: 400}
"""Findings that the index proposes beside those that are shown: its order is not quite exact, and terms may count."""
POOL = 90
"""Findings that are nearest of all, beside those that are shown: a filter may leave few of them, and the farther the
last one is, the fewer others can be better by their terms."""
SAMPLE = 1000
"""Vectors that are compared before all, to know how near the pool is at least: so most need no sorting."""
BY_TERMS = 0.7
"""What the terms weigh from which on the likeliest findings are those that have them, not those that are nearest."""
MOST_CHARACTERS = 2000
_KEPT: Kept[Statement] = Kept(256, 1 << 20)
"""Statements that stay compiled."""
_STRICT = re.compile(r'"|(^|\s)-\w')
_EXCLUDED = re.compile(r'(^|\s)-("[^"]*"|\w+)')


@dataclass(frozen=True)
class SearchHit:
    """A finding with its scores; greater is better."""

    finding_id: UUID
    score: float
    """What hits are sorted by: that of the mode, or in HYBRID a mean, weighted as `Terms` says, what is absent as 0."""
    semantic_score: float | None
    """Cosine of the vectors, -1 to 1; None without vectors."""
    lexical_score: float | None
    """How like the finding's terms and the query's are, 0 to 1; None where they share none."""
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
    """Whether it is certain that no other finding is better; False: the index of vectors proposed some of them."""


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
        if self.mode is not SearchMode.LEXICAL and (self.vector is None or self.model_id is None):
            raise ValueError(f"the mode {self.mode} needs the query's vector and its model")


def search_page(
    session: Session, asked: Search, request: PageRequest, *, where: FindingFilter | None = None, scope: Scope = NOW
) -> SearchPage:
    """Give a page of the best findings of a scope under a filter.

    Raises:
        ReadMistake: the cursor is not one of a search.
        ValueError: there is no vector and the mode needs one.
    """
    ranking = _Ranking(asked, request, where and with_category_ids(session, where), scope)
    many = ranking.prepare(session)
    found, exact = _read(session, ranking, few=not many, by_index=many and ranking.leaves_many(session))
    hits = [_hit(row, ranking, ranking.seen + place) for place, row in enumerate(found[: request.first], 1)]
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


@dataclass
class _Ranking:
    """One search: its statements, kept by the shape of what is asked, and what comes with each sending of them."""

    asked: Search
    request: PageRequest
    where: FindingFilter | None
    scope: Scope
    terms: Terms = field(init=False)

    @cached_property
    def after(self) -> ScoreCursor | None:
        """Where the page begins."""
        given = self.request.after
        return ScoreCursor.parse(given) if isinstance(given, str) else None

    @property
    def seen(self) -> int:
        """Hits of earlier pages."""
        return self.after.seen if self.after else 0

    @property
    def affirmed(self) -> str:
        """The text without what it excludes by a minus."""
        return _EXCLUDED.sub(" ", self.asked.text)

    @cached_property
    def vector(self) -> HalfVector | None:
        """The query's; None where it plays no part."""
        given = None if self.asked.mode is SearchMode.LEXICAL else self.asked.vector
        return None if given is None else HalfVector(list(given))

    @cached_property
    def shown(self) -> Mapping[Term, str]:
        """The terms as people read them."""
        return {term: term.shown(self.asked.text) for term in self.terms.all}

    @property
    def limit(self) -> int:
        """The page's rows, and one that tells of a next page."""
        return self.request.first + 1

    @property
    def proposed(self) -> int:
        """Findings that the index proposes for being nearest."""
        return self.seen + self.limit + OVERHEAD[self.asked.mode]

    @property
    def reached(self) -> int:
        """Hits up to the end of this page."""
        return self.seen + self.limit

    @property
    def pooled(self) -> int:
        """Findings that are nearest and compared first."""
        return self.seen + self.limit + self.shape.overhead

    @cached_property
    def shape(self) -> "_Shape":
        asked = self.asked
        return _Shape(
            asked.mode,
            self.scope,
            model=None if asked.model_id is None or self.vector is None else (asked.model_id, self.vector.dimensions()),
            where=shape_of(self.where),
            besides=asked.besides is not None,
            strict=asked.mode is not SearchMode.SEMANTIC and _STRICT.search(asked.text) is not None,
            first=None if self.after is not None else self.request.first,
        )

    def send(self, session: Session, name: str) -> sa.CursorResult[Any]:
        """Send a statement by its name in `_Statements`, and that of a tsquery where it takes one."""
        return self._statement(name).send(session, self)

    def send_by_index(self, session: Session) -> Sequence[sa.Row[Any]]:
        """Send the statement that reads in the index's order."""
        with nearest.index_preferred(session):
            return self.send(session, "by_index").all()

    def estimate(self, session: Session, name: str) -> float:
        """Give the planner's estimate of a statement's rows."""
        return nearest.estimate_rows(session, self._statement(name), self)

    def prepare(self, session: Session) -> bool:
        """Read the terms and prepare the transaction; tell whether there are many vectors with an index."""
        row = self.send(session, "prepared").one()
        self.terms = Terms.of(row.terms)
        return row.vectors > nearest.EXACT_ROWS and bool(row.indexed)

    def leaves_many(self, session: Session) -> bool:
        """Tell whether the filter leaves more findings than are compared one by one."""
        return self.shape.whole or self.estimate(session, "left") > nearest.EXACT_FILTERED

    @property
    def weight(self) -> float:
        """What the likeness of terms weighs in a score, the meaning weighing the rest."""
        return {SearchMode.SEMANTIC: 0.0, SearchMode.LEXICAL: 1.0}.get(self.asked.mode, self.terms.weight)

    def most(self, cosine: float, likeness: float = 1.0) -> float:
        """Give a score that nothing exceeds whose cosine and likeness are no greater than these."""
        return (1 - self.weight) * self._counted(cosine) + self.weight * likeness + ROUNDING

    def ask_for_better(self, rows: Sequence[sa.Row[Any]], cosine: float) -> bool:
        """Ask for the likeness that others, no nearer than this, need to be among these rows; tell if they need any."""
        if not self.weight:
            return False
        least: float = (rows[-1].score - (1 - self.weight) * self._counted(cosine)) / self.weight - ROUNDING
        self.terms = replace(self.terms, least=max(least, 0.0))
        return least > 0

    def _counted(self, cosine: float) -> float:
        """Beside terms, what has no vector counts as nothing."""
        return cosine if self.asked.mode is SearchMode.SEMANTIC else max(cosine, 0.0)

    def _statement(self, name: str) -> Statement:
        if (kept := _KEPT.find((name, self.shape))) is not None:
            return kept
        made = self._made(name)
        return _KEPT.put((name, self.shape), made, len(made.text))

    def _made(self, name: str) -> Statement:
        statements = _Statements(self.shape, slots_of(self.where, "where"))
        return make_statement(getattr(statements, name)())


@dataclass(frozen=True)
class _Shape:
    """What of a search decides its statements' text."""

    mode: SearchMode
    scope: Scope
    model: tuple[int, int] | None
    """Its key and its dimensions."""
    where: Hashable
    besides: bool
    strict: bool
    first: int | None
    """The size of a first page, which a plan depends on; None for later ones."""

    @property
    def continued(self) -> bool:
        """Whether a page goes on where another one ended."""
        return self.first is None

    @property
    def whole(self) -> bool:
        """Whether every finding is asked for, in its latest wording."""
        return self.where == shape_of(None) and self.scope == NOW

    @property
    def overhead(self) -> int:
        """Findings that are pooled for being nearest beside those that are shown."""
        return OVERHEAD[self.mode] if self.whole and self.mode is SearchMode.SEMANTIC else POOL


@dataclass(frozen=True)
class _Statements:
    """The statements of one shape; values come from a `_Ranking`."""

    shape: _Shape
    filter: FindingFilter | None
    """With slots."""

    @property
    def terms(self) -> TermsToCome:
        return TermsToCome(Slot(("terms",)))

    @cached_property
    def vector(self) -> VectorToCome | None:
        return None if self.shape.model is None else VectorToCome(*self.shape.model, Slot(("vector",)))

    @property
    def key(self) -> Expression:
        return REVISION.c.finding_id

    @property
    def hybrid(self) -> bool:
        return self.shape.mode is SearchMode.HYBRID

    @property
    def limit(self) -> Expression:
        """The page's rows, and one that tells of a next page."""
        return self._number("limit", 1)

    @property
    def proposed(self) -> Expression:
        """Findings that the index proposes for being nearest."""
        return self._number("proposed", 1 + OVERHEAD[self.shape.mode])

    @property
    def pooled(self) -> Expression:
        """Findings that are nearest and compared first."""
        return self._number("pooled", 1 + self.shape.overhead)

    def _number(self, name: str, more: int) -> Expression:
        """Give how many rows; a constant in the text where it can be, since no general plan is made for a parameter."""
        if self.shape.first is None:
            return Slot((name,)).bound(sa.Integer())
        return sa.literal(self.shape.first + more, literal_execute=True)

    @cached_property
    def condition(self) -> Expression:
        """The filter."""
        return finding_condition(self.filter, self.shape.scope)

    @cached_property
    def rows(self) -> sa.FromClause:
        """No more tables than the filter needs: each one is a look-up for every finding that it leaves."""
        return findings(self.shape.scope).rows_with([self.condition, self.key])

    def prepared(self) -> sa.Select[Any]:
        """Read the query's terms, tell what there is, and set the transaction up."""
        indexed = sa.false() if self.vector is None else nearest.has_index(self.vector.model_id)
        columns = {"terms": read_terms(Slot(("affirmed",))), "vectors": nearest.vectors(), "indexed": indexed}
        # Among many findings, how many have a query's terms or pass a filter decides how they are best read.
        few = sa.true() if self.shape.mode is SearchMode.SEMANTIC else nearest.vectors() <= nearest.EXACT_ROWS
        settings = nearest.settings(one_plan=few if self.shape.whole else sa.false())
        return sa.select(*(column.label(name) for name, column in columns.items()), settings)

    def left(self) -> sa.Select[Any]:
        """Give a row for every finding that the filter leaves."""
        return sa.select(sa.literal(1)).select_from(self.rows).where(*self.conditions())

    def conditions(self) -> list[Expression]:
        """The filter and the scope."""
        return [findings(self.shape.scope).where, self.condition]

    def matches(self) -> list[Expression]:
        """What a finding must be, besides, to answer at all."""
        found = [self.terms.not_contrary()]
        if self.shape.besides:
            found.append(self.key != Slot(("asked", "besides")))
        if self.shape.strict:
            asked = sa.func.websearch_to_tsquery(ENGLISH, Slot(("asked", "text")))
            found.append(REVISION.c.words.bool_op("@@")(asked))
        elif self.shape.mode is SearchMode.LEXICAL:
            found.append(self.terms.has("some"))
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
        if self.shape.mode is SearchMode.LEXICAL:
            return self.terms.likeness()
        if self.shape.mode is SearchMode.SEMANTIC:
            return cosine
        return self.mean(cosine, self.terms.likeness())

    def mean(self, cosine: Expression, likeness: Expression) -> Expression:
        """Give the score in HYBRID; what has no vector, or means something else altogether, has no meaning."""
        weight = self.terms.weight()
        return (1.0 - weight) * sa.func.greatest(cosine, 0.0) + weight * likeness

    def of_all(self) -> sa.Select[Any]:
        """Compare every finding."""
        if not self.shape.whole or self.vector is None:
            return self._of_some()
        cosine = (1.0 - self.vector.distance()).label("cosine")
        # Narrow rows, that a join moves cheaply.
        cosines = sa.select(EMBEDDING.c.revision_id, cosine).where(self.vector.of_model()).offset(0).subquery()
        rows = REVISION.join(cosines, cosines.c.revision_id == REVISION.c.id, isouter=self.hybrid)
        score = self.score(cosines.c.cosine)
        return self._shown(self._found(score).select_from(rows), self.key, score)

    def of_main(self) -> sa.Select[Any]:
        """Compare the findings that have all that is asked for, without reading a vector that could bring none in."""
        likeness = self.terms.likeness().label("likeness")
        found = self._found(likeness).where(self.terms.has("every_main")).select_from(self.rows)
        pool = found.cte("worded").prefix_with("MATERIALIZED")
        ranked = sa.select(pool.c.id, pool.c.revision_id)
        if self.vector is None:
            return self._shown(ranked.add_columns(pool.c.score), pool.c.id, pool.c.score)
        best = sa.select(pool.c.score).order_by(pool.c.score.desc()).limit(self._number("reached", 1)).subquery()
        least = sa.select(sa.func.min(best.c.score)).scalar_subquery()
        embedded = sa.and_(EMBEDDING.c.revision_id == pool.c.revision_id, self.vector.of_model())
        score = self.mean(self.semantic(), pool.c.score)
        ranked = ranked.add_columns(score.label("score")).select_from(pool.join(EMBEDDING, embedded, isouter=True))
        return self._shown(ranked.where(pool.c.score >= least - self.terms.swing()), pool.c.id, score)

    def of_better(self) -> sa.Select[Any]:
        """Compare the findings that have the least likeness, without looking up a vector of another one."""
        return self._of_some(self.terms.has("reaching"), self.terms.has_least())

    def of_nearest(self) -> sa.Select[Any]:
        """Compare the nearest findings of all, before it is told which of them match; tell how near the last one is."""
        assert self.vector is not None  # noqa: S101 - only where vectors are compared
        distance = self.vector.distance().label("distance")
        some = (
            sa.select(distance).where(self.vector.of_model()).limit(sa.literal(SAMPLE, literal_execute=True)).subquery()
        )
        nearest_of_some = sa.select(some.c.distance).order_by(some.c.distance).limit(self.pooled).subquery()
        bound = sa.select(sa.func.max(nearest_of_some.c.distance)).scalar_subquery()
        near = sa.select(EMBEDDING.c.revision_id, distance).where(self.vector.of_model(), distance <= bound)
        if self.shape.continued and not self.hybrid:
            near = near.where(1.0 - distance <= Slot(("after", "score")).bound(sa.Double()))
        pool = near.order_by(distance).limit(self.pooled).cte("near")
        score = self.score(1.0 - pool.c.distance)
        rows = self.rows.join(pool, pool.c.revision_id == REVISION.c.id)
        return self._shown(self._found(score).select_from(rows), self.key, score, reached=_cosine_of_last(pool))

    def _of_some(self, *step: Expression) -> sa.Select[Any]:
        rows, score = self.with_vectors(self.rows, all_rows=self.hybrid), self.score(self.semantic())
        return self._shown(self._found(score).select_from(rows).where(*step), self.key, score)

    def _found(self, score: Expression) -> sa.Select[Any]:
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id"), score.label("score"))
        return found.where(*self.conditions(), *self.matches())

    def _shown(self, ranked: sa.Select[Any], key: Expression, score: Expression, **told: Expression) -> sa.Select[Any]:
        """Cut the page out, and only then read what explains its scores."""
        if self.shape.continued:
            score_after, key_after = Slot(("after", "score")).bound(sa.Double()), Slot(("after", "finding_id"))
            ranked = ranked.where(sa.or_(score < score_after, sa.and_(score == score_after, key > key_after)))
        best = ranked.order_by(sa.desc("score"), key).limit(self.limit).subquery()
        rows = self.with_vectors(best.join(REVISION, REVISION.c.id == best.c.revision_id), all_rows=True)
        lexemes = sa.func.tsvector_to_array(REVISION.c.terms)
        columns = (best.c.id, best.c.score, self.semantic().label("semantic"), self.terms.likeness().label("likeness"))
        named = [each.label(name) for name, each in told.items()]
        shown = sa.select(*columns, lexemes.label("lexemes"), *named).select_from(rows)
        return shown.order_by(best.c.score.desc(), best.c.id)

    def by_index(self) -> sa.Select[Any]:
        """Compare the findings that the index proposes."""
        assert self.vector is not None  # noqa: S101 - the index is of vectors
        distance = self.vector.indexed_distance()
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id"), distance.label("distance"))
        found = found.select_from(self.with_vectors(self.rows, all_rows=False))
        found = found.where(*self.conditions(), *self.matches())
        found = found.order_by(distance).limit(self.proposed)
        pool = found.cte("near").prefix_with("MATERIALIZED")
        score = self.score(1.0 - pool.c.distance)
        ranked = sa.select(pool.c.id, pool.c.revision_id, score.label("score"))
        ranked = ranked.select_from(pool.join(REVISION, REVISION.c.id == pool.c.revision_id))
        return self._shown(ranked, pool.c.id, score)


def _cosine_of_last(pool: sa.CTE) -> Expression:
    return sa.select(1.0 - sa.func.max(pool.c.distance)).scalar_subquery()


def _read(session: Session, ranking: _Ranking, *, few: bool, by_index: bool) -> tuple[Sequence[sa.Row[Any]], bool]:
    """Give the rows, from as few findings as tell that no other one belongs among them, and whether that is certain.

    `few`: all vectors are compared sooner than those of the findings that a filter leaves are looked up. `by_index`:
    the nearest are those that the index proposes, unless it finds fewer than were asked for.
    """
    rows, cosine, most = _read_likely(session, ranking, few=few)
    full = len(rows) == ranking.limit
    if full and rows[-1].score > most:
        return rows, True
    if by_index and len(near := ranking.send_by_index(session)) >= ranking.request.first:
        return _merged(ranking, rows, near), False
    if full and ranking.ask_for_better(rows, cosine) and ranking.terms.reaching:
        return _merged(ranking, rows, ranking.send(session, "of_better").all()), True
    return ranking.send(session, "of_all").all(), True


def _read_likely(session: Session, ranking: _Ranking, *, few: bool) -> tuple[Sequence[sa.Row[Any]], float, float]:
    """Give the best of the likeliest findings, and the cosine and the score that none of the others exceeds."""
    if ranking.weight >= BY_TERMS and ranking.terms.main:
        rows = ranking.send(session, "of_main").all()
        if len(rows) == ranking.limit:
            return rows, 1.0, ranking.most(1.0, ranking.terms.most_without_main)
    if few and ranking.vector is not None and (rows := ranking.send(session, "of_nearest").all()):
        return rows, rows[0].reached, ranking.most(rows[0].reached)
    return [], 1.0, inf


def _merged(ranking: _Ranking, *found: Sequence[sa.Row[Any]]) -> Sequence[sa.Row[Any]]:
    rows = {row.id: row for rows in found for row in rows}.values()
    return sorted(rows, key=lambda row: (-row.score, row.id))[: ranking.limit]


def _hit(row: sa.Row[Any], ranking: _Ranking, seen: int) -> SearchHit:
    terms = tuple(dict.fromkeys(ranking.shown[term] for term in ranking.terms.found_in(row.lexemes)))
    cursor = ScoreCursor(row.score, row.id, seen).text()
    return SearchHit(row.id, row.score, row.semantic, row.likeness or None, terms, cursor)


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
