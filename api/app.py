"""The web application: GraphQL, a page to try it, whether it is alive and ready, and its numbers.

Nothing is ever loaded from the internet, by pages neither.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from importlib import resources
from typing import TypeAlias

from anyio import to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from api.access import Access
from api.entrance import Entrance, Recording
from api.errors import NOT_A_REQUEST, NOT_SERVED, TOO_MANY_WAIT, public_message, refusal
from api.graphql.execution import answer_query
from api.metrics import MEDIA_TYPE, Metrics
from api.record import GONE, Record
from api.requests import GraphQLRequest, answer_with, read_get, read_post, refuse
from api.services import Services
from api.turns import Turns
from migrations.run import require_migrated

BY_SPECIFICATION = "application/graphql-response+json"
"""The media type under which errors have HTTP statuses of their own; under application/json all answers have 200."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


def create_app(
    services: Services,
    *,
    page: bool = True,
    access: Access | None = None,
    asks: bool = True,
    log: Callable[[Record], None] | None = None,
) -> FastAPI:
    """Make the application that serves an archive.

    Args:
        services: what it is served from.
        page: whether there is a page to try it at.
        access: the tokens; None: there are none, so everybody reads and nobody changes anything.
        asks: whether reading needs a token where there are tokens; changing always does.
        log: told of each request.
    """
    app = FastAPI(title="GroundCT", docs_url=None, redoc_url=None, openapi_url=None)
    turns = Turns(services.limits)
    metrics = Metrics(services.database, turns)
    app.add_exception_handler(Exception, _failed)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_middleware(Entrance, limits=services.limits, access=access, asks=asks and access is not None)
    app.add_middleware(Recording, tell=_tell(metrics, log))
    app.add_route("/graphql", _graphql(services, turns), methods=["GET", "POST"])
    app.add_route("/healthz", _alive)
    app.add_route("/readyz", _ready(services))
    app.add_route("/metrics", _numbers(metrics))
    if page:
        app.add_route("/", _home)
    return app


def _tell(metrics: Metrics, log: Callable[[Record], None] | None) -> Callable[[Record], None]:
    def tell(record: Record) -> None:
        metrics.count(record)
        if log is not None:
            log(record)

    return tell


def _graphql(services: Services, turns: Turns) -> Handler:
    async def graphql(request: Request) -> Response:
        """Answer a query."""
        try:
            asked = await _read(request, services)
        except ClientDisconnect:
            return Response(status_code=GONE)
        if isinstance(asked, Response):
            return asked
        if turns.full:
            message = "too many requests wait already; try again later"
            return refuse(TOO_MANY_WAIT, message, services.limits, {"Retry-After": "1"})
        return await _answer(request, asked, services, turns)

    return graphql


async def _read(request: Request, services: Services) -> GraphQLRequest | Response:
    if request.method == "POST":
        return await read_post(request, services.limits)
    return read_get(request, services.limits)


async def _answer(request: Request, asked: GraphQLRequest, services: Services, turns: Turns) -> Response:
    record = Record.of(request.scope)
    record.name(asked.operation)
    editor = f"token {record.token}" if record.edits and request.method == "POST" else None
    work = partial(answer_query, services, asked.query, asked.variables, asked.operation, editor=editor)
    answer = await turns.run(work, request.is_disconnected)
    if answer is None:
        return Response(status_code=GONE)
    record.way, record.codes = answer.way, answer.codes
    if BY_SPECIFICATION in request.headers.get("accept", ""):
        return Response(answer.body, answer.status, media_type=BY_SPECIFICATION)
    return Response(answer.body, media_type="application/json")


async def _alive(_request: Request) -> Response:
    """Tell that the process is alive."""
    return JSONResponse({"alive": True})


def _ready(services: Services) -> Handler:
    async def ready(_request: Request) -> Response:
        """Tell whether queries can be answered: database reached and migrated, arrays readable."""
        return await to_thread.run_sync(_check, services)

    return ready


def _check(services: Services) -> Response:
    try:
        with services.database.engine().connect() as connection:
            require_migrated(connection)
        services.arrays.has("volumes", "0" * 64)
    except Exception as error:  # whatever it is, the answer is no
        known, message = public_message(error)
        return JSONResponse({"ready": False, "code": known.code, "message": message}, 503)
    return JSONResponse({"ready": True})


def _numbers(metrics: Metrics) -> Handler:
    async def numbers(_request: Request) -> Response:
        """Tell what was served."""
        return Response(await to_thread.run_sync(metrics.text), media_type=MEDIA_TYPE)

    return numbers


async def _home(_request: Request) -> Response:
    """Show what this is, with a form that asks a query."""
    page = resources.files("api").joinpath("home.html").read_text("utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})


async def _not_served(_request: Request, error: Exception) -> Response:
    """Refuse a path or a method that there is not."""
    if not isinstance(error, HTTPException):
        raise error
    known = NOT_SERVED if error.status_code == 404 else NOT_A_REQUEST
    return answer_with([refusal(known, error.detail)], error.status_code, error.headers)


async def _failed(_request: Request, error: Exception) -> Response:
    known, message = public_message(error)
    return JSONResponse({"errors": [refusal(known, message)]}, known.status)
