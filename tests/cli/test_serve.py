"""`groundct serve` as a process: who may come, what it logs, and how it ends."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from api.record import GONE
from schema.postgres.address import OWNER, SUPERUSER
from tests.cli.served import COUNT, served
from tests.conftest import CommandLine

ROLES = ("reader", "maintainer")
EVERYWHERE = ".".join("0000")


def test_loopback_needs_no_token_and_is_quiet(command_line: CommandLine) -> None:
    with served(command_line) as server:
        assert server.ask() == (200, {"data": {"scans": {"totalCount": 0}}})
        assert [server.get(path) for path in ("/", "/metrics", "/nothing")] == [200, 200, 404]
        out, err = server.end()
        assert (server.process.returncode, out, err) == (0, "", "")
    assert not command_line.server.is_running()


@pytest.mark.parametrize("options", [("--host", EVERYWHERE), ("--tokens",)])
def test_tokens_are_asked_for(command_line: CommandLine, options: tuple[str, ...]) -> None:
    made = command_line.read("token", "create", "ann", "--expires-days", "1")
    with served(command_line, *options, "--log-format", "json") as server:
        assert server.ask()[0] == 401
        assert server.get("/healthz") == 200
        assert server.ask(Authorization=f"Bearer {made['secret']}") == (200, {"data": {"scans": {"totalCount": 0}}})
        _, err = server.end()
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["status"], line["token"], line["way"]) for line in lines] == [
        (401, None, None),
        (200, None, None),
        (200, "ann", "compiled"),
    ]
    assert made["secret"] not in err
    (listed,) = command_line.read("token", "list")
    assert listed["lastUsedAt"] is not None
    assert "secret" not in listed


def test_whoever_changes_anything_needs_a_maintainers_token_on_loopback_too(command_line: CommandLine) -> None:
    secrets = {role: command_line.read("token", "create", role, "--role", role)["secret"] for role in ROLES}
    change = 'mutation { closeRound(name: "nothing") { findings } }'
    with served(command_line, "--log-format", "json") as server:
        answers = [server.ask(change), *(server.ask(change, Authorization=f"Bearer {secrets[role]}") for role in ROLES)]
        _, err = server.end()
    codes = [answer["errors"][0]["extensions"]["code"] for _, answer in answers]
    assert codes == ["FORBIDDEN", "FORBIDDEN", "NOT_FOUND"]
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["token"], line["way"]) for line in lines] == [
        (None, "refused"),
        ("reader", "refused"),
        ("maintainer", "refused"),
    ]


def test_what_stands_in_front_may_decide(command_line: CommandLine) -> None:
    with served(command_line, "--host", EVERYWHERE, "--behind-proxy") as server:
        assert server.ask()[0] == 200


def test_settings_shape_what_is_served(new_command_line: Callable[..., CommandLine]) -> None:
    set_so = {"GROUNDCT_PAGE": "no", "GROUNDCT_INTROSPECTION": "no", "GROUNDCT_LIMITS_BODY_BYTES": "100"}
    with served(new_command_line(**set_so)) as server:
        assert server.get("/") == 404
        status, answer = server.ask(COUNT + " " * 100)
        assert (status, answer["errors"][0]["extensions"]["limit"]) == (413, {"name": "body_bytes", "most": 100})
        errors = server.ask("{ __schema { types { name } } }")[1]["errors"]
        assert errors[0]["extensions"]["code"] == "GRAPHQL_INVALID"


def test_a_setting_that_cannot_be_is_named(new_command_line: Callable[..., CommandLine]) -> None:
    done = new_command_line(GROUNDCT_LIMITS_ROWS="5000").run("serve", "--port", "0")
    assert done.returncode == 2
    assert "GROUNDCT_LIMITS_ROWS" in done.stderr


def test_what_traces_lack_is_one_line(new_command_line: Callable[..., CommandLine]) -> None:
    command_line = new_command_line(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    with served(command_line) as server:
        assert server.ask()[0] == 200
        _, err = server.end()
    assert len(err.splitlines()) <= 1


@contextmanager
def locked_scans(command_line: CommandLine) -> Iterator["psycopg.Connection[Any]"]:
    """Keep everybody from the table of scans; give a connection that watches."""
    with (
        command_line.server.lease() as address,
        address.connect(SUPERUSER) as watcher,
        address.connect(OWNER) as holder,
        holder.transaction(),
    ):
        holder.execute("LOCK TABLE scan IN ACCESS EXCLUSIVE MODE")
        yield watcher


def test_it_ends_after_what_it_works_on_and_takes_nothing_new(command_line: CommandLine) -> None:
    with served(command_line) as server, ThreadPoolExecutor(1) as threads:
        assert server.ask()[0] == 200
        with locked_scans(command_line) as watcher:
            answer = threads.submit(server.ask)
            _until(lambda: _waits(watcher))
            server.process.send_signal(signal.SIGTERM)
            _until(lambda: not _listens(server.port))
            assert not answer.done()
        assert answer.result(30) == (200, {"data": {"scans": {"totalCount": 0}}})
        assert server.process.wait(30) == 0


def test_clients_that_go_away_leave_no_connection_behind(command_line: CommandLine) -> None:
    body = json.dumps({"query": COUNT}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with served(command_line, "--log-format", "json") as server, command_line.server.lease() as address:
        with locked_scans(command_line) as watcher:
            for _ in range(30):
                with socket.create_connection(("127.0.0.1", server.port)) as client:
                    client.sendall(head.encode() + body)
            _until(lambda: _waits(watcher))
        with address.connect(SUPERUSER) as watcher:
            _until(lambda: _busy(watcher) == 0)
        assert server.ask()[0] == 200
        _, err = server.end()
    statuses = [json.loads(line)["status"] for line in err.splitlines()]
    assert len(statuses) == 31
    assert statuses.count(GONE) >= 20


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _waits(connection: "psycopg.Connection[Any]") -> bool:
    return bool(connection.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone())


def _busy(connection: "psycopg.Connection[Any]") -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'groundct_api' AND state <> 'idle'"
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
