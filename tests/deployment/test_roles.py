"""Servers that others administer: who may make what, and what an administrator is asked to run."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.deployment.tcp_server import TcpServer, run_tcp_server
from tests.forked import ForkedCommands

Run = Callable[..., "subprocess.CompletedProcess[str]"]

OWNER = "team_owner"
EDITOR = (
    "CREATE ROLE groundct_editor NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;",
    "GRANT groundct_editor TO groundct_api WITH INHERIT FALSE, SET TRUE;",
)


@pytest.fixture(scope="module")
def any_server() -> Iterator[TcpServer]:
    with run_tcp_server(superuser_password="super-pass", initdb=["--encoding=UTF8", "--locale=C"]) as server:
        yield server


@pytest.fixture
def server(any_server: TcpServer) -> Iterator[TcpServer]:
    """A database `groundct` whose owner may make neither roles nor extensions."""
    any_server.administer(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'owner-pass'", f"CREATE DATABASE groundct OWNER {OWNER}")
    yield any_server
    any_server.administer(
        "DROP DATABASE groundct WITH (FORCE)",
        "DROP ROLE IF EXISTS groundct_editor",
        "DROP ROLE IF EXISTS groundct_api",
        f"DROP ROLE {OWNER}",
    )


@pytest.fixture
def run(forked: ForkedCommands, tmp_path: Path) -> Run:
    """Runs commands with some settings."""

    def ran(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        given = {f"GROUNDCT_{name}": value for name, value in settings.items()}
        return CommandLine(tmp_path / "home", forked, given).run(*arguments)

    return ran


def _error(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a command ended with."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line.removeprefix("error: ")


def test_what_the_owner_may_not_make_is_asked_for_and_accepted_when_made(server: TcpServer, run: Run) -> None:
    owner, api = server.url(OWNER, "owner-pass"), server.url("groundct_api", "api-pass")
    line = _error(run("migrate", DATABASE_URL=owner))
    _, _, statements = line.partition("ask an administrator to run in the database groundct: ")
    assert statements == (
        "CREATE EXTENSION vector; CREATE ROLE groundct_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
        f'NOBYPASSRLS; GRANT groundct_api TO "{OWNER}";'
    )
    server.administer(*statements.split("; "), database="groundct")
    line = _error(run("migrate", DATABASE_URL=owner))
    _, _, statements = line.partition("ask an administrator to run ")
    assert statements == " ".join(EDITOR)
    server.administer(*EDITOR)
    done = run("migrate", DATABASE_URL=owner)
    assert done.returncode == 0, done.stderr
    assert run("status", DATABASE_URL=owner).returncode == 0

    line = _error(run("migrate", DATABASE_URL=api, OWNER_URL=owner))
    assert "ask an administrator to run \\password groundct_api in psql" in line
    server.administer("ALTER ROLE groundct_api PASSWORD 'api-pass'")
    assert run("migrate", DATABASE_URL=api, OWNER_URL=owner).returncode == 0
    assert run("status", DATABASE_URL=api).returncode == 0


def test_a_role_that_the_owner_may_not_act_as_serves_by_its_own_address(server: TcpServer, run: Run) -> None:
    server.administer("CREATE ROLE groundct_api LOGIN PASSWORD 'api-pass'", *EDITOR)
    server.administer("CREATE EXTENSION vector", database="groundct")
    owner, api = server.url(OWNER, "owner-pass"), server.url("groundct_api", "api-pass")
    line = _error(run("migrate", DATABASE_URL=owner))
    assert line == f'{OWNER} may not act as groundct_api: ask an administrator to run GRANT groundct_api TO "{OWNER}";'
    assert run("migrate", DATABASE_URL=api, OWNER_URL=owner).returncode == 0
    assert run("status", DATABASE_URL=api).returncode == 0


def test_one_address_of_a_superuser_serves_both_roles(server: TcpServer, run: Run) -> None:
    url = server.url("postgres", "super-pass")
    before = run("status", DATABASE_URL=url)
    assert "run `groundct migrate`" in _error(before)
    done = run("migrate", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert run("status", DATABASE_URL=url).returncode == 0
    address = run("db", "url", DATABASE_URL=url).stdout.strip()
    seen = subprocess.run(
        [server.binaries.program("psql"), "-XAtc", "SELECT current_user, session_user", address],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout == "groundct_api|postgres\n"


def test_who_does_not_own_the_database_is_told_so(server: TcpServer, run: Run) -> None:
    server.administer("CREATE ROLE stranger LOGIN PASSWORD 'stranger-pass'")
    try:
        line = _error(run("migrate", DATABASE_URL=server.url("stranger", "stranger-pass")))
    finally:
        server.administer("DROP ROLE stranger")
    assert 'ask an administrator to run ALTER DATABASE "groundct" OWNER TO "stranger";' in line


def test_a_database_that_does_not_hold_utf8_is_refused(server: TcpServer, run: Run) -> None:
    server.administer(f"CREATE DATABASE plain OWNER {OWNER} ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        line = _error(run("migrate", DATABASE_URL=server.url(OWNER, "owner-pass", "plain")))
    finally:
        server.administer("DROP DATABASE plain WITH (FORCE)")
    assert line == "the database plain holds SQL_ASCII: make one with ENCODING 'UTF8' TEMPLATE template0"


@pytest.mark.parametrize("command", [("status",), ("serve", "--port", "0")])
def test_the_api_before_the_first_migration(server: TcpServer, run: Run, command: tuple[str, ...]) -> None:
    server.administer("CREATE ROLE groundct_api LOGIN PASSWORD 'api-pass'")
    line = _error(run(*command, DATABASE_URL=server.url("groundct_api", "api-pass")))
    assert "run `groundct migrate`" in line


def test_a_password_in_an_address_that_cannot_be_read_is_not_shown(run: Run) -> None:
    done = run("status", DATABASE_URL="postgresql://groundct_api:secret@127.0.0.1:five/groundct")
    assert "GROUNDCT_DATABASE_URL is not an address" in _error(done)
    assert "secret" not in done.stderr
