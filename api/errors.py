"""What clients are told of errors: codes, HTTP statuses, and which messages may go out. The one table of it."""

import logging
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError, StrawberryGraphQLError

from ingest.rounds.receiving import NotTaken
from ingest.rounds.saving import AcceptedAlready
from schema.errors import (
    ArrayStoreError,
    Frozen,
    ModelError,
    NotFound,
    NotMigrated,
    NotPermitted,
    ServerError,
    SettingsError,
    SourceError,
    TokenError,
)
from schema.limits import Limits
from schema.queries.mistakes import NotEmbedded, OverLimit, ReadMistake

LOG = logging.getLogger("groundct.api")


@dataclass(frozen=True)
class Told:
    """A code, an HTTP status where an error is a whole answer, and words for messages that must stay inside."""

    code: str
    status: int
    instead: str | None = None
    """Said in place of the message, which may name paths, hosts or SQL; None lets the message out."""
    limit: str | None = None
    """The field of `Limits` that was met."""


NOT_VALID = Told("GRAPHQL_INVALID", 400)
"""The query itself: its grammar, names, types, depth or size."""
NOT_A_REQUEST = Told("BAD_REQUEST", 400)
"""What was sent is no GraphQL request."""
UNEXPECTED = Told("INTERNAL", 500, "something went wrong here; the server's log has it")
NOT_SERVED = Told("NOT_FOUND", 404)
"""There is nothing at this path."""
UNAUTHENTICATED = Told("UNAUTHENTICATED", 401)
FORBIDDEN = Told("FORBIDDEN", 403)
TOO_LARGE = Told("BAD_REQUEST", 413, limit="body_bytes")
TOO_SLOW = Told("REQUEST_TIMEOUT", 408, limit="body_s")
TOO_OFTEN = Told("TOO_MANY_REQUESTS", 429, limit="requests_a_minute")
TOO_MANY_WAIT = Told("OVERLOADED", 503, limit="waiting")

TABLE: dict[type[Exception], Told] = {
    ReadMistake: Told("BAD_USER_INPUT", 400),
    NotFound: Told("NOT_FOUND", 404),
    NotEmbedded: Told("NOT_EMBEDDED", 503),
    NotMigrated: Told("NOT_MIGRATED", 503),
    MissingQueryError: NOT_VALID,
    TokenError: Told("BAD_USER_INPUT", 400),
    SourceError: Told("BAD_USER_INPUT", 400),
    NotPermitted: Told("FORBIDDEN", 403),
    NotTaken: Told("NOT_TAKEN", 422),
    AcceptedAlready: Told("CONFLICT", 409),
    Frozen: Told("CONFLICT", 409),
    psycopg.errors.IntegrityError: Told("CONFLICT", 409, "it contradicts what is there; look again, then try again"),
    psycopg.errors.InsufficientPrivilege: Told("FORBIDDEN", 403, "nobody may change that over the network"),
    ModelError: Told("MODEL_UNAVAILABLE", 503, "the embedding model cannot be used; search with mode: LEXICAL"),
    SettingsError: Told("UNAVAILABLE", 503, "the server is not set up; its log says what is missing"),
    ArrayStoreError: Told("ARRAYS_UNAVAILABLE", 503, "the array store cannot be used; the server's log says why"),
    ServerError: Told("DATABASE_UNAVAILABLE", 503, "the database cannot be reached; try again later"),
    psycopg.errors.QueryCanceled: Told("TIMEOUT", 503, "the query took too long; ask for less", "statement_ms"),
    RecursionError: Told("GRAPHQL_INVALID", 400, "the query is nested too deeply", "depth"),
    sa.exc.OperationalError: Told("DATABASE_UNAVAILABLE", 503, "the database cannot be reached, or took too long"),
    sa.exc.DataError: Told("BAD_USER_INPUT", 400, "a value cannot be used: a null byte, or a number out of range"),
    sa.exc.InternalError: Told("ABORTED", 500, "an earlier part of this query failed, so this one was not tried"),
    sa.exc.TimeoutError: Told("OVERLOADED", 503, "too many requests at a time; try again later", "at_a_time"),
}
"""By class; the nearest one among an error's classes counts."""


Limit: TypeAlias = dict[str, Any]
"""A limit that was met, as errors hold it: its name, and the most that it allows."""


def told(error: BaseException | None) -> Told:
    """Look an error up, the driver's own before what SQLAlchemy makes of it; what is not in the table is unexpected."""
    kinds = (*type(getattr(error, "orig", None)).__mro__, *type(error).__mro__)
    return next((TABLE[kind] for kind in kinds if kind in TABLE), UNEXPECTED)


def refusal(known: Told, message: str, limit: Limit | None = None) -> dict[str, Any]:
    """Write an error as GraphQL answers hold it, with `extensions.code`, and `extensions.limit` where it met one."""
    return {"message": message, "extensions": {"code": known.code, **({"limit": limit} if limit else {})}}


def limit_of(known: Told, limits: Limits) -> Limit | None:
    """Give the limit that goes with an entry of the table."""
    return None if known.limit is None else {"name": known.limit, "most": getattr(limits, known.limit)}


def describe(error: Exception, limits: Limits) -> dict[str, Any]:
    """Give what a client is told of an error, as an answer's `errors` hold it."""
    known, message = public_message(error)
    if isinstance(error, OverLimit):
        return refusal(known, message, {"name": error.limit, "most": error.most})
    return refusal(known, message, limit_of(known, limits))


def formatted(error: GraphQLError, limits: Limits) -> dict[str, Any]:
    """Give an error of a query, with its place; what must stay inside is logged instead."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if cause is None or isinstance(cause, GraphQLError | StrawberryGraphQLError):
        return {**error.formatted, **refusal(NOT_VALID, error.message, _limit_of_text(error, limits))}
    return {**error.formatted, **describe(cause, limits)}


def failure(error: Exception, limits: Limits) -> dict[str, Any]:
    """Give the whole answer to a query that could not be begun."""
    return {"data": None, "errors": [describe(error, limits)]}


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
    LOG.error("%s: %s", reference, error, exc_info=error, extra={"reference": reference})
    return known, f"{known.instead} (reference {reference})"


def _limit_of_text(error: GraphQLError, limits: Limits) -> Limit | None:
    """Give the limit that a rule of validation names; the parser's errors have nothing but their words."""
    if isinstance(error, GraphQLSyntaxError) and error.message.endswith(
        f"than {limits.tokens} tokens. Parsing aborted."
    ):
        return {"name": "tokens", "most": limits.tokens}
    if isinstance(error, GraphQLSyntaxError) and "nested too deeply" in error.message:
        return {"name": "depth", "most": limits.depth}
    return (error.extensions or {}).get("limit")
