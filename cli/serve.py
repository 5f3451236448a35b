"""The command that serves the API: serve."""

import ipaddress
import socket

import click
import uvicorn

from api.app import create_app
from api.services import Services
from cli.output import console
from migrations.ready import ready_database
from schema.errors import ServerError, SettingsError
from schema.settings import load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="Serve beyond loopback, without tokens: only where something in front decides who may come.",
)
def serve(host: str, port: int, behind_proxy: bool) -> None:
    """Serve the GraphQL API until Ctrl-C, and print its address."""
    if not _is_loopback(host) and not behind_proxy:
        raise SettingsError(
            f"--host {host} is reached from other machines, and this version has no tokens: "
            "serve on 127.0.0.1, or put a proxy in front that decides who may come and add --behind-proxy"
        )
    settings = load_settings()
    with ready_database(settings) as database, _listen(host, port) as listener:
        app = create_app(Services.of_settings(database, settings))
        bound = listener.getsockname()[1]
        console.print(f"GraphQL at http://{host}:{bound}/graphql, a page to try it at http://{host}:{bound}/")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=10))
        server.run(sockets=[listener])


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
