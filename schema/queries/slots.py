"""Values that come with each sending of a statement instead of standing in it, so that one text serves many."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Slot:
    """A value to come: where it lies in what is given with a sending, and how it is read.

    It stands in expressions wherever its value could.
    """

    path: tuple[str | int, ...]
    readers: tuple[Callable[[Any], Any], ...] = ()

    def then(self, read: Callable[[Any], Any]) -> "Slot":
        """Give the slot of what is read of this one's value."""
        return Slot(self.path, (*self.readers, read))

    def value(self, given: Mapping[str, Any]) -> Any:
        """Give the value of one sending; errors are those of the readers."""
        found: Any = given
        for step in self.path:
            found = found[step]
        for read in self.readers:
            found = read(found)
        return found

    def bound(self, kind: "sa.types.TypeEngine[Any] | None" = None) -> sa.BindParameter[Any]:
        """Give the parameter that it is in a statement; its type is that of what it is compared with, unless given."""
        return sa.bindparam(None, self, type_=kind, unique=True)

    def __clause_element__(self) -> sa.BindParameter[Any]:
        return self.bound()


def read(value: Any, reader: Callable[[Any], Any]) -> Any:
    """Read a value, now or when it comes."""
    return value.then(reader) if isinstance(value, Slot) else reader(value)
