"""The schema, and what is done to each operation on it."""

from datetime import datetime

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.graphql.compiler.answering import Compiling
from api.graphql.limits import Limiting
from api.graphql.query import Query
from api.graphql.vocabulary import BIG_INT, TIME, BigInt


class QuietSchema(strawberry.Schema):
    """A schema that leaves errors to `api.errors`, which knows what is a client's mistake."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here."""


SCHEMA = QuietSchema(
    Query,
    config=StrawberryConfig(scalar_map={BigInt: BIG_INT, datetime: TIME}),
    extensions=[Limiting, ParserCache, ValidationCache, Compiling],
)
