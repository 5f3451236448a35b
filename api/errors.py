"""What clients are told of errors: codes, HTTP statuses, and which messages may go out. The one table of it."""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError, StrawberryGraphQLError

from schema.errors import ArrayStoreError, ModelError, NotFound, NotMigrated, ServerError, SettingsError, SourceError
from schema.queries.mistakes import NotEmbedded, ReadMistake

LOG = logging.getLogger("groundct.api")


@dataclass(frozen=True)
class Told:
    """A code, an HTTP status where an error is a whole answer, and words for messages that must stay inside."""

    code: str
    status: int
    instead: str | None = None
    """Said in place of the message, which may name paths, hosts or SQL; None lets the message out."""


NOT_VALID = Told("GRAPHQL_INVALID", 400)
"""The query itself: its grammar, names, types, depth or size."""
UNEXPECTED = Told("INTERNAL", 500, "something went wrong here; the server's log has it")

TABLE: dict[type[Exception], Told] = {
    ReadMistake: Told("BAD_USER_INPUT", 400),
    NotFound: Told("NOT_FOUND", 404),
    NotEmbedded: Told("NOT_EMBEDDED", 503),
    NotMigrated: Told("NOT_MIGRATED", 503),
    MissingQueryError: NOT_VALID,
    SourceError: Told("BAD_USER_INPUT", 400),
    ModelError: Told("MODEL_UNAVAILABLE", 503, "the embedding model cannot be used; search with mode: LEXICAL"),
    SettingsError: Told("UNAVAILABLE", 503, "the server is not set up; its log says what is missing"),
    ArrayStoreError: Told("ARRAYS_UNAVAILABLE", 503, "the array store cannot be read; the server's log says why"),
    ServerError: Told("DATABASE_UNAVAILABLE", 503, "the database cannot be reached; try again later"),
    sa.exc.OperationalError: Told("DATABASE_UNAVAILABLE", 503, "the database cannot be reached, or took too long"),
    sa.exc.DataError: Told("BAD_USER_INPUT", 400, "a value cannot be used: a null byte, or a number out of range"),
    sa.exc.InternalError: Told("ABORTED", 500, "an earlier part of this query failed, so this one was not tried"),
    sa.exc.TimeoutError: Told("OVERLOADED", 503, "too many requests at a time; try again later"),
}
"""By class; the nearest one among an error's classes counts."""


def told(error: BaseException | None) -> Told:
    """Look an error up; what is not in the table is unexpected."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), UNEXPECTED)


def formatted(error: GraphQLError) -> dict[str, Any]:
    """Give an error as GraphQL answers hold it, with `extensions.code`; what must stay inside is logged instead."""
    known, message = _public(error)
    return {**error.formatted, "message": message, "extensions": {"code": known.code}}


def failure(error: Exception) -> dict[str, Any]:
    """Give the whole answer to a query that could not be begun."""
    known, message = public_message(error)
    return {"data": None, "errors": [{"message": message, "extensions": {"code": known.code}}]}


def status_of(answer: dict[str, Any]) -> int:
    """Give the HTTP status of an answer: 200 where there is any data, else the first error's."""
    if answer.get("data") is not None or not answer.get("errors"):
        return 200
    code = answer["errors"][0]["extensions"]["code"]
    return next(each.status for each in (*TABLE.values(), NOT_VALID, UNEXPECTED) if each.code == code)


def public_message(error: Exception) -> tuple[Told, str]:
    """Give what a client is told of an error, and log the error where that is not its own message."""
    known = told(error)
    if known.instead is None:
        return known, str(error)
    reference = uuid4().hex[:8]
    LOG.error("%s: %s", reference, error, exc_info=error)
    return known, f"{known.instead} (reference {reference})"


def _public(error: GraphQLError) -> tuple[Told, str]:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if cause is None or isinstance(cause, GraphQLError | StrawberryGraphQLError):
        return NOT_VALID, error.message
    return public_message(cause)
