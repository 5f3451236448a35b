"""The schema, and the limits on what may be asked of it."""

from datetime import datetime

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, ParserCache, QueryDepthLimiter, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.graphql.compiler.answering import Compiling
from api.graphql.query import Query
from api.graphql.vocabulary import BIG_INT, TIME, BigInt

DEEPEST = 12
"""Fields within fields."""
MOST_ALIASES = 30
MOST_TOKENS = 4000


class QuietSchema(strawberry.Schema):
    """A schema that leaves errors to `api.errors`, which knows what is a client's mistake."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here."""


SCHEMA = QuietSchema(
    Query,
    config=StrawberryConfig(scalar_map={BigInt: BIG_INT, datetime: TIME}),
    extensions=[
        lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
        ParserCache,
        ValidationCache,
        lambda: QueryDepthLimiter(max_depth=DEEPEST),
        lambda: MaxAliasesLimiter(max_alias_count=MOST_ALIASES),
        Compiling,
    ],
)
