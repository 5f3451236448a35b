"""From a validated operation to its statement: the selections are walked once, level by level."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import sqlalchemy as sa
import strawberry
from graphql import (
    FragmentDefinitionNode,
    GraphQLID,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from api.graphql.compiler.levels import Level, list_of, object_of, scalar, value_of
from api.graphql.declare import READS
from api.graphql.order import to_order
from api.graphql.reads import Computed, Found, Linked, Listed, Members, Parts
from api.graphql.where import to_filter
from schema.limits import Limits
from schema.queries.facets import Facet
from schema.queries.pages import PageRequest
from schema.queries.scope import NOW, Scope
from schema.queries.slots import Slot, read
from schema.queries.tables import RELEASE, ROUND
from schema.queries.views import Expression, closed

USUALLY = 5
"""Rows that a list without pages is taken to have, when the objects of an answer are estimated."""
DEFINITION = "strawberry-definition"
"""Under which graphql-core's fields hold Strawberry's."""


class NotCompiled(Exception):
    """This operation is executed field by field, and why."""


@dataclass(frozen=True)
class Operation:
    """A validated operation with the variables that it is compiled for, slots among their values."""

    schema: strawberry.Schema
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    limits: Limits


@dataclass(frozen=True)
class Asked:
    """A field of a selection: its place in the answer, what it is, and how it is read."""

    name: str
    details: list[FieldDetails]
    definition: StrawberryField
    kind: Any
    """The named type of what it gives, graphql-core's."""
    arguments: dict[str, Any]

    @property
    def reads(self) -> Any:
        """How it is declared to be read, or None."""
        return self.definition.metadata.get(READS)


def compile_statement(operation: Operation) -> sa.Select[str, bool]:
    """Give the statement of one row: the data as JSON text, and whether everything that was named is there.

    Raises:
        NotCompiled: a field's read is not declared, or the answer may be larger than any may be.
        ReadMistake: an argument cannot be.
    """
    return _Walk(operation).statement()


@dataclass
class _Walk:
    operation: Operation
    _names: Iterator[int] = field(default_factory=count)
    _named: list[Expression] = field(default_factory=list)
    """What must be there: releases and rounds."""
    _objects: float = 0

    def statement(self) -> sa.Select[str, bool]:
        schema = self.operation.schema._schema
        if schema.query_type is None:
            raise NotCompiled("there is no query type")
        found = collect_fields(
            schema, self._fragments, self.operation.variables, schema.query_type, self.operation.node
        )
        data = self._members(found.grouped_field_set, schema.query_type, self._root)
        return sa.select(sa.cast(data, sa.Text), sa.and_(sa.true(), *self._named))

    @property
    def _fragments(self) -> dict[str, FragmentDetails]:
        return {name: FragmentDetails(each) for name, each in self.operation.fragments.items()}

    # Selections

    def _members(
        self,
        selected: Mapping[str, list[FieldDetails]],
        kind: GraphQLObjectType,
        member: Callable[[Asked], Expression],
    ) -> Expression:
        return object_of({name: self._member(name, details, kind, member) for name, details in selected.items()})

    def _member(
        self, name: str, details: list[FieldDetails], kind: GraphQLObjectType, member: Callable[[Asked], Expression]
    ) -> Expression:
        node = details[0].node
        if node.name.value == "__typename":
            return sa.literal_column(f"'{kind.name}'", sa.Text)
        if node.name.value not in kind.fields:
            raise NotCompiled(f"{node.name.value} is no field of the schema's own types")
        there = kind.fields[node.name.value]
        definition = there.extensions[DEFINITION]
        return member(
            Asked(name, details, definition, get_named_type(there.type), self._arguments(there, node, definition))
        )

    def _arguments(self, there: Any, node: Any, definition: StrawberryField) -> dict[str, Any]:
        given = get_argument_values(there, node, self.operation.variables)
        schema = self.operation.schema
        registry = schema.schema_converter.scalar_registry
        return convert_arguments(given, definition.arguments, scalar_registry=registry, config=schema.config)

    def below(self, asked: Asked, member: Callable[[Asked], Expression]) -> Expression:
        """Give the object that a field selects."""
        schema, operation = self.operation.schema._schema, self.operation
        selected = collect_subfields(
            schema, self._fragments, operation.variables, operation.node, asked.kind, asked.details
        )
        return self._members(selected.grouped_field_set, asked.kind, member)

    # Roots

    def _root(self, asked: Asked) -> Expression:
        arguments, reads = asked.arguments, asked.reads
        scope = self._scope(arguments.get("as_of"))
        if isinstance(reads, Listed):
            return self._connection(asked, reads, scope, None, times=1)
        if not isinstance(reads, Found):
            raise NotCompiled(f"{asked.definition.python_name} is not declared to be read from tables")
        level = self._level(reads.view_of(scope), scope)
        (value,) = (given for name, given in arguments.items() if name != "as_of")
        wanted = level.view.fields[reads.name] == read(value, reads.parse) if value is not None else sa.true()
        return self._rows(asked, level, wanted, many=reads.many, times=1)

    def _scope(self, as_of: str | Slot | None) -> Scope:
        return NOW if as_of is None else Scope(release_id=self._key_of(RELEASE, as_of))

    def _key_of(self, table: sa.Table, name: str | Slot) -> Expression:
        key = closed(sa.select(table.c.id).where(table.c.name == name)).scalar_subquery()
        self._named.append(key.is_not(None))
        return key

    # Rows

    def name(self) -> str:
        """Give a name that nothing else in the statement has."""
        return f"t{next(self._names)}"

    def _level(self, view: Any, scope: Scope) -> Level:
        return Level(self.name(), view, scope)

    def _count(self, objects: float) -> None:
        self._objects += objects
        if self._objects > self.operation.limits.objects:
            raise NotCompiled("the answer may hold too many objects")

    def _rows(
        self, asked: Asked, level: Level, condition: Expression, *, many: bool, times: float, settled: int = 0
    ) -> Expression:
        """Give the objects of the rows that meet a condition: a list, or the first one."""
        times *= USUALLY if many else 1
        self._count(times)
        shown = self.below(asked, lambda member: self.of_row(member, level, times))
        order = level.view.order[settled:]
        if many:
            return scalar(list_of(shown), level.rows(condition, order))
        return scalar(shown, level.rows(condition, order, limit=1 if order else None))

    def of_row(self, asked: Asked, level: Level, times: float) -> Expression:
        """Give what a field is of a row of a level."""
        match asked.reads:
            case None:
                return self._plain(asked, level)
            case Computed(name):
                return value_of(level[name])
            case Linked(link, many):
                return self._linked(asked, level, link, many=many, times=times)
            case Parts(fields, unless_null):
                return self._parts(asked, level, fields, unless_null)
            case Members(name):
                return self._of_json(asked, level[name])
            case Listed() as listed:
                scope = level.scope if listed.scope is None else listed.scope(level.scope, level.key)
                return self._connection(asked, listed, scope, level.key, times=times)
        raise NotCompiled(f"{asked.definition.python_name} is not declared to be read from a row")

    def _plain(self, asked: Asked, level: Level) -> Expression:
        name = asked.definition.python_name
        if not is_leaf_type(asked.kind) or name not in level.view.fields or asked.definition.base_resolver is not None:
            raise NotCompiled(f"{name} is not a field of the view")
        return sa.cast(level[name], sa.Text) if asked.kind is GraphQLID else value_of(level[name])

    def _linked(self, asked: Asked, level: Level, link: Any, *, many: bool, times: float) -> Expression:
        scope = level.scope
        if (round_name := asked.arguments.get("round")) is not None:
            scope = replace(scope, round_id=self._key_of(ROUND, round_name))
        there = self._level(link.view(scope), scope)
        condition = there.view.expression(link.there) == level[link.here]
        settled = len(there.view.order) if link.there == there.view.key else there.view.settled.get(link.there, 0)
        return self._rows(asked, there, condition, many=many, times=times, settled=settled)

    def _parts(self, asked: Asked, level: Level, fields: Mapping[str, str], unless_null: str | None) -> Expression:
        shown = self.below(asked, lambda part: value_of(level[fields[part.definition.python_name]]))
        return shown if unless_null is None else sa.case((level[unless_null].is_not(None), shown))

    def _of_json(self, asked: Asked, listed: Expression) -> Expression:
        name = self.name()
        each = sa.func.json_array_elements(listed).table_valued(sa.column("value", sa.JSON)).render_derived(name=name)
        member = sa.literal_column(f"{name}.value", sa.JSON)
        shown = self.below(asked, lambda part: member.op("->")(sa.literal_column(f"'{part.definition.python_name}'")))
        return scalar(list_of(shown), each)

    def _connection(self, asked: Asked, listed: Listed, scope: Scope, key: Any, *, times: float) -> Expression:
        arguments = asked.arguments
        order = to_order(arguments.get("order_by"))
        request = PageRequest(arguments["first"], arguments["after"], order, self.operation.limits.rows)
        level = self._level(listed.view_of(scope), scope)
        condition = listed.condition(to_filter(arguments.get("where")), scope, key)
        times *= request.first
        self._count(times)
        page = _Page(self, level, condition, request, times)
        shown = self.below(asked, page.member)
        if page.is_read:
            return scalar(shown, level.page(condition, request))
        if request.after is not None:
            raise NotCompiled("nothing is read of the page, so nothing would check its cursor")
        return shown


@dataclass
class _Page:
    """What a connection shows: aggregates over the rows of one page, and over all rows."""

    walk: _Walk
    level: Level
    condition: Expression
    request: PageRequest
    times: float
    is_read: bool = False
    """Whether anything asked for is an aggregate over the page."""

    def member(self, asked: Asked) -> Expression:
        match asked.definition.python_name:
            case "total_count":
                return self.level.count(self.condition)
            case "facet":
                return self._facet(asked)
            case "page_info":
                return self.walk.below(asked, self._of_info)
        self.is_read = True
        return list_of(self.walk.below(asked, self._of_edge), self.level.is_shown(self.request))

    def _of_edge(self, asked: Asked) -> Expression:
        if asked.definition.python_name == "cursor":
            return self.level.cursor(self.request)
        return self.walk.below(asked, lambda member: self.walk.of_row(member, self.level, self.times))

    def _of_info(self, asked: Asked) -> Expression:
        if asked.definition.python_name == "has_previous_page":
            return sa.literal(self.request.after is not None)
        self.is_read = True
        return self.level.page_info(self.request)[asked.definition.python_name]

    def _facet(self, asked: Asked) -> Expression:
        facet = Facet(asked.arguments["by"].value, asked.arguments["most"])
        counts = facet.counts(self.level.view, self.condition).subquery(self.walk.name())
        return scalar(list_of(self.walk.below(asked, lambda part: counts.c[part.definition.python_name])), counts)
