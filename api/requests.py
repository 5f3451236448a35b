"""Reading GraphQL requests: JSON in a POST, or parameters of a GET; what cannot be one is refused with the reason."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from api.errors import NOT_A_REQUEST, TOO_LARGE, TOO_SLOW, Told, limit_of, refusal
from api.record import Record
from schema.limits import Limits


@dataclass(frozen=True)
class GraphQLRequest:
    """A query with its variables, and which of its operations is meant."""

    query: str
    variables: dict[str, Any] | None = None
    operation: str | None = None


async def read_post(request: Request, limits: Limits) -> GraphQLRequest | Response:
    """Read a JSON body, or give the refusal.

    Raises:
        ClientDisconnect: the client went away.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refuse(replace(NOT_A_REQUEST, status=415), "send JSON: Content-Type: application/json", limits)
    try:
        async with asyncio.timeout(limits.body_s):
            body = await _body(request, limits.body_bytes)
    except TimeoutError:
        return refuse(TOO_SLOW, f"the body did not come within {limits.body_s:g} s", limits)
    if body is None:
        return refuse(TOO_LARGE, f"the body may have {limits.body_bytes} bytes", limits)
    try:
        return _parse(orjson.loads(body), limits)
    except orjson.JSONDecodeError as error:
        return refuse(NOT_A_REQUEST, f"the body is not JSON: {error}", limits)


async def _body(request: Request, most_bytes: int) -> bytes | None:
    """Give the body; None where it is too large: that is read on, not kept, since who still sends does not listen."""
    parts, read = list[bytes](), 0
    async for chunk in request.stream():
        read += len(chunk)
        if read <= most_bytes:
            parts.append(chunk)
        else:
            parts.clear()
    return b"".join(parts) if read <= most_bytes else None


def read_get(request: Request, limits: Limits) -> GraphQLRequest | Response:
    """Read the parameters `query`, `variables` and `operationName`, or give the refusal."""
    parameters = request.query_params
    try:
        variables = orjson.loads(parameters.get("variables", "null"))
    except orjson.JSONDecodeError as error:
        return refuse(NOT_A_REQUEST, f"`variables` is not JSON: {error}", limits)
    given = {"query": parameters.get("query"), "variables": variables, "operationName": parameters.get("operationName")}
    return _parse(given, limits)


def _parse(given: Any, limits: Limits) -> GraphQLRequest | Response:
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        return refuse(NOT_A_REQUEST, 'give {"query": "...", "variables": {...}}', limits)
    variables, operation = given.get("variables"), given.get("operationName")
    if not isinstance(variables, dict | None) or not isinstance(operation, str | None):
        return refuse(NOT_A_REQUEST, "`variables` must be an object and `operationName` a text", limits)
    return GraphQLRequest(given["query"], variables, operation)


def refuse(known: Told, message: str, limits: Limits, headers: Mapping[str, str] | None = None) -> Response:
    """Refuse a request with its whole answer."""
    return answer_with([refusal(known, message, limit_of(known, limits))], known.status, headers)


def answer_with(errors: list[dict[str, Any]], status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with errors alone."""
    return Refusal({"errors": errors}, status, headers)


class Refusal(JSONResponse):
    """A GraphQL answer that is errors alone."""

    def __init__(self, content: dict[str, Any], status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status, headers)
        self.codes = tuple(each["extensions"]["code"] for each in content["errors"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI, and note its codes."""
        Record.of(scope).codes = self.codes
        await super().__call__(scope, receive, send)
