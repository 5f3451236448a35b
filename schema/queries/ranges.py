"""Ranges of values, and values that are bound now or when a statement is sent."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schema.queries.slots import Slot
from schema.queries.views import Expression


@dataclass(frozen=True)
class Between:
    """From `min` to `max`, both included; an end that is None is open. An absent value lies in no range."""

    min: Any = None
    max: Any = None

    def condition(self, value: Expression) -> Expression:
        """Tell whether a value lies between."""
        ends = [value >= self.min] if self.min is not None else []
        ends += [value <= self.max] if self.max is not None else []
        return sa.and_(value.is_not(None), *ends)


def bound(value: Any, kind: sa.types.TypeEngine[Any] | None = None) -> Expression:
    """Give a value, or what comes in a slot, as a parameter of a type; of double precision if none is given."""
    kind = kind or sa.Double()
    return value.bound(kind) if isinstance(value, Slot) else sa.literal(value, kind)
