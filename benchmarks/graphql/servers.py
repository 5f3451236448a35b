"""The servers that are compared: each one process, on a free port, ended with the block."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from schema.database import Database, Role

POSTGRAPHILE = Path(__file__).parent / "postgraphile"
READY_S = 60


@dataclass(frozen=True)
class Contender:
    """Something that answers the query."""

    name: str
    port: int
    path: str
    query: str


OURS = """query($first: Int!) { findings(first: $first) { edges { node {
  id index text textSide
  scan { name shapeVox spacingMm }
  category { code name path }
  entities { id label volumeMl side huMean centroidLpsMm }
} } } }"""
THEIRS = """query($first: Int!) { allFindings(
  first: $first, orderBy: [SCAN_NAME_ASC, INDEX_ASC, ROW_ID_ASC]
) { edges { node {
  rowId index text textSide
  scanByScanId { name shapeVox spacingMm }
  categoryByCategoryId { code name path }
  entitiesByFindingId(orderBy: [LABEL_ASC]) { nodes { rowId label volumeMl side huMean centroidLpsMm } }
} } } }"""


@contextmanager
def serve_ours(home: Path) -> Iterator[Contender]:
    """Run `groundct serve` as everybody does, with a log."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "groundct"), "serve", "--log-format", "json", "--port", str(port)]
    with _process(command, port, {"GROUNDCT_HOME": str(home)}):
        yield Contender("groundct", port, "/graphql", OURS)


@contextmanager
def serve_variant(home: Path, variant: str) -> Iterator[Contender]:
    """Run ours without something, see `benchmarks.graphql.variants`."""
    port = free_port()
    with _process([sys.executable, "-m", "benchmarks.graphql.variants", variant, str(home), str(port)], port, {}):
        yield Contender(variant, port, "/graphql", OURS)


@contextmanager
def serve_postgraphile(database: Database, folder: Path, node: Path) -> Iterator[Contender]:
    """Run PostGraphile, installed in a folder, over views of the same rows; as the owner, without limits."""
    url, port = database.url(Role.OWNER), free_port()
    with psycopg.connect(url.render_as_string(hide_password=False)) as connection:
        connection.execute((POSTGRAPHILE / "views.sql").read_bytes())
    server = folder / "serve.mjs"
    server.write_bytes((POSTGRAPHILE / "serve.mjs").read_bytes())
    given = [str(url.query["host"]), str(url.database), str(url.username), str(port)]
    production = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    with _process([str(node.absolute()), server.name, *given], port, production, folder):
        yield Contender("PostGraphile", port, "/graphql", THEIRS)


def free_port() -> int:
    """Give a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _process(
    command: Sequence[str], port: int, environment: Mapping[str, str], folder: Path | None = None
) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(process, port)
        yield
    finally:
        process.terminate()
        process.wait(READY_S)


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not listen at {port}")
