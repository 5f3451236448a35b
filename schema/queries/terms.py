"""A text in radiology's terms, as `finding_terms` reads it, and how the terms of findings are held against it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, aggregate_order_by

from schema.queries.slots import Slot
from schema.queries.tables import REVISION
from schema.queries.views import Expression

WEIGHTS: Mapping[str, float] = {"A": 1.0, "B": 0.15, "C": 0.3, "D": 0.1}
"""What a term weighs by its kind: what is seen, how it is, where it is, any other word."""
MOST_WAYS = 64
"""Ways to have a share of the terms that a tsquery lists."""
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
    """The terms of a query, and the tsqueries, as text, that they are over the terms of a revision."""

    all: Sequence[Term]
    least: float = 0.0
    """The share of the terms that `reaching` asks for."""

    @classmethod
    def of(cls, read: Iterable[str] | None) -> "Terms":
        """Take what `read_terms` gives."""
        return cls([Term(each[1:], each[0]) for each in read or ()])

    @cached_property
    def main(self) -> Sequence[Term]:
        """What is asked for: what is seen, or every word where the dictionary knows none."""
        return [term for term in self.all if term.kind == "A"] or [term for term in self.all if term.kind in "BD"]

    @property
    def needed(self) -> Sequence[Term]:
        """What is asked for, and where."""
        return [*self.main, *(term for term in self.all if term.kind == "C")]

    @property
    def some(self) -> str:
        """Any of the terms."""
        return _any(self.all)

    @property
    def some_main(self) -> str:
        """Any of what is asked for."""
        return _any(self.main)

    @property
    def whole(self) -> str:
        """All of the terms."""
        return " & ".join(_quoted(term.lexeme) for term in self.all)

    @property
    def every(self) -> str:
        """All that is asked for, and where; no revision has it where there are no terms."""
        return " & ".join(_quoted(term.lexeme) for term in self.needed)

    @property
    def reaching(self) -> str:
        """What every revision has that has the least share; empty where that is no single term.

        It is each term without which the others fall short, and one of those that are needed besides.
        """
        total = _weight(self.all)
        missing = self.least * total
        needed = [term for term in self.all if total - WEIGHTS[term.kind] < missing]
        others = sorted((term for term in self.all if term not in needed), key=lambda term: -WEIGHTS[term.kind])
        missing -= _weight(needed)
        while others and WEIGHTS[others[-1].kind] < missing:
            missing -= WEIGHTS[others.pop().kind]
        besides = [f"({_any(others)})"] if needed and missing > 0 else []
        return " & ".join([*(_quoted(term.lexeme) for term in needed), *besides])

    @property
    def ways(self) -> str:
        """What has the least share, and nothing else: the fewest terms that have it, in each way that there is.

        It leaves far fewer revisions than `reaching` does, and takes longer to hold against each. Where there are too
        many ways, or none but for rounding, it is `reaching`, or any of the terms.
        """
        ways = list(islice(_ways(sorted(self.all, key=_by_weight), self.least * _weight(self.all)), MOST_WAYS + 1))
        if not 0 < len(ways) <= MOST_WAYS:
            return self.reaching or self.some
        return " | ".join(" & ".join(_quoted(term.lexeme) for term in way) for way in ways)

    @property
    def contrary(self) -> str:
        """Any denial of what is asked for, or that there is what is asked to be absent."""
        return " | ".join(_quoted(term.opposite) for term in self.main)

    @property
    def scale(self) -> float:
        """What makes a rank of PostgreSQL, of any of the terms, the share of their weight; 0 where there are none."""
        return RANK_OF_ONE_PLACE * len(self.all) / _weight(self.all) if self.all else 0.0

    def tiers(self) -> Iterator[tuple[str, float]]:
        """Give the names of tsqueries, each met by more revisions, with the greatest share of one that does not."""
        if not self.main:
            return
        if len(self.needed) < len(self.all):
            yield "whole", 1 - self._least(self.all)
        yield "every", 1 - self._least(self.needed)
        yield "some_main", 1 - _weight(self.main) / _weight(self.all)

    def _least(self, terms: Sequence[Term]) -> float:
        return min(WEIGHTS[term.kind] for term in terms) / _weight(self.all)

    def found_in(self, lexemes: Sequence[str]) -> list[Term]:
        """Give the terms that are among a revision's, what is seen first."""
        there = set(lexemes)
        return sorted((term for term in self.all if term.lexeme in there), key=lambda term: (term.kind, term.lexeme))


@dataclass(frozen=True)
class TermsToCome:
    """The terms that come with a sending, in SQL over the terms of a revision."""

    slot: Slot

    def has(self, name: str) -> Expression:
        """Tell whether a revision has what the tsquery of this name in `Terms` asks for."""
        return REVISION.c.terms.bool_op("@@")(self._query(name))

    def share(self) -> Expression:
        """Give the share of the query's terms, by weight, that a revision has: 0 to 1."""
        weights = sa.literal([WEIGHTS[kind] for kind in "DCBA"], ARRAY(sa.REAL))
        rank = sa.func.ts_rank(weights, REVISION.c.terms, self._query("some"))
        return sa.cast(rank, sa.Double) * self.slot.part("scale").bound(sa.Double())

    def has_least(self) -> Expression:
        """Tell whether a revision has the least share of the query's terms."""
        return self.share() >= self.slot.part("least").bound(sa.Double())

    def not_contrary(self) -> Expression:
        """Tell whether a revision does not deny what is asked for, or say that there is what is asked to be absent."""
        return sa.or_(sa.not_(self.has("contrary")), self.has("some_main"))

    def _query(self, name: str) -> Expression:
        return sa.cast(self.slot.part(name).bound(sa.Text()), TSQUERY)


def read_terms(text: Slot) -> Expression:
    """Give the terms of a text, each its kind and its lexeme in one word; null where it has none."""
    given = sa.func.finding_terms(text.bound(sa.Text()), sa.true())
    read = sa.func.unnest(given).table_valued("lexeme", "positions", sa.column("weights", ARRAY(sa.Text)))
    words = aggregate_order_by(sa.func.concat(read.c.weights[1], read.c.lexeme), read.c.lexeme)
    return sa.select(sa.func.array_agg(words)).select_from(read).scalar_subquery()


def _by_weight(term: Term) -> tuple[float, str]:
    return -WEIGHTS[term.kind], term.lexeme


def _ways(terms: Sequence[Term], weight: float) -> Iterator[tuple[Term, ...]]:
    """Give the sets of terms, the heaviest come first, that reach a weight, and without any one of theirs do not."""
    if not terms or _weight(terms) < weight:
        return
    first, *others = terms
    if WEIGHTS[first.kind] >= weight:
        yield (first,)
    else:
        yield from ((first, *way) for way in _ways(others, weight - WEIGHTS[first.kind]))
    yield from _ways(others, weight)


def _weight(terms: Sequence[Term]) -> float:
    return sum(WEIGHTS[term.kind] for term in terms)


def _any(terms: Sequence[Term]) -> str:
    return " | ".join(_quoted(term.lexeme) for term in terms)


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
