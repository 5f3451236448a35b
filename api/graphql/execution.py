"""Answering a GraphQL query: one session, one snapshot, read only; the same with and without a server."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session
from strawberry.schema.exceptions import CannotGetOperationTypeError

from api.errors import failure, formatted
from api.graphql.schema import SCHEMA
from api.graphql.siblings import Reading
from api.services import Services
from schema.queries.mistakes import ReadMistake

LONGEST_MS = 30_000
"""How long one statement may take."""


def execute_query(
    services: Services, query: str, variables: Mapping[str, Any] | None = None, operation: str | None = None
) -> dict[str, Any]:
    """Answer a query as `{"data": ..., "errors": [...]}`; errors are given, never raised.

    It blocks; threads may share the services.
    """
    engine = services.database.engine().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    try:
        with Session(engine) as session:
            session.execute(sa.select(sa.func.set_config("statement_timeout", str(LONGEST_MS), True)))
            return _execute(Reading(services, session), query, variables or {}, operation)
    except Exception as error:  # an answer is owed whatever happens
        return failure(error)


def _execute(reading: Reading, query: str, variables: Mapping[str, Any], operation: str | None) -> dict[str, Any]:
    try:
        result = SCHEMA.execute_sync(query, dict(variables), context_value=reading, operation_name=operation)
    except CannotGetOperationTypeError as error:
        raise ReadMistake("name one of the query's operations in `operationName`") from error
    if not result.errors:
        return {"data": result.data}
    return {"data": result.data, "errors": [formatted(error) for error in result.errors]}
