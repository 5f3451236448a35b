"""Holding queries to the limits on their size, before anything is read; what is read is counted elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    ValidationRule,
)
from graphql.validation import ASTValidationRule, MaxIntrospectionDepthRule, ValidationContext
from strawberry.extensions import SchemaExtension

from schema.limits import Limits


class Limiting(SchemaExtension):
    """Adds the limits of the services that are asked to what is validated."""

    def on_operation(self) -> Iterator[None]:
        """Run before the query is parsed."""
        context = self.execution_context
        services = context.context.services
        context.parse_options["max_tokens"] = services.limits.tokens
        rules = limiting_rules(services.limits, introspection=services.introspection)
        context.validation_rules = (*context.validation_rules, *rules)
        yield


@cache
def limiting_rules(limits: Limits, *, introspection: bool) -> tuple[type[ASTValidationRule], ...]:
    """Give the rules of validation that hold queries to limits."""

    class WithinLimits(ValidationRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            sizes = _Sizes(context)
            for each in context.document.definitions:
                if isinstance(each, OperationDefinitionNode):
                    self._check(each, sizes.of(each))

        def _check(self, operation: OperationDefinitionNode, size: "Size") -> None:
            for name, found, noun in (("depth", size.depth, "levels of fields"), ("aliases", size.aliases, "aliases")):
                most = getattr(limits, name)
                if found > most:
                    limit = {"limit": {"name": name, "most": most}}
                    told = f"the query has {found} {noun}; at most {most} are answered"
                    self.report_error(GraphQLError(told, operation, extensions=limit))

    without = () if introspection else (NoSchemaIntrospectionCustomRule,)
    return WithinLimits, MaxIntrospectionDepthRule, *without


@dataclass(frozen=True)
class Size:
    """How deep a selection goes, introspection aside, and how many aliases it has."""

    depth: int = 0
    aliases: int = 0


class _Sizes:
    """Measures each fragment once: fragments within fragments multiply, and a measure by each path would not end."""

    def __init__(self, context: ValidationContext) -> None:
        self._context = context
        self._fragments: dict[str, Size] = {}

    def of(self, owner: Any) -> Size:
        """Measure what is selected."""
        if owner.selection_set is None:
            return Size()
        sizes = [self._selection(each) for each in owner.selection_set.selections]
        return Size(max((each.depth for each in sizes), default=0), sum(each.aliases for each in sizes))

    def _selection(self, selection: Any) -> Size:
        if isinstance(selection, FragmentSpreadNode):
            return self._fragment(selection.name.value)
        inner = self.of(selection)
        if not isinstance(selection, FieldNode):
            return inner
        counted = selection.selection_set is not None and not selection.name.value.startswith("__")
        return Size(inner.depth + 1 if counted else 0, inner.aliases + (selection.alias is not None))

    def _fragment(self, name: str) -> Size:
        if name not in self._fragments:
            self._fragments[name] = Size()  # what a circle finds of itself; circles are refused by a rule of their own
            if (fragment := self._context.get_fragment(name)) is not None:
                self._fragments[name] = self.of(fragment)
        return self._fragments[name]
