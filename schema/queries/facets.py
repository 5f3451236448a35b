"""Facets: how many of the rows that meet a condition have each value of a field."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schema.queries.mistakes import ReadMistake
from schema.queries.views import Expression, View

MOST_VALUES = 1000


@dataclass(frozen=True)
class Facet:
    """The most frequent values of a field, at most so many.

    Raises:
        ReadMistake: more values are asked for than are given.
    """

    field: str
    most: int = 50

    def __post_init__(self) -> None:
        if not 0 <= self.most <= MOST_VALUES:
            raise ReadMistake(f"`most` may be 0 to {MOST_VALUES}, not {self.most}")

    def counts(self, view: View, condition: Expression) -> sa.Select[Any]:
        """Select `value`, as text and null where it is not known, and `count`; the most frequent first."""
        field = view.expression(self.field)
        text = sa.cast(field, sa.Text)
        value = sa.func.upper(text) if isinstance(field.type, sa.Enum) else text
        rows = view.rows_with([field, condition])
        counted = sa.select(value.label("value"), sa.func.count().label("count")).select_from(rows)
        grouped = counted.where(view.where, condition).group_by(sa.literal_column("1"))
        return grouped.order_by(sa.literal_column("2").desc(), sa.literal_column("1")).limit(self.most)


def read_facet(session: Session, view: View, condition: Expression, facet: Facet) -> list[tuple[str | None, int]]:
    """Count the values of a field over the rows of a view that meet a condition."""
    return [(value, count) for value, count in session.execute(facet.counts(view, condition))]
