"""Answering a GraphQL query: by one statement where it can be compiled, else field by field in one snapshot, read only.

The same with and without a server. A mutation is executed field by field; what it gives is read after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Session
from strawberry.schema.exceptions import CannotGetOperationTypeError

from api.errors import failure, formatted, status_of
from api.graphql.compiler.answering import Json, answer_compiled
from api.graphql.schema import SCHEMA
from api.graphql.siblings import Asked, Reading
from api.services import Services
from schema.queries.mistakes import ReadMistake


class Way(StrEnum):
    """How an operation was answered: by one statement, field by field, or not at all."""

    COMPILED = "compiled"
    FIELDS = "fields"
    REFUSED = "refused"


@dataclass(frozen=True)
class Answer:
    """An answer as it goes out, the status that it has where errors have one, and how it came about."""

    body: bytes
    way: Way
    status: int = 200
    codes: tuple[str, ...] = ()
    """The codes of its errors."""

    @classmethod
    def of(cls, value: dict[str, Any]) -> "Answer":
        """Write an answer."""
        codes = tuple(dict.fromkeys(each["extensions"]["code"] for each in value.get("errors", ())))
        way = Way.REFUSED if value["data"] is None and codes else Way.FIELDS
        return cls(orjson.dumps(value), way, status_of(value), codes)

    @classmethod
    def of_json(cls, data: str) -> "Answer":
        """Wrap data that are JSON already."""
        return cls(b'{"data":' + data.encode() + b"}", Way.COMPILED)


def execute_query(
    services: Services,
    query: str,
    variables: Mapping[str, Any] | None = None,
    operation: str | None = None,
    *,
    editor: str | None = None,
) -> dict[str, Any]:
    """Answer a query as `{"data": ..., "errors": [...]}`; errors are given, never raised.

    It blocks; threads may share the services. Only for an editor, who is noted as the sender, is anything changed.
    """
    answer: dict[str, Any] = orjson.loads(answer_query(services, query, variables, operation, editor=editor).body)
    return answer


def answer_query(
    services: Services,
    query: str,
    variables: Mapping[str, Any] | None = None,
    operation: str | None = None,
    *,
    editor: str | None = None,
) -> Answer:
    """Answer a query with the JSON of what `execute_query` gives."""
    values = variables or {}
    try:
        document = services.documents.find((query, operation))
        if document is None:
            return _execute(services, query, values, operation, asked=(query, operation), editor=editor)
        if (data := answer_compiled(services, document, values)) is not None:
            return Answer.of_json(data)
        return _execute(services, query, values, operation)
    except Exception as error:  # an answer is owed whatever happens
        return Answer.of(failure(error, services.limits))


def execute_fields(
    services: Services, query: str, variables: Mapping[str, Any], operation: str | None = None
) -> dict[str, Any]:
    """Answer a query field by field, as `execute_query` does what it cannot compile."""
    answer: dict[str, Any] = orjson.loads(_execute(services, query, variables, operation).body)
    return answer


def _execute(
    services: Services,
    query: str,
    variables: Mapping[str, Any],
    operation: str | None,
    *,
    asked: Asked | None = None,
    editor: str | None = None,
) -> Answer:
    engine = services.database.engine().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with Session(engine) as session:
        sa.event.listen(session, "after_begin", partial(_limit_time, services.limits.statement_ms))
        reading = Reading(services, session, asked, editor)
        try:
            result = SCHEMA.execute_sync(query, dict(variables), context_value=reading, operation_name=operation)
        except CannotGetOperationTypeError as error:
            raise ReadMistake("name one of the query's operations in `operationName`") from error
    if isinstance(result.data, Json):
        return Answer.of_json(result.data.text)
    errors = {"errors": [formatted(error, services.limits) for error in result.errors]} if result.errors else {}
    return Answer.of({"data": result.data, **errors})


def _limit_time(most_ms: int, _session: Session, _transaction: Any, connection: sa.Connection) -> None:
    connection.execute(sa.select(sa.func.set_config("statement_timeout", str(most_ms), True)))
