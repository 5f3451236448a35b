"""Finding findings by what they mean, by their words, or by both. Exact, in one statement; no approximate index.

The meaning of a text is its vector's cosine with the query's. Its words are told by full-text search: a query of
several words also finds texts that hold only some of them, and what holds them all comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlmodel import Session

from schema.queries.filters import ENGLISH, FindingFilter, finding_condition
from schema.queries.mistakes import NotEmbedded, ReadMistake
from schema.queries.pages import PageRequest
from schema.queries.scope import NOW, Scope
from schema.queries.tables import EMBEDDING, EMBEDDING_MODEL, FINDING, REVISION
from schema.queries.views import Expression, View, findings

SHARE_OF_WORDS = 0.1
"""What the words weigh in HYBRID, the meaning weighing the rest: they decide between texts of like meaning.

Fusing ranks instead lets a common word lift a text over a better meaning.
"""
BY_RANK_OVER_ITSELF = 32
"""ts_rank_cd's normalisation rank / (rank + 1), which stays below 1."""
MOST_CHARACTERS = 2000


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
    """What hits are sorted by: the one of the mode, or in HYBRID the weighted sum, an absent part counting 0."""
    semantic_score: float | None
    """Cosine of the vectors, -1 to 1; None without vectors."""
    lexical_score: float | None
    """0 to 2: cover density of the words that stand in the text, over 1 where all do; None where none does."""


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

    def __post_init__(self) -> None:
        if not self.text.strip() or len(self.text) > MOST_CHARACTERS or "\0" in self.text:
            raise ReadMistake(f"`text`: 1 to {MOST_CHARACTERS} characters are needed")


def search(
    session: Session, asked: Search, *, where: FindingFilter | None = None, scope: Scope = NOW, first: int = 10
) -> list[SearchHit]:
    """Give the best findings of a scope under a filter, best first, equals by id.

    The stored category plays no part unless the filter names it.

    Raises:
        ReadMistake: `first` is not from 0 to 1000.
        ValueError: there is no vector and the mode needs one.
    """
    limit = PageRequest(first).first
    statement = search_statement(asked, where=where, scope=scope).limit(limit)
    return [SearchHit(*row) for row in session.execute(statement)]


def search_statement(asked: Search, *, where: FindingFilter | None, scope: Scope) -> sa.Select[Any]:
    """Give the statement of a search, sorted, without a limit."""
    view = findings(scope)
    lexical, semantic = _lexical(asked.text), _semantic(asked)
    found = (
        sa.select(FINDING.c.id.label("id"), semantic.label("semantic"), lexical.score.label("lexical"))
        .select_from(_with_vectors(view, asked))
        .where(view.where, finding_condition(where, scope), *_must_have(asked.mode, lexical))
        .subquery()
    )
    score = _score(asked.mode, found.c.semantic, found.c.lexical)
    columns = (found.c.id, score.label("score"), found.c.semantic, found.c.lexical)
    return sa.select(*columns).order_by(score.desc(), found.c.id)


@dataclass(frozen=True)
class _Lexical:
    matches: Expression
    score: Expression


def _lexical(text: str) -> _Lexical:
    strict = sa.func.websearch_to_tsquery(ENGLISH, text)
    relaxed = _relaxed(strict)
    matches = REVISION.c.words.bool_op("@@")(relaxed)
    density = sa.func.ts_rank_cd(REVISION.c.words, relaxed, BY_RANK_OVER_ITSELF, type_=sa.Double)
    all_words = sa.cast(REVISION.c.words.bool_op("@@")(strict), sa.Integer)
    return _Lexical(matches, sa.case((matches, density + all_words)))


def _relaxed(query: Expression) -> Expression:
    """Let one of the words suffice; a query that excludes words stays as it is, or it would find nearly everything."""
    text = sa.cast(query, sa.Text)
    loose = sa.cast(sa.func.replace(text, " & ", " | "), TSQUERY)
    return sa.case((sa.func.strpos(text, "!") > 0, query), else_=loose)


def _with_vectors(view: View, asked: Search) -> sa.FromClause:
    if asked.mode is SearchMode.LEXICAL:
        return view.rows
    embedded = sa.and_(EMBEDDING.c.revision_id == REVISION.c.id, EMBEDDING.c.model_id == asked.model_id)
    return view.rows.join(EMBEDDING, embedded, isouter=asked.mode is SearchMode.HYBRID)


def _semantic(asked: Search) -> Expression:
    if asked.mode is SearchMode.LEXICAL:
        return sa.cast(sa.null(), sa.Double)
    if asked.vector is None or asked.model_id is None:
        raise ValueError(f"the mode {asked.mode} needs the query's vector and its model")
    distance: Expression = EMBEDDING.c.vector.cosine_distance(list(asked.vector))
    return 1.0 - distance


def _must_have(mode: SearchMode, lexical: _Lexical) -> list[Expression]:
    return [lexical.matches] if mode is SearchMode.LEXICAL else []


def _score(mode: SearchMode, semantic: Expression, lexical: Expression) -> Expression:
    if mode is SearchMode.LEXICAL:
        return lexical
    if mode is SearchMode.SEMANTIC:
        return semantic
    known = sa.func.coalesce(semantic, 0.0), sa.func.coalesce(lexical, 0.0)
    return (1 - SHARE_OF_WORDS) * known[0] + SHARE_OF_WORDS / 2 * known[1]


def find_model(session: Session, name: str, version: str) -> int | None:
    """Give the key of a model that has at least one vector, or None."""
    has_vectors = sa.exists().where(EMBEDDING.c.model_id == EMBEDDING_MODEL.c.id)
    named = sa.and_(EMBEDDING_MODEL.c.name == name, EMBEDDING_MODEL.c.version == version)
    return session.scalar(sa.select(EMBEDDING_MODEL.c.id).where(named, has_vectors))


def get_model(session: Session, name: str, version: str) -> int:
    """Give the key of a model that has at least one vector.

    Raises:
        NotEmbedded: it has none.
    """
    if (key := find_model(session, name, version)) is None:
        raise NotEmbedded(name)
    return key
