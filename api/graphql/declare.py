"""Declaring GraphQL types: descriptions are the docstrings."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import strawberry

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def graphql_type(cls: type[T]) -> type[T]:
    """Make a class an object type."""
    return strawberry.type(cls, description=inspect.cleandoc(cls.__doc__ or ""))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def graphql_input(cls: type[T]) -> type[T]:
    """Make a class an input type."""
    return strawberry.input(cls, description=inspect.cleandoc(cls.__doc__ or ""))


READS = "reads"
"""Under which a field's metadata hold how it is read, if that is declared."""


def field(resolver: Callable[..., Any], *, text: str | None = None, reads: Any = None) -> Any:
    """Make a method a field."""
    described_as = inspect.cleandoc(text or resolver.__doc__ or "")
    return strawberry.field(resolver, description=described_as, metadata={READS: reads} if reads else {})


def described(text: str, *, name: str | None = None, default: Any = inspect.Parameter.empty) -> Any:
    """Describe an attribute that is a field."""
    given = {} if default is inspect.Parameter.empty else {"default": default}
    return strawberry.field(description=text, name=name, **given)
