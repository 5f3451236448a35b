"""Real servers in homes of their own. `initdb` runs once; the tests get copies of what it made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schema.postgres.address import SUPERUSER
from schema.postgres.binaries import Binaries, find_binaries
from schema.postgres.server import EmbeddedServer

Client = subprocess.Popen[str]
Script = Callable[..., subprocess.CompletedProcess[str]]

_WAITS = """
import sys
from pathlib import Path
from schema.postgres.server import EmbeddedServer
lease = EmbeddedServer(Path(sys.argv[1])).attach()
print("attached", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return find_binaries()


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made")
    with EmbeddedServer(home).lease() as address, address.connect(SUPERUSER, "postgres") as superuser:
        superuser.execute("ALTER SYSTEM SET fsync = off")  # processes are killed here, but nobody cuts the power
        superuser.execute("SELECT pg_reload_conf()")
    return home


@pytest.fixture
def copy_home(made_home: Path) -> Iterator[Callable[[Path], Path]]:
    """Puts the copy of a home somewhere, and ends its server after the test."""
    homes: list[Path] = []

    def copied(home: Path) -> Path:
        home.joinpath("postgres").mkdir(mode=0o700, parents=True)
        shutil.copytree(made_home / "postgres/data", home / "postgres/data")
        homes.append(home)
        return home

    yield copied
    for home in homes:
        EmbeddedServer(home).stop("immediate")


@pytest.fixture
def home(tmp_path: Path, copy_home: Callable[[Path], Path]) -> Path:
    return copy_home(tmp_path / "home")


@pytest.fixture
def server(home: Path) -> EmbeddedServer:
    return EmbeddedServer(home)


@pytest.fixture
def start_client() -> Iterator[Callable[..., Client]]:
    """Starts processes that hold a lease until their standard input ends."""
    clients: list[Client] = []

    def started(home: Path, *, wait: bool = True) -> Client:
        command = [sys.executable, "-c", _WAITS, str(home)]
        client = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
            start_new_session=True,
        )
        clients.append(client)
        if wait:
            assert client.stdout
            assert client.stdout.readline() == "attached\n"
        return client

    yield started
    for client in clients:
        client.kill()
        client.communicate()


@pytest.fixture
def run_script() -> Script:
    """Runs Python code in a process of its own, behind a prefix such as `unshare`."""

    def ran(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=_environment())

    return ran


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
