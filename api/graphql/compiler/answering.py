"""Answering by plans, with statements sent as they are; and making plans where operations have just been validated."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from graphql import ExecutionResult
from strawberry.extensions import SchemaExtension

from api.graphql.compiler.plans import Document, Plan, read_document
from api.graphql.siblings import Reading
from api.services import Services
from schema.queries.mistakes import ReadMistake

LOG = logging.getLogger("groundct.api")


def answer_compiled(services: Services, document: Document, variables: Mapping[str, Any]) -> str | None:
    """Give the data as JSON; None where it has to be read field by field: not compiled, or with errors to tell of.

    Raises:
        psycopg.errors.QueryCanceled: it took too long.
    """
    values = document.coerced(variables)
    if values is None or not isinstance(plan := document.plan(values), Plan):
        return None
    try:
        with services.database.reader() as connection, psycopg.RawCursor(connection) as cursor:
            return plan.send(cursor, values.coerced)
    except psycopg.errors.QueryCanceled:
        raise
    except (ReadMistake, psycopg.DataError):
        return None  # field by field it is told of which field it is
    except psycopg.OperationalError as error:
        LOG.warning("a compiled statement could not be sent (%s)", error)
        return None


class Compiling(SchemaExtension):
    """Remembers a validated operation, and answers it at once where it can be compiled."""

    def on_execute(self) -> Iterator[None]:
        """Run between validation and execution."""
        context = self.execution_context
        reading: Reading = context.context
        if reading.asked is not None and context.graphql_document is not None:
            limits = reading.services.limits
            document = read_document(context.schema, context.graphql_document, reading.asked[1], limits)
            if document is not None:
                reading.services.documents.put(reading.asked, document, len(reading.asked[0]))
                data = answer_compiled(reading.services, document, context.variables or {})
                context.result = ExecutionResult(Json(data)) if data is not None else None
        yield


class Json(dict[str, Any]):
    """Data that are JSON already."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
