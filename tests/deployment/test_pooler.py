"""Behind PgBouncer in transaction mode, which gives each transaction any of a few sessions."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from api.graphql.execution import Way, answer_query, execute_query
from api.services import Services
from migrations.ready import prepare, ready_database
from schema.arrays.store import ArrayStore
from schema.database import Database, open_database
from schema.errors import ServerError
from schema.limits import Limits
from schema.settings import Settings
from tests.deployment.tcp_server import TcpServer, free_port, run_tcp_server

OWNER, API = ("groundct_owner", "owner-pass"), ("groundct_api", "api-pass")
SESSIONS = 2
"""Of the server, for each user."""
COMPILED = "{ scans { totalCount } categories { code } }"
BY_FIELDS = "{ status { counts { scans } } }"


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if found is None:
        pytest.skip("pgbouncer is not installed")
    return found


@pytest.fixture(scope="module")
def server(program: str) -> Iterator[TcpServer]:
    with run_tcp_server(superuser_password="super-pass", initdb=["--encoding=UTF8", "--locale=C"]) as server:
        server.administer(
            f"CREATE ROLE {OWNER[0]} LOGIN CREATEROLE PASSWORD '{OWNER[1]}'",
            f"CREATE DATABASE groundct OWNER {OWNER[0]}",
        )
        server.administer("CREATE EXTENSION vector", database="groundct")
        with open_database(_settings(server.url(*OWNER), server.url(*API))) as database:
            prepare(database)
        yield server


@pytest.fixture(scope="module", params=["", "ignore_startup_parameters = options"], ids=["refuses", "drops"])
def port(request: pytest.FixtureRequest, program: str, server: TcpServer) -> Iterator[int]:
    """The port of a pooler that refuses or drops what it does not know of a login."""
    folder = Path(tempfile.mkdtemp(prefix="groundct-pooler-"))
    port = free_port()
    (folder / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in (OWNER, API)))
    (folder / "pgbouncer.ini").write_text(
        f"""[databases]
groundct = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {SESSIONS}
{request.param}
"""
    )
    with _running(program, folder, port):
        yield port
    shutil.rmtree(folder)


@contextmanager
def _running(program: str, folder: Path, port: int) -> Iterator[None]:
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # as which it refuses to run
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for path in (folder, *folder.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    command = [program, "--quiet", str(folder / "pgbouncer.ini")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log, stdout=log, **user) as process:
        try:
            _await(port, folder)
            yield
        finally:
            process.kill()


def _await(port: int, folder: Path) -> None:
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())


def _settings(owner: str | None, api: str, **others: Any) -> Settings:
    given = None if owner is None else SecretStr(owner)
    return Settings(owner_url=given, database_url=SecretStr(api), **others)


def _through(server: TcpServer, port: int, user: tuple[str, str]) -> str:
    return server.url(*user).replace(f":{server.port}/", f":{port}/")


@pytest.fixture
def database(server: TcpServer, port: int) -> Iterator[Database]:
    """As a server opens it: through the pooler, as the API's role alone."""
    with open_database(_settings(None, _through(server, port, API), limits=Limits(statement_ms=300))) as database:
        yield database


@pytest.fixture
def services(database: Database, arrays: ArrayStore) -> Services:
    return Services(database, arrays)


def test_it_is_found_out(server: TcpServer, database: Database) -> None:
    assert database.pooled
    with open_database(_settings(None, server.url(*API))) as direct:
        assert not direct.pooled


def test_many_at_a_time_share_few_sessions(services: Services) -> None:
    with ThreadPoolExecutor(8) as threads:
        for way, query in ((Way.COMPILED, COMPILED), (Way.FIELDS, BY_FIELDS)):
            answers = list(threads.map(lambda _, query=query: answer_query(services, query), range(60)))
            assert {each.way for each in answers} == {way}
            assert len({each.body for each in answers}) == 1
    assert services.database.connections_in_use() == 0


def test_a_statement_takes_no_longer_than_it_may(server: TcpServer, services: Services) -> None:
    for query in (COMPILED, BY_FIELDS):
        execute_query(services, query)
        with server.connect("groundct") as other, other.transaction():
            other.execute("LOCK TABLE scan IN ACCESS EXCLUSIVE MODE")
            (error,) = execute_query(services, query)["errors"]
            assert error["extensions"] == {"code": "TIMEOUT", "limit": {"name": "statement_ms", "most": 300}}
        assert "errors" not in execute_query(services, query)


def test_nothing_stays_in_a_session(database: Database) -> None:
    with database.reader() as connection:
        shown = connection.execute(
            "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')"
        )
        assert shown.fetchone() == ("300ms", "on")
    for _ in range(SESSIONS * 2):
        with database.engine().connect() as connection:
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"


def test_the_editor_stays_in_no_session(database: Database) -> None:
    for _ in range(SESSIONS * 2):
        with database.as_editor().transaction() as session:
            shown = "SELECT current_user::text, current_setting('statement_timeout')"
            assert tuple(session.execute(sa.text(shown)).one()) == ("groundct_editor", "300ms")
        with database.transaction() as session:
            assert session.scalar(sa.text("SELECT current_user::text")) == "groundct_api"


def test_who_logs_in_as_somebody_else_is_told(server: TcpServer, port: int) -> None:
    """The owner's sessions become the API's by an option, which a pooler does not pass on."""
    url = _through(server, port, OWNER)
    with pytest.raises(ServerError, match="log in as groundct_api"), ready_database(_settings(None, url)):
        pass
