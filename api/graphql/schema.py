"""The schema, and what is done to each operation on it."""

from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from graphql import parse as parse_query
from graphql.execution.values import get_variable_values
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.arguments import convert_argument

from api.graphql.compiler.answering import Compiling
from api.graphql.limits import Limiting
from api.graphql.mutation import Mutation
from api.graphql.query import Query
from api.graphql.vocabulary import BIG_INT, TIME, BigInt
from api.graphql.where import FindingWhere, to_filter
from schema.queries.filters import FindingFilter
from schema.queries.mistakes import ReadMistake


class QuietSchema(strawberry.Schema):
    """A schema that leaves errors to `api.errors`, which knows what is a client's mistake."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here."""


SCHEMA = QuietSchema(
    Query,
    Mutation,
    config=StrawberryConfig(scalar_map={BigInt: BIG_INT, datetime: TIME}),
    extensions=[Limiting, ParserCache, ValidationCache, Compiling],
)


def read_filter(given: dict[str, Any]) -> FindingFilter:
    """Read a filter of findings from JSON, as `where` takes it.

    Raises:
        ReadMistake: it is none; the message says why.
    """
    declared = parse_query("query($where: FindingWhere!) { __typename }").definitions[0]
    definitions = getattr(declared, "variable_definitions", ())
    values = get_variable_values(SCHEMA._schema, definitions, {"where": given})
    if isinstance(values, list):
        raise ReadMistake(f"the filter is none: {values[0].message}")
    registry = SCHEMA.schema_converter.scalar_registry
    found: FindingFilter = to_filter(convert_argument(values.coerced["where"], FindingWhere, registry, SCHEMA.config))
    return found
