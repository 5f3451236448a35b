"""Reading GraphQL requests: JSON in a POST, or parameters of a GET; what cannot be one is refused with the reason."""

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LARGEST_BODY = 1024 * 1024
"""Bytes."""


@dataclass(frozen=True)
class GraphQLRequest:
    """A query with its variables, and which of its operations is meant."""

    query: str
    variables: dict[str, Any] | None = None
    operation: str | None = None


async def read_post(request: Request) -> GraphQLRequest | Response:
    """Read a JSON body of at most 1 MiB, or give the refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _refusal(415, "send JSON: Content-Type: application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return _refusal(413, f"the body may have {LARGEST_BODY} bytes")
    try:
        return _parse(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        return _refusal(400, f"the body is not JSON: {error}")


def read_get(request: Request) -> GraphQLRequest | Response:
    """Read the parameters `query`, `variables` and `operationName`, or give the refusal."""
    parameters = request.query_params
    try:
        variables = orjson.loads(parameters.get("variables", "null"))
    except orjson.JSONDecodeError as error:
        return _refusal(400, f"`variables` is not JSON: {error}")
    given = {"query": parameters.get("query"), "variables": variables, "operationName": parameters.get("operationName")}
    return _parse(given)


def _parse(given: Any) -> GraphQLRequest | Response:
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        return _refusal(400, 'give {"query": "...", "variables": {...}}')
    variables, operation = given.get("variables"), given.get("operationName")
    if not isinstance(variables, dict | None) or not isinstance(operation, str | None):
        return _refusal(400, "`variables` must be an object and `operationName` a text")
    return GraphQLRequest(given["query"], variables, operation)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]}, status)
