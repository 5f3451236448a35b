"""What tests share: one real PostgreSQL server, a database of one's own for each test, an array store, phantoms.

And the command line, as a process of its own in a home of its own.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ingest.phantoms import Expected, make_dataset
from migrations.ready import prepare, ready_database
from schema.arrays.store import ArrayStore
from schema.database import Database, parse_url
from schema.postgres.address import OWNER, SUPERUSER, Address
from schema.postgres.server import EmbeddedServer
from schema.settings import Settings
from tests.forked import ForkedCommands

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"
"""Real material beside a checkout; tests that need it skip where it is absent."""

_numbers = count()

# Tests must never reach the archive of whoever runs them.
for name in [name for name in os.environ if name.startswith("GROUNDCT_")]:
    del os.environ[name]


def pytest_configure() -> None:
    """Let what is started here be interrupted, even where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak-seconds", type=float, default=600, help="how long `serve` is soaked")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with EmbeddedServer(tmp_path_factory.mktemp("server")).lease() as address:
        with address.connect(SUPERUSER, "postgres") as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield address


def database_at(address: Address, name: str) -> Database:
    return Database(parse_url(address.url("groundct_api", name)), parse_url(address.url(OWNER, name)), embedded=True)


@pytest.fixture(scope="session")
def template(server: Address) -> str:
    database = database_at(server, "groundct")
    prepare(database)
    database.dispose()
    return "groundct"


@pytest.fixture
def empty_database(server: Address) -> Iterator[Database]:
    """A database of the owner's, without a table."""
    with _new_database(server, "template1") as database:
        yield database


@pytest.fixture
def database(server: Address, template: str) -> Iterator[Database]:
    """A migrated database with the ontology in it."""
    with _new_database(server, template) as database:
        yield database


@pytest.fixture(scope="session")
def new_database(server: Address, template: str) -> Callable[[], AbstractContextManager[Database]]:
    """Makes migrated databases that last as long as their block, for fixtures of any scope."""
    return lambda: _new_database(server, template)


@contextmanager
def _new_database(server: Address, template: str) -> Iterator[Database]:
    name = f"test_{next(_numbers)}"
    with server.connect(SUPERUSER, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        database = database_at(server, name)
        yield database
        database.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def arrays(tmp_path: Path) -> Iterator[ArrayStore]:
    with ArrayStore(str(tmp_path / "arrays")) as store:
        yield store


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """A small phantom dataset with every planted fault, and its truth. Tests must not write into its folder."""
    folder = tmp_path_factory.mktemp("phantom")
    return folder, make_dataset(folder, scans=12, seed=7)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real material; the test is skipped where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real material (../shared/data) is not here")
    return SHARED_DATA


@dataclass(frozen=True)
class CommandLine:
    """`groundct` in a home of its own."""

    home: Path
    forked: ForkedCommands
    settings: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start a command as the leader of a group of its own."""
        return subprocess.Popen(
            self._line(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home.parent,
            env=self._environment(),
            start_new_session=True,
        )

    def run(self, *arguments: object, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; one behind a prefix, such as `unshare`, starts from nothing."""
        if not prefix:
            return self.forked.run(arguments, cwd=self.home.parent, environment=self._environment())
        return subprocess.run(
            [*prefix, *self._line(arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.home.parent,
            env=self._environment(),
        )

    def read(self, *arguments: object) -> Any:
        """Run a command with `--json` that must do all it should, and give the document."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    @property
    def server(self) -> EmbeddedServer:
        """The home's server."""
        return EmbeddedServer(self.home)

    def _line(self, arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-m", "cli.main", *map(str, arguments)]

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GROUNDCT_")}
        return clean | {"GROUNDCT_HOME": str(self.home), **self.settings}


@pytest.fixture(scope="session")
def forked() -> Iterator[ForkedCommands]:
    """Commands as forks of one process."""
    with ForkedCommands() as commands:
        yield commands


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose server is made, migrated and stopped. Tests use copies."""
    home = tmp_path_factory.mktemp("made")
    with EmbeddedServer(home).lease() as address:
        with address.connect(SUPERUSER, "postgres") as superuser:
            superuser.execute("ALTER SYSTEM SET fsync = off")  # processes are killed here, but nobody cuts the power
        with ready_database(Settings(home=home)):
            pass
    return home


@pytest.fixture(scope="session")
def open_command_line(
    made_home: Path, forked: ForkedCommands, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[CommandLine]]:
    """Makes command lines that last as long as their block, for fixtures of any scope."""

    @contextmanager
    def opened(**settings: str) -> Iterator[CommandLine]:
        home = tmp_path_factory.mktemp("command") / "home"
        shutil.copytree(made_home, home)
        command_line = CommandLine(home, forked, settings)
        try:
            yield command_line
        finally:
            command_line.server.stop("immediate")
            shutil.rmtree(home)

    return opened


@pytest.fixture
def new_command_line(
    open_command_line: Callable[..., AbstractContextManager[CommandLine]],
) -> Iterator[Callable[..., CommandLine]]:
    """Makes command lines, each with a home that is ready to use."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(open_command_line(**settings))


@pytest.fixture
def command_line(new_command_line: Callable[..., CommandLine]) -> CommandLine:
    """A command line in a home that is ready to use."""
    return new_command_line()
