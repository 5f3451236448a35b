"""Plans: compiled statements, by the text of the operation and the shape of its variables; and their sending."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import strawberry
from graphql import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode, OperationType, get_operation_ast
from graphql.execution.values import VariableValues, get_variable_values
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from api.graphql.compiler.statement import NotCompiled, Operation, compile_statement
from schema.limits import Limits
from schema.queries.kept import Kept
from schema.queries.mistakes import ReadMistake
from schema.queries.slots import shape_of, slots_of
from schema.queries.statements import Statement, make_statement

SHAPES_KEPT, CHARACTERS_KEPT = 64, 1 << 18
"""Plans of one operation, and the characters of their statements."""
DIALECT: PGDialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Plan:
    """A plan of one row: the data as JSON, and whether all that was named is there."""

    statement: Statement

    def send(self, cursor: psycopg.RawCursor[Any], variables: Mapping[str, Any]) -> str | None:
        """Give the data, or None where a release or a round that was named is not there.

        Raises:
            ReadMistake: a value cannot be used.
        """
        cursor.execute(self.statement.text.encode(), list(self.statement.values(variables).values()))
        data, complete = cursor.fetchone() or (None, False)
        return data if complete else None


@dataclass(eq=False)
class Document:
    """A validated operation, and the plans for the shapes that its variables had."""

    schema: strawberry.Schema
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    limits: Limits
    plans: Kept[Plan | NotCompiled] = field(default_factory=lambda: Kept(SHAPES_KEPT, CHARACTERS_KEPT))

    def coerced(self, variables: Mapping[str, Any]) -> VariableValues | None:
        """Coerce the values of variables; None where they are none of the operation's."""
        definitions = self.node.variable_definitions or ()
        found = get_variable_values(self.schema._schema, definitions, dict(variables))
        return found if isinstance(found, VariableValues) else None

    def plan(self, values: VariableValues) -> Plan | NotCompiled:
        """Give the plan for values, made the first time that their shape is seen; or why there is none."""
        shape = shape_of(values.coerced)
        if (kept := self.plans.find(shape)) is not None:
            return kept
        made = self._compiled(values)
        return self.plans.put(shape, made, len(made.statement.text if isinstance(made, Plan) else str(made)))

    def _compiled(self, values: VariableValues) -> Plan | NotCompiled:
        slotted = values._replace(coerced=slots_of(values.coerced))
        try:
            operation = Operation(self.schema, self.node, self.fragments, slotted, self.limits)
            return Plan(make_statement(compile_statement(operation), DIALECT))
        except (NotCompiled, ReadMistake) as reason:
            return NotCompiled(str(reason))  # not the one that was raised, which holds all that was being compiled


def read_document(
    schema: strawberry.Schema, document: DocumentNode, operation: str | None, limits: Limits
) -> Document | None:
    """Take a validated document's read operation; None where it has none of this name."""
    node = get_operation_ast(document, operation)
    if node is None or node.operation is not OperationType.QUERY:
        return None
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return Document(schema, node, fragments, limits)
