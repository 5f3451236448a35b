"""A text in radiology's terms, as `finding_terms` reads it, and how the terms of findings are held against it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, aggregate_order_by

from schema.queries.slots import Slot
from schema.queries.tables import REVISION
from schema.queries.views import Expression

WEIGHTS: Mapping[str, float] = {"A": 1.0, "B": 0.15, "C": 0.2, "D": 0.05}
"""What a term weighs by its kind: what is seen, how it is, where it is, any other word; see `weight_of_terms`."""
MOST_WEIGHT = 0.85
"""What the likeness of terms weighs at most where the meaning weighs the rest."""
FEW_WORDS = 6
"""Words beyond which the terms weigh less, the more there are: the model understands a sentence better than a word."""
UNKNOWN = 0.3
"""How much of that the terms weigh where the dictionary knows nothing that is seen: they tell little but the place."""
ROUNDING = 1e-5
"""By how much a likeness or a weight may be off: PostgreSQL sums them in single precision."""
RANK_OF_ONE_PLACE = 1.64493406685
"""ts_rank divides the weight of a term that stands in one place by this, and the sum by the number of terms."""


@dataclass(frozen=True)
class Term:
    """A lexeme of `finding_revision.terms` with its kind, A to D.

    A minus before it denies it; a tilde says that it is mentioned, perhaps beside what the text is about.
    """

    lexeme: str
    kind: str

    @property
    def denied(self) -> bool:
        """Whether it is said not to be there."""
        return self.lexeme.startswith("-")

    @property
    def mention(self) -> str:
        """The lexeme of every text that says it is there, whatever else the text is about."""
        plain = self.lexeme.removeprefix("-")
        return f"~{plain}" if self.kind == "A" else plain

    @property
    def opposite(self) -> str:
        """The lexeme that says the contrary."""
        return self.mention if self.denied else f"-{self.lexeme}"

    def shown(self, text: str) -> str:
        """Give it as people read it; a stem as the word of the text that it is the stem of."""
        plain = self.lexeme.removeprefix("-").removeprefix("~")
        words = (word.strip(".,;:()") for word in text.lower().replace("-", " ").split())
        word = next((each for each in words if each.startswith(plain[:-1])), plain) if self.kind == "D" else plain
        return ("no " if self.denied else "") + word.replace("_", " ")


@dataclass(frozen=True)
class Terms:
    """The terms of a query, and the tsqueries, as text, that they are over the terms of a revision."""

    all: Sequence[Term]
    least: float = 0.0
    """The likeness that `reaching` asks for."""

    @classmethod
    def of(cls, read: Iterable[str] | None) -> "Terms":
        """Take what `read_terms` gives."""
        return cls([Term(each[1:], each[0]) for each in read or ()])

    @cached_property
    def main(self) -> Sequence[Term]:
        """What is asked for: what is seen, or every word where the dictionary knows none."""
        return [term for term in self.all if term.kind == "A"] or [term for term in self.all if term.kind in "BD"]

    @property
    def some(self) -> str:
        """Any of the terms."""
        return _any(term.lexeme for term in self.all)

    @property
    def weight(self) -> float:
        """What their likeness weighs where the meaning weighs the rest, 0 to 1."""
        words = sum(term.kind == "D" for term in self.all)
        known = 1.0 if any(term.kind == "A" for term in self.all) else UNKNOWN
        return MOST_WEIGHT * known * FEW_WORDS / max(words, FEW_WORDS) if self.all else 0.0

    @property
    def some_main(self) -> str:
        """Any of what is asked for, be it beside something else."""
        return _any(term.lexeme if term.denied else term.mention for term in self.main)

    @property
    def every_main(self) -> str:
        """All that is asked for."""
        return _every(self.main)

    @property
    def reaching(self) -> str:
        """What every revision has that has the least likeness; empty where any may.

        It is each term without which the others fall short, and one of those that are needed besides.
        """
        total = _weight(self.all)
        missing = self._least_weight
        needed = [term for term in self.all if total - WEIGHTS[term.kind] < missing]
        others = sorted((term for term in self.all if term not in needed), key=lambda term: -WEIGHTS[term.kind])
        missing -= _weight(needed)
        while others and WEIGHTS[others[-1].kind] < missing:
            missing -= WEIGHTS[others.pop().kind]
        besides = [f"({_any(term.lexeme for term in others)})"] if missing > 0 else []
        return " & ".join([*(_quoted(term.lexeme) for term in needed), *besides])

    @property
    def contrary(self) -> str:
        """Any denial of what is asked for, or that there is what is asked to be absent."""
        return _any(term.opposite for term in self.main)

    @property
    def scale(self) -> float:
        """What makes a rank of PostgreSQL, of any of the terms, their weight over the root of all the query's."""
        return RANK_OF_ONE_PLACE * len(self.all) / sqrt(_weight(self.all)) if self.all else 0.0

    @property
    def most_without_main(self) -> float:
        """The greatest likeness of a revision that has not all that is asked for: all else, and no other term."""
        lightest = min(WEIGHTS[term.kind] for term in self.main)
        return sqrt(max(1 - lightest / _weight(self.all), 0.0))

    @property
    def swing(self) -> float:
        """By how much a likeness must be greater than another one to outweigh any difference in meaning."""
        return (1 - self.weight) / self.weight

    @property
    def most_weight(self) -> float:
        """What all terms of a revision of the least likeness weigh at most."""
        return _weight(self.all) / self.least**2 if self.least else inf

    @property
    def _least_weight(self) -> float:
        """The weight of the query's terms that a revision of the least likeness has, were it of no other terms."""
        return self.least**2 * _weight(self.all)

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

    def likeness(self) -> Expression:
        """Give how like a revision's terms and the query's are, 0 to 1.

        It is the cosine of both, each term as long as the root of its weight: what both have, by weight, over the
        geometric mean of what each has. So a query's term counts more in a finding that speaks of little else.
        """
        weights = sa.literal([WEIGHTS[kind] for kind in "DCBA"], ARRAY(sa.REAL))
        shared = sa.func.ts_rank(weights, REVISION.c.terms, self._query("some"))
        return (
            shared * self.slot.part("scale").bound(sa.Double()) / sa.func.sqrt(REVISION.c.terms_weight, type_=sa.Double)
        )

    def weight(self) -> Expression:
        """Give what their likeness weighs where the meaning weighs the rest."""
        return self.slot.part("weight").bound(sa.Double())

    def swing(self) -> Expression:
        """Give by how much a likeness must be greater to outweigh any difference in meaning."""
        return self.slot.part("swing").bound(sa.Double())

    def has_least(self) -> Expression:
        """Tell whether a revision has the least likeness; most that speak of too much else are left out unread."""
        light = REVISION.c.terms_weight <= self.slot.part("most_weight").bound(sa.Double()) + ROUNDING
        return sa.and_(light, self.likeness() >= self.slot.part("least").bound(sa.Double()))

    def not_contrary(self) -> Expression:
        """Tell whether a revision does not deny what is asked for, or say that there is what is asked to be absent."""
        return sa.or_(sa.not_(self.has("contrary")), self.has("some_main"))

    def _query(self, name: str) -> Expression:
        # Never a text: a plan for any query would read it again for every row.
        return sa.cast(self.slot.part(name).bound(TSQUERY()), TSQUERY)


def read_terms(text: Slot) -> Expression:
    """Give the terms of a text, each its kind and its lexeme in one word; null where it has none."""
    given = sa.func.finding_terms(text.bound(sa.Text()), sa.true())
    read = sa.func.unnest(given).table_valued("lexeme", "positions", sa.column("weights", ARRAY(sa.Text)))
    words = aggregate_order_by(sa.func.concat(read.c.weights[1], read.c.lexeme), read.c.lexeme)
    return sa.select(sa.func.array_agg(words)).select_from(read).scalar_subquery()


def _weight(terms: Sequence[Term]) -> float:
    return sum(WEIGHTS[term.kind] for term in terms)


def _any(lexemes: Iterable[str]) -> str:
    return " | ".join(map(_quoted, lexemes))


def _every(terms: Sequence[Term]) -> str:
    return " & ".join(_quoted(term.lexeme) for term in terms)


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
