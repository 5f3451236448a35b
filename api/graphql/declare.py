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


def field(resolver: Callable[..., Any]) -> Any:
    """Make a method a field."""
    return strawberry.field(resolver, description=inspect.cleandoc(resolver.__doc__ or ""))


def described(text: str, *, name: str | None = None, default: Any = inspect.Parameter.empty) -> Any:
    """Describe an attribute that is a field."""
    given = {} if default is inspect.Parameter.empty else {"default": default}
    return strawberry.field(description=text, name=name, **given)
