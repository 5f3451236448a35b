"""The command that serves the API: serve."""

import ipaddress
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import click
import uvicorn

from api.access import Access
from api.app import create_app
from api.logs import LogFormat, write_errors, write_requests
from api.record import Record
from api.services import Services
from api.telemetry import trace_requests
from cli.output import console
from migrations.ready import ready_database
from schema.errors import ServerError
from schema.settings import load_settings

GRACE_S = 10
"""How long requests that are worked on may take to end when the server is asked to stop."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--tokens", is_flag=True, help="Ask for tokens on loopback too, for instance behind what speaks TLS.")
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="Serve beyond loopback without tokens: only where something in front decides who may come.",
)
@click.option(
    "--log-format",
    type=click.Choice([each.value for each in LogFormat]),
    help="Log each request to stderr; without it none is.",
)
def serve(host: str, port: int, tokens: bool, behind_proxy: bool, log_format: str | None) -> None:
    """Serve the GraphQL API until Ctrl-C, and print its address.

    Beyond loopback whoever comes needs a token, which `groundct token create` makes. Changing anything needs the token
    of a maintainer everywhere.
    """
    signal.signal(signal.SIGTERM, _end)
    _allow_many_clients()
    settings = load_settings()
    log = None if log_format is None else _log(LogFormat(log_format))
    with ready_database(settings) as database, _listen(host, port) as listener:
        asks = tokens or not (behind_proxy or _is_loopback(host))
        services, access = Services.of_settings(database, settings), Access(database)
        app = create_app(services, page=settings.page, access=access, asks=asks, log=log)
        if reason := trace_requests(app):
            click.echo(f"no traces: {reason}", err=True)
        bound = f"http://{host}:{listener.getsockname()[1]}"
        page = f", a page to try it at {bound}/" if settings.page else ""
        console.print(f"GraphQL at {bound}/graphql{page}{', for who has a token' if asks else ''}", soft_wrap=True)
        config = uvicorn.Config(
            app,
            log_config=None if log else uvicorn.config.LOGGING_CONFIG,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _end(_signal: int, _frame: FrameType | None) -> None:
    """End as after Ctrl-C, so that what was opened is closed."""
    raise click.exceptions.Exit(0)


def _allow_many_clients() -> None:
    """Let this process have as many open connections as the system allows it; many systems begin at 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _log(form: LogFormat) -> Callable[[Record], None]:
    """Write the log, warnings of the server's libraries among it."""
    handler = write_errors(sys.stderr, form)
    for name in ("groundct", "uvicorn"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    return write_requests(sys.stderr, form)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ServerError(f"{host}:{port} cannot be used ({error.strerror}); choose another --port") from error
    return listener
