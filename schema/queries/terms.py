"""A text in radiology's terms, as `finding_terms` reads it, and how the terms of findings are held against it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlmodel import Session

from schema.queries.tables import REVISION
from schema.queries.views import Expression

WEIGHTS: Mapping[str, float] = {"A": 1.0, "B": 0.15, "C": 0.3, "D": 0.1}
"""What a term weighs by its kind: what is seen, how it is, where it is, any other word."""
RANK_OF_ONE_PLACE = 1.64493406685
"""ts_rank divides the weight of a term that stands in one place by this, and the sum by the number of terms."""


@dataclass(frozen=True)
class Term:
    """A lexeme of `finding_revision.terms` with its kind, A to D; a minus before it denies it."""

    lexeme: str
    kind: str

    @property
    def denied(self) -> bool:
        """Whether it is said not to be there."""
        return self.lexeme.startswith("-")

    @property
    def opposite(self) -> str:
        """The lexeme that says the contrary."""
        return self.lexeme[1:] if self.denied else f"-{self.lexeme}"

    def shown(self, text: str) -> str:
        """Give it as people read it; a stem as the word of the text that it is the stem of."""
        plain = self.lexeme.removeprefix("-")
        words = (word.strip(".,;:()") for word in text.lower().replace("-", " ").split())
        word = next((each for each in words if each.startswith(plain[:-1])), plain) if self.kind == "D" else plain
        return ("no " if self.denied else "") + word.replace("_", " ")


@dataclass(frozen=True)
class Terms:
    """The terms of a query, and what they are in SQL over the terms of a revision."""

    all: Sequence[Term]

    @property
    def main(self) -> Sequence[Term]:
        """What is asked for: what is seen, or every word where the dictionary knows none."""
        return [term for term in self.all if term.kind == "A"] or [term for term in self.all if term.kind in "BD"]

    def some(self) -> Expression:
        """Tell whether a revision has any of the terms."""
        return _has(_any(term.lexeme for term in self.all))

    def every(self) -> Expression:
        """Tell whether a revision has all that is asked for, and where; no revision where there are no terms."""
        places = [term for term in self.all if term.kind == "C"]
        return _has(" & ".join(_quoted(term.lexeme) for term in (*self.main, *places)))

    def steps(self) -> Iterator[tuple[Expression, float]]:
        """Give conditions, each wider, with the greatest share that a revision has which does not meet it."""
        if not self.main:
            return
        needed = [*self.main, *(term for term in self.all if term.kind == "C")]
        yield self.every(), 1 - min(WEIGHTS[term.kind] for term in needed) / _weight(self.all)
        yield _has(_any(term.lexeme for term in self.main)), 1 - _weight(self.main) / _weight(self.all)

    def share(self) -> Expression:
        """Give the share of the query's terms, by weight, that a revision has: 0 to 1."""
        if not self.all:
            return sa.literal(0.0, sa.Double)
        weights = sa.literal([WEIGHTS[kind] for kind in "DCBA"], ARRAY(sa.REAL))
        rank = sa.func.ts_rank(weights, REVISION.c.terms, _query(_any(term.lexeme for term in self.all)))
        scale = RANK_OF_ONE_PLACE * len(self.all) / _weight(self.all)
        return sa.cast(rank, sa.Double) * scale

    def not_contrary(self) -> Expression:
        """Tell whether a revision does not deny what is asked for, or say that there is what is asked to be absent."""
        contrary = _has(_any(term.opposite for term in self.main))
        return sa.or_(sa.not_(contrary), _has(_any(term.lexeme for term in self.main)))

    def found_in(self, lexemes: Sequence[str]) -> list[Term]:
        """Give the terms that are among a revision's, what is seen first."""
        there = set(lexemes)
        return sorted((term for term in self.all if term.lexeme in there), key=lambda term: (term.kind, term.lexeme))


def read_terms(session: Session, text: str) -> Terms:
    """Read a query's terms; none where it holds nothing but words without meaning."""
    given = sa.func.finding_terms(sa.literal(text), sa.true())
    read = sa.func.unnest(given).table_valued("lexeme", "positions", sa.column("weights", ARRAY(sa.Text)))
    rows = session.execute(sa.select(read.c.lexeme, read.c.weights[1]).order_by(read.c.lexeme))
    return Terms([Term(lexeme, kind) for lexeme, kind in rows])


def _weight(terms: Sequence[Term]) -> float:
    return sum(WEIGHTS[term.kind] for term in terms)


def _has(query: str) -> Expression:
    return REVISION.c.terms.bool_op("@@")(_query(query))


def _query(query: str) -> Expression:
    return sa.cast(sa.literal(query), TSQUERY)


def _any(lexemes: Any) -> str:
    return " | ".join(map(_quoted, lexemes))


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
