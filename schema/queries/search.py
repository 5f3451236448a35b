"""Finding findings by what they mean, by their terms, or by both; and those that are like one.

The meaning of a text is its vector's cosine with the query's. Its terms are those that `finding_terms` reads in it:
abbreviations and other words for a thing are the same term, what is denied is another one. In every mode, findings that
deny what is asked for are left out, and so are those that show what is asked to be absent. The stored category plays no
part unless the filter names it.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
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
from schema.queries.terms import Term, Terms, TermsToCome, read_terms
from schema.queries.views import Expression, findings

SHARE_OF_TERMS = 0.85
"""What the terms weigh in HYBRID, the meaning weighing the rest."""
MOST_WORDED = 1000
"""Findings with terms of the query that are compared one by one before the index is asked."""
OVERHEAD = 20
"""Findings that are proposed for being nearest beside those that are shown: the index's order is not quite exact."""
ROUNDING = 1e-5
"""By how much a share may be off: PostgreSQL sums it in single precision."""
MOST_CHARACTERS = 2000
_KEPT: Kept[Statement] = Kept(256, 1 << 20)
"""Statements that stay compiled."""
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
    rows = _read_by_index(session, ranking) if many and ranking.leaves_many(session) else None
    exact = rows is None
    found = _read_exactly(session, ranking) if rows is None else rows
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
        """Findings that are proposed for being nearest."""
        return self.seen + self.limit + OVERHEAD

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

    def send_by_index(
        self, session: Session, name: str, *, most_scanned: int = nearest.MOST_SCANNED
    ) -> Sequence[sa.Row[Any]]:
        """Send a statement that reads in the index's order."""
        with nearest.index_preferred(session, most_scanned):
            return self.send(session, name).all()

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

    def tiers(self, best_cosine: float = 1.0) -> Iterator[tuple[str, float]]:
        """Give tsqueries of `Terms`, each met by more findings, with a score that nothing reaches which does not."""
        meaning, weight = self._most_by_meaning(best_cosine)
        for name, share in self.terms.tiers():
            yield name, ROUNDING + meaning + weight * share

    def ask_for_better(self, rows: Sequence[sa.Row[Any]], best_cosine: float = 1.0) -> None:
        """Let `reaching` and `ways` ask for the share of terms that others need to be among the best of these."""
        meaning, weight = self._most_by_meaning(best_cosine)
        self.terms = replace(self.terms, least=(rows[-1].score - meaning) / weight - ROUNDING)

    def _most_by_meaning(self, best_cosine: float) -> tuple[float, float]:
        """Give what meaning adds to a score at most, and what the share of the terms weighs in it."""
        if self.asked.mode is not SearchMode.HYBRID:
            return 0.0, 1.0
        return (1 - SHARE_OF_TERMS) * max(best_cosine, 0.0), SHARE_OF_TERMS

    def _statement(self, name: str) -> Statement:
        if (kept := _KEPT.find((name, self.shape))) is not None:
            return kept
        made = self._made(name)
        return _KEPT.put((name, self.shape), made, len(made.text))

    def _made(self, name: str) -> Statement:
        method, *terms = name.split()
        statements = _Statements(self.shape, slots_of(self.where, "where"))
        return make_statement(getattr(statements, method)(*terms))


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
        """Findings that are proposed for being nearest."""
        return self._number("proposed", 1 + OVERHEAD)

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
        # How many findings have a query's terms decides how they are best read; nothing decides where all are.
        one_plan = self.shape.whole and self.shape.mode is SearchMode.SEMANTIC
        settings = nearest.settings(one_plan=one_plan)
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
            return self.terms.share()
        if self.shape.mode is SearchMode.SEMANTIC:
            return cosine
        meaning = sa.func.coalesce(cosine, 0.0)
        return (1 - SHARE_OF_TERMS) * meaning + SHARE_OF_TERMS * self.terms.share()

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

    def of_terms(self, name: str) -> sa.Select[Any]:
        """Compare the findings that meet a tsquery of `Terms`."""
        return self._of_some(self.terms.has(name))

    def of_better(self, name: str) -> sa.Select[Any]:
        """Compare the findings that meet a tsquery and have the least share; no others are looked up by vector."""
        return self._of_some(self.terms.has(name), self.terms.has_least())

    def of_few(self, name: str) -> sa.Select[Any]:
        """Compare some findings that meet a tsquery of `Terms`, and tell of how many."""
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id")).select_from(self.rows)
        found = found.where(*self.conditions(), *self.matches(), self.terms.has(name)).limit(MOST_WORDED)
        pool = found.cte("few").prefix_with("MATERIALIZED")
        rows = self.with_vectors(pool.join(REVISION, REVISION.c.id == pool.c.revision_id), all_rows=self.hybrid)
        score = self.score(self.semantic())
        ranked = sa.select(pool.c.id, pool.c.revision_id, score.label("score")).select_from(rows)
        compared = sa.select(sa.func.count()).select_from(pool).scalar_subquery()
        return self._shown(ranked, pool.c.id, score, compared=compared)

    def of_nearest(self) -> sa.Select[Any]:
        """Compare the nearest findings of all, before it is told which of them match."""
        assert self.vector is not None  # noqa: S101 - only where vectors are compared
        distance = self.vector.distance().label("distance")
        near = sa.select(EMBEDDING.c.revision_id, distance).where(self.vector.of_model())
        if self.shape.continued:
            near = near.where(1.0 - distance <= Slot(("after", "score")).bound(sa.Double()))
        pool = near.order_by(distance).limit(self.proposed).cte("near")
        cosine = 1.0 - pool.c.distance
        rows = pool.join(REVISION, REVISION.c.id == pool.c.revision_id)
        last = sa.select(1.0 - sa.func.max(pool.c.distance)).scalar_subquery()
        return self._shown(self._found(cosine).select_from(rows), self.key, cosine, reached=last)

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
        columns = (best.c.id, best.c.score, self.semantic().label("semantic"), self.terms.share().label("share"))
        named = [each.label(name) for name, each in told.items()]
        shown = sa.select(*columns, lexemes.label("lexemes"), *named).select_from(rows)
        return shown.order_by(best.c.score.desc(), best.c.id)

    def by_index(self, *names: str) -> sa.Select[Any]:
        """Compare the findings that the index proposes, of all or of those that meet a tsquery of `Terms`."""
        assert self.vector is not None  # noqa: S101 - the index is of vectors
        distance = self.vector.indexed_distance()
        found = sa.select(self.key.label("id"), REVISION.c.id.label("revision_id"), distance.label("distance"))
        found = found.select_from(self.with_vectors(self.rows, all_rows=False))
        found = found.where(*self.conditions(), *self.matches(), *map(self.terms.has, names))
        found = found.order_by(distance).limit(self.proposed)
        pool = found.cte("near").prefix_with("MATERIALIZED")
        score = self.score(1.0 - pool.c.distance)
        ranked = sa.select(pool.c.id, pool.c.revision_id, score.label("score"))
        ranked = ranked.select_from(pool.join(REVISION, REVISION.c.id == pool.c.revision_id))
        best = sa.select(1.0 - sa.func.min(pool.c.distance)).scalar_subquery()
        compared = sa.select(sa.func.count()).select_from(pool).scalar_subquery()
        return self._shown(ranked, pool.c.id, score, best=best, compared=compared)

    def with_terms(self, name: str) -> sa.Select[Any]:
        """Give a row for every finding that the filter leaves and that meets a tsquery of `Terms`."""
        return self.left().where(*self.matches(), self.terms.has(name))


def _read_exactly(session: Session, ranking: _Ranking) -> Sequence[sa.Row[Any]]:
    """Give the rows from as few findings as tell that no other one belongs among them."""
    if ranking.asked.mode is SearchMode.SEMANTIC:
        rows = ranking.send(session, "of_nearest").all() if ranking.shape.whole else []
        if len(rows) == ranking.limit and rows[-1].score > rows[-1].reached:
            return rows
        return ranking.send(session, "of_all").all()
    for name, reached in ranking.tiers():
        if name == "whole":  # seldom enough, and no others are fewer for a statement more
            continue
        rows = ranking.send(session, f"of_terms {name}").all()
        if len(rows) < ranking.limit:
            continue
        if rows[-1].score > reached:
            return rows
        if name == "every":
            ranking.ask_for_better(rows)
            if ranking.terms.reaching:
                return ranking.send(session, "of_better reaching").all()
    return ranking.send(session, "of_all").all()


def _read_by_index(session: Session, ranking: _Ranking) -> Sequence[sa.Row[Any]] | None:
    """Give the rows, or None where the index did not find as many as were asked for.

    In HYBRID the nearest of those that have the query's terms come in, of fewer and fewer terms, until what the nearest
    of all has for a cosine says that no other finding belongs among them.
    """
    rows = ranking.send_by_index(session, "by_index")
    if ranking.asked.mode is SearchMode.HYBRID and rows:
        rows = _with_terms(session, ranking, rows, rows[0].best)
    return rows if len(rows) >= ranking.request.first else None


def _with_terms(
    session: Session, ranking: _Ranking, rows: Sequence[sa.Row[Any]], best_cosine: float
) -> Sequence[sa.Row[Any]]:
    """Give the best of rows and of the findings that have the query's terms."""
    for name, reached in ranking.tiers(best_cosine):
        if name == "some_main":
            break
        rows = _merged(ranking, rows, _read_tier(session, ranking, name))
        if len(rows) == ranking.limit and rows[-1].score > reached:
            return rows
    if not ranking.terms.all:
        return rows
    ranking.ask_for_better(rows, best_cosine)
    known = len(rows) == ranking.limit and ranking.terms.least > 0
    return _merged(ranking, rows, ranking.send(session, "of_better ways" if known else "of_terms some").all())


def _read_tier(session: Session, ranking: _Ranking, name: str) -> Sequence[sa.Row[Any]]:
    """Give the best rows that meet a tsquery: by the index where many that do are near, or else of all that do.

    The index knows words, not synonyms: what means the same by the terms may be far from the query.
    """
    if ranking.estimate(session, f"with_terms {name}") <= MOST_WORDED:  # far too low at times: terms come together
        rows = ranking.send(session, f"of_few {name}").all()
        if not rows or rows[0].compared < MOST_WORDED:
            return rows
    rows = ranking.send_by_index(session, f"by_index {name}", most_scanned=nearest.MOST_SCANNED_OF_TERMS)
    if rows and rows[0].compared == ranking.proposed:
        return rows
    return ranking.send(session, f"of_terms {name}").all()


def _merged(ranking: _Ranking, *found: Sequence[sa.Row[Any]]) -> Sequence[sa.Row[Any]]:
    rows = {row.id: row for rows in found for row in rows}.values()
    return sorted(rows, key=lambda row: (-row.score, row.id))[: ranking.limit]


def _hit(row: sa.Row[Any], ranking: _Ranking, seen: int) -> SearchHit:
    terms = tuple(dict.fromkeys(ranking.shown[term] for term in ranking.terms.found_in(row.lexemes)))
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
