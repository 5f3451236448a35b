"""Values that come with each sending of a statement instead of standing in it, so that one text serves many.

What is given with a sending may be of mappings, lists and dataclasses; what is left without its texts, fractions and
ids is its shape, which a statement is made for.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any
from uuid import UUID

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

    def part(self, step: str | int) -> "Slot":
        """Give the slot of a part of this one's value, before it is read."""
        return Slot((*self.path, step))

    def value(self, given: Any) -> Any:
        """Give the value of one sending; errors are those of the readers."""
        found: Any = given
        for step in self.path:
            found = getattr(found, str(step)) if is_dataclass(found) else found[step]
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


def shape_of(value: Any) -> Hashable:
    """Give what of a value decides a statement's text: all but the texts, fractions and ids in it."""
    if isinstance(value, Mapping):
        return tuple((name, shape_of(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return ("list", *(shape_of(each) for each in value))
    kind: Any = type(value)
    if is_dataclass(value):
        return (kind, *((name, shape_of(each)) for name, each in _parts(value)))
    return kind if _comes_later(value) else (kind, value)


def slots_of(value: Any, *path: str | int) -> Any:
    """Give a value with a slot in place of every text, fraction and id."""
    if isinstance(value, Mapping):
        return {name: slots_of(each, *path, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [slots_of(each, *path, n) for n, each in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{name: slots_of(each, *path, name) for name, each in _parts(value)})
    return Slot(path) if _comes_later(value) else value


def _parts(value: Any) -> list[tuple[str, Any]]:
    """Give the parts of a dataclass that are there."""
    named = ((each.name, getattr(value, each.name)) for each in fields(value))
    return [(name, part) for name, part in named if part is not None]


def _comes_later(value: Any) -> bool:
    return type(value) in (str, float, UUID)
