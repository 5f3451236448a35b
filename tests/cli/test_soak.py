"""A server under minutes of nonsense and load: no 500, every refusal with a code, no connection leaked, flat memory.

Valid queries come from the schema by hypothesis-graphql, which is what schemathesis makes them with; what it checks of
an answer, and much that it does not know of GraphQL, is checked here. `--soak-seconds 60` tries it in about four
minutes, which warming up takes most of: memory is held against what it was when all of it had been once.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from schema.arrays.store import ArrayStore
from schema.base import API_ROLE
from schema.database import Database, parse_url
from schema.postgres.address import OWNER, SUPERUSER
from tests.api.archive import Archive, fill
from tests.api.compiler.queries import GRAPH, operations
from tests.cli.served import Served, served
from tests.conftest import CommandLine

CLIENTS = 1000
WARM_UP_S = 150
"""So long it takes until what a server remembers of operations is full, and memory can be held against it."""
MOST_GROWTH = 1.05
"""What a second half may add to a server's memory, which wavers by a few percent."""
MAY_BE = {200, 400, 405, 408, 413, 415, 429, 503}
LIMIT_MET = {"OVERLOADED", "REQUEST_TIMEOUT", "TIMEOUT", "TOO_MANY_REQUESTS"}
"""Codes of those who met one, as has whoever is told 413."""
LIMITED = {
    "10,000 aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }",
    "50 levels": "{ findings { edges { node { " + "scan { findings { " * 25 + "text" + " } }" * 25 + " } } } }",
    "doubled fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ a: __typename ...F{n + 1} ...F{n + 1} }}" for n in range(60))
    + " fragment F60 on Query { b: __typename }",
    "2,000 levels": "{ x " * 2000 + "}" * 2000,
    "a page of a million": "{ scans(first: 1000000) { totalCount } }",
}
CYCLE = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
QUERY = """{ findings(first: 50) { edges { node {
  text scan { name } category { code } entities { id label volumeMl }
} } } }"""


@pytest.fixture
def filled(command_line: CommandLine) -> Iterator[CommandLine]:
    """A command line whose archive is that of the tests of the API."""
    with command_line.server.lease() as address, ArrayStore(str(command_line.home / "arrays")) as arrays:
        database = Database(parse_url(address.url(API_ROLE)), parse_url(address.url(OWNER)), embedded=True)
        fill(Archive(database, arrays))
        database.dispose()
        yield command_line


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_it_stands_nonsense_and_load(
    filled: CommandLine, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = request.config.getoption("--soak-seconds")
    with served(filled) as server:
        process = psutil.Process(server.process.pid)
        told = _soak(server, max(seconds / 2, WARM_UP_S), seconds / 10)
        before = process.memory_info().rss
        told += _soak(server, seconds / 2, seconds / 10)
        after = process.memory_info().rss
        with capsys.disabled():
            sys.stdout.write(f"\n{dict(told)}; {before / 1e6:.1f} MB half-way, {after / 1e6:.1f} MB after\n")
        assert after < before * MOST_GROWTH
        _require_no_clients(process)
        _require_idle(filled)
        out, err = server.end()
        assert (server.process.returncode, out, err) == (0, "", "")


def _soak(server: Served, nonsense_s: float, crowd_s: float) -> Counter[str]:
    """Put all of it on a server: nonsense, what meets limits, a thousand clients."""
    told = Counter[str]()
    _send_nonsense(server.port, nonsense_s, told)
    asyncio.run(_meet_limits(server.port, told))
    asyncio.run(_crowd(server.port, crowd_s, told))
    return told


def _require_no_clients(process: psutil.Process) -> None:
    """Require that a server closes the connections of those who went away."""
    end = time.monotonic() + 40
    while clients := [each for each in process.net_connections("tcp") if each.status != psutil.CONN_LISTEN]:
        assert time.monotonic() < end, clients
        time.sleep(0.2)


def _require_idle(command_line: CommandLine) -> None:
    """Require that no connection of the server is at anything, or more of them are there than its pools hold."""
    query = "SELECT state FROM pg_stat_activity WHERE usename = %s"
    with command_line.server.lease() as address, address.connect(SUPERUSER) as watcher:
        end = time.monotonic() + 40
        while states := [state for (state,) in watcher.execute(query, [API_ROLE]) if state != "idle"]:
            assert time.monotonic() < end, states
            time.sleep(0.2)
        assert len(watcher.execute(query, [API_ROLE]).fetchall()) <= 8 + 4


# Nonsense


def posted(body: bytes, kind: str = "application/json", accept: str = "*/*") -> bytes:
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nAccept: {accept}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def without_body(method: str, parameters: str = "") -> bytes:
    return f"{method} /graphql{parameters} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def as_post(query: str, variables: Any = None) -> bytes:
    return posted(json.dumps({"query": query, "variables": variables}).encode())


def in_chunks(query: str) -> bytes:
    """Give a request whose length is not said, in one chunk."""
    body = json.dumps({"query": query}).encode()
    head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return f"{head}{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"


@st.composite
def spoilt(draw: Any) -> bytes:
    """An operation with a few characters replaced, and variables that may be anything."""
    text, variables = draw(operations())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=3)) + text[at + draw(st.integers(0, 3)) :]
    anything = st.recursive(st.none() | st.integers() | st.text() | st.floats(allow_nan=False), st.lists, max_leaves=4)
    changed = {name: draw(st.just(value) | anything) for name, value in variables.items()}
    return posted(json.dumps({"query": text, "variables": changed}).encode("utf-8", "surrogatepass"))


BY_SCHEMA = queries(
    GRAPH,
    custom_scalars={
        "BigInt": st.integers(-(2**65), 2**65).map(nodes.Int),
        "Date": st.dates().map(str).map(nodes.String) | st.text().map(nodes.String),
        "DateTime": st.datetimes().map(str).map(nodes.String) | st.text().map(nodes.String),
    },
)
REQUESTS = st.one_of(
    BY_SCHEMA.map(as_post),
    operations().map(lambda asked: as_post(*asked)),
    spoilt(),
    st.binary(max_size=300).map(posted),
    st.dictionaries(st.sampled_from(["query", "variables", "operationName"]), st.text() | st.integers()).map(
        lambda body: posted(json.dumps(body).encode())
    ),
    st.text(max_size=100).map(lambda text: without_body("GET", f"?query={quote(text, errors='replace')}")),
    st.sampled_from(["GET", "PUT", "HEAD", "OPTIONS"]).map(without_body),
)


def _send_nonsense(port: int, seconds: float, told: Counter[str]) -> None:
    end, number = time.monotonic() + seconds, 0
    loop = asyncio.new_event_loop()
    try:
        while time.monotonic() < end:
            number += 1

            @seed(number)
            @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(REQUESTS)
            def send(request: bytes) -> None:
                loop.run_until_complete(_judged(port, request, told))

            send()
    finally:
        loop.close()


async def _judged(port: int, request: bytes, told: Counter[str]) -> Any:
    """Send a request, and require what holds of all answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await _answer(reader, told, request)
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader, told: Counter[str], request: bytes = b"") -> Any:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    assert status in MAY_BE, (status, request)
    if request.startswith(b"HEAD") or b"application/json" not in head:
        assert status in {405, 400}, (status, request)  # uvicorn's own words where it is no HTTP
        await reader.readexactly(0 if request.startswith(b"HEAD") else length)
        return None
    answer = json.loads(await reader.readexactly(length))
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes or "data" in answer, request
    assert "INTERNAL" not in codes, (answer, request)
    limited = [
        e["extensions"] for e in answer.get("errors", ()) if status == 413 or e["extensions"]["code"] in LIMIT_MET
    ]
    assert all("limit" in each for each in limited), (answer, request)
    told.update({"answers": 1, f"{status}": 1, **dict.fromkeys(codes, 1)})
    return answer


# Limits


async def _meet_limits(port: int, told: Counter[str]) -> None:
    for name, query in LIMITED.items():
        answer = await _judged(port, as_post(query), told)
        assert any("limit" in error["extensions"] for error in answer["errors"]), name
    assert (await _judged(port, as_post(CYCLE), told))["errors"]
    for body in (as_post(" " * 20_000_000), in_chunks(" " * 2_000_000)):
        large = await _judged(port, body, told)
        assert large["errors"][0]["extensions"]["limit"]["name"] == "body_bytes"
    late = await _judged(port, as_post(QUERY)[:-1], told)
    assert late["errors"][0]["extensions"]["limit"]["name"] == "body_s"


# Load


async def _crowd(port: int, seconds: float, told: Counter[str]) -> None:
    """A thousand clients, beside slow ones and ones that go away."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    end = time.monotonic() + seconds
    request = as_post(QUERY)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(CLIENTS):
            tasks.create_task(_client(port, request, end, told))
        for _ in range(50):
            tasks.create_task(_slow_client(port, request, end))
            tasks.create_task(_leaving_client(port, request, end))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _client(port: int, request: bytes, end: float, told: Counter[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        writer.write(request)
        answer = await _answer(reader, told)
        assert answer.get("data") or answer["errors"][0]["extensions"]["code"] == "OVERLOADED"
    writer.close()
    await writer.wait_closed()


async def _slow_client(port: int, request: bytes, end: float) -> None:
    """Send a byte a second."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in request:
        if time.monotonic() > end:
            break
        writer.write(bytes([byte]))
        await asyncio.sleep(1)
    writer.close()


async def _leaving_client(port: int, request: bytes, end: float) -> None:
    while time.monotonic() < end:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
