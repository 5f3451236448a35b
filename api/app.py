"""The web application: GraphQL, a page to try it, and whether it is alive and ready.

What blocks runs on threads, as many as have connections; the event loop only moves bytes. Nothing is ever loaded from
the internet, by pages neither.
"""

from collections.abc import Awaitable, Callable
from importlib import resources

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from api.errors import public_message
from api.graphql.execution import Answer, answer_query
from api.requests import GraphQLRequest, read_get, read_post
from api.services import Services
from migrations.run import require_migrated

AT_A_TIME = 8
"""Requests that are worked on at a time; more wait. Python works on one anyhow, the others wait for the database."""
BY_SPECIFICATION = "application/graphql-response+json"
"""The media type under which errors have HTTP statuses of their own; under application/json all answers have 200."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


def create_app(services: Services) -> FastAPI:
    """Make the application that serves an archive."""
    app = FastAPI(title="GroundCT", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(Exception, _failed)
    threads = CapacityLimiter(AT_A_TIME)
    graphql = _graphql(services, threads)
    app.add_api_route("/graphql", graphql, methods=["GET", "POST"])
    app.add_api_route("/healthz", _alive)
    app.add_api_route("/readyz", _ready(services, threads))
    app.add_api_route("/", _home)
    return app


def _graphql(services: Services, threads: CapacityLimiter) -> Callable[[Request], Awaitable[Response]]:
    async def graphql(request: Request) -> Response:
        """Answer a query."""
        asked = await read_post(request) if request.method == "POST" else read_get(request)
        if isinstance(asked, Response):
            return asked
        answer = await to_thread.run_sync(_answer, services, asked, limiter=threads)
        return _respond(request, answer)

    return graphql


def _answer(services: Services, asked: GraphQLRequest) -> Answer:
    return answer_query(services, asked.query, asked.variables, asked.operation)


def _respond(request: Request, answer: Answer) -> Response:
    if BY_SPECIFICATION in request.headers.get("accept", ""):
        return Response(answer.body, answer.status, media_type=BY_SPECIFICATION)
    return Response(answer.body, media_type="application/json")


async def _alive() -> Response:
    """Tell that the process is alive."""
    return JSONResponse({"alive": True})


def _ready(services: Services, threads: CapacityLimiter) -> Callable[[], Awaitable[Response]]:
    async def ready() -> Response:
        """Tell whether queries can be answered: database reached and migrated, arrays readable."""
        return await to_thread.run_sync(_check, services, limiter=threads)

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


async def _home() -> Response:
    """Show what this is, with a form that asks a query."""
    page = resources.files("api").joinpath("home.html").read_text("utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})


async def _failed(_request: Request, error: Exception) -> Response:
    known, message = public_message(error)
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": known.code}}]}, known.status)
