"""Variables of an operation: their values become slots, what is left of them is the shape that a plan is made for."""

from collections.abc import Hashable, Mapping
from typing import Any

from schema.queries.slots import Slot


def shape_of(value: Any) -> Hashable:
    """Give what of a coerced value decides a statement's text: all but the texts and the fractions in it."""
    if isinstance(value, Mapping):
        return tuple((name, shape_of(each)) for name, each in value.items())
    if isinstance(value, list):
        return ("list", *(shape_of(each) for each in value))
    kind: Any = type(value)
    return kind if _comes_later(value) else (kind, value)


def slots_of(value: Any, *path: str | int) -> Any:
    """Give a value with a slot in place of every text and fraction."""
    if isinstance(value, Mapping):
        return {name: slots_of(each, *path, name) for name, each in value.items()}
    if isinstance(value, list):
        return [slots_of(each, *path, n) for n, each in enumerate(value)]
    return Slot(path) if _comes_later(value) else value


def _comes_later(value: Any) -> bool:
    return type(value) in (str, float)
