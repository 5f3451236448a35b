"""Found by the next process, started by the first lease, stopped by the last one to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schema.errors import ServerError
from schema.postgres import locks
from schema.postgres.address import SUPERUSER
from schema.postgres.server import EmbeddedServer

StartClient = Callable[..., "subprocess.Popen[str]"]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "home")

    assert server.status().state == "absent"
    assert not server.is_running()
    assert not server.stop()
    assert list(tmp_path.iterdir()) == []


def test_the_last_lease_stops_the_server(server: EmbeddedServer) -> None:
    with server.lease():
        with server.lease():
            assert len(server.status().clients) == 2
        assert server.is_running()
    assert server.status().state == "stopped"
    assert server.status().clients == ()


def test_a_kept_server_stays_until_somebody_stops_it(server: EmbeddedServer) -> None:
    with server.lease(keep=True):
        pass
    assert server.is_running()
    assert server.stop()
    assert not server.is_running()


def test_attaching_takes_milliseconds(server: EmbeddedServer) -> None:
    server.ensure_running()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        server.ensure_running()
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.01


def test_another_process_uses_the_same_server(server: EmbeddedServer, home: Path, start_client: StartClient) -> None:
    with server.lease():
        pid = server.status().pid
        client = start_client(home)
        assert set(server.status().clients) == {os.getpid(), client.pid}
        assert server.status().pid == pid
    assert server.is_running()
    client.communicate()
    assert not server.is_running()


def test_a_client_that_forgets_to_leave_leaves_at_its_end(
    server: EmbeddedServer, home: Path, run_script: RunScript
) -> None:
    code = """
import sys, pathlib
from schema.postgres.server import EmbeddedServer
EmbeddedServer(pathlib.Path(sys.argv[1])).attach()
"""
    done = run_script(code, home)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.status().state == "stopped"


def test_a_forked_child_does_not_end_its_parents_lease(
    server: EmbeddedServer, home: Path, run_script: RunScript
) -> None:
    code = """
import os, sys, pathlib
from schema.postgres.server import EmbeddedServer
server = EmbeddedServer(pathlib.Path(sys.argv[1]))
lease = server.attach()
child = os.fork()
if not child:
    lease.leave()
    sys.exit(0)
os.waitpid(child, 0)
assert server.is_running()
"""
    done = run_script(code, home)
    assert done.returncode == 0, done.stderr
    assert not server.is_running()


def test_two_processes_that_start_at_once_make_one_server(tmp_path: Path, start_client: StartClient) -> None:
    first, second = start_client(tmp_path, wait=False), start_client(tmp_path, wait=False)
    for client in (first, second):
        assert client.stdout
        assert client.stdout.readline() == "attached\n"
    server = EmbeddedServer(tmp_path)
    assert set(server.status().clients) == {first.pid, second.pid}
    first.communicate()
    assert server.is_running()
    second.communicate()
    assert not server.is_running()


def test_the_database_is_as_promised(server: EmbeddedServer) -> None:
    with server.lease() as address, psycopg.connect(address.url()) as owner:
        assert _row(
            owner,
            "SELECT datcollate, datlocprovider, datlocale, pg_encoding_to_char(encoding) "
            "FROM pg_database WHERE datname = current_database()",
        ) == ("C", "b", "C.UTF-8", "UTF8")
        assert _row(
            owner, "SELECT rolsuper, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = current_user"
        ) == (False, True, True)
        assert _row(owner, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == (1,)
        assert _row(owner, "SHOW data_checksums") == ("on",)
        assert _row(owner, "SHOW listen_addresses") == ("",)
        owner.execute("CREATE ROLE groundct_api LOGIN")
        owner.execute("CREATE SCHEMA hidden CREATE TABLE embeddings (v halfvec(3))")
        owner.execute("GRANT USAGE ON SCHEMA hidden TO groundct_api")


def test_databases_made_later_hold_vector(server: EmbeddedServer) -> None:
    with server.lease() as address:
        with address.connect(SUPERUSER, "postgres") as superuser:
            superuser.execute("CREATE DATABASE another OWNER groundct_owner")
        with address.connect(database="another") as owner:
            assert _row(owner, "SELECT '[1,2]'::vector <-> '[1,2]'") == (0,)


def test_the_socket_is_the_owners_alone(server: EmbeddedServer, home: Path) -> None:
    with server.lease() as address:
        assert address.folder == home / "postgres"
        assert (home / "postgres").stat().st_mode & 0o777 == 0o700
        assert (address.folder / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


def test_a_pipe_from_the_first_client_ends(server: EmbeddedServer, home: Path, tmp_path: Path) -> None:
    script = tmp_path / "status.py"
    script.write_text(
        "import sys, pathlib; from schema.postgres.server import EmbeddedServer as S\n"
        "with S(pathlib.Path(sys.argv[1])).lease(keep=True) as address: print('up')\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = ["sh", "-c", '"$0" "$1" "$2" 2>&1 | cat', sys.executable, str(script), str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, env=environment)
    assert done.stdout == "up\n"
    assert server.is_running()


def test_ctrl_c_in_the_terminal_reaches_the_client_alone(
    server: EmbeddedServer, home: Path, start_client: StartClient
) -> None:
    client = start_client(home)
    with server.lease():
        pid = server.status().pid
        os.killpg(client.pid, signal.SIGINT)
        client.communicate()
        assert server.status().pid == pid
        assert server.is_running()


def test_one_that_hangs_is_waited_for_and_named(home: Path) -> None:
    heard: list[str] = []
    server = EmbeddedServer(home, timeout_s=1.5, notice=heard.append)
    server.ensure_running()
    pid = server.status().pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(ServerError, match=f"process {pid}.* still be recovering"):
            server.ensure_running()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert len(heard) == 1
    server.ensure_running()


def test_whoever_holds_the_lock_is_waited_for(home: Path, server: EmbeddedServer) -> None:
    (home / "postgres/lock").touch()
    with locks.exclusive(home / "postgres/lock", timeout_s=1), pytest.raises(ServerError, match="has held"):
        EmbeddedServer(home, timeout_s=0.1).ensure_running()


def _row(connection: psycopg.Connection[tuple[Any, ...]], query: str) -> tuple[Any, ...] | None:
    return connection.execute(query.encode()).fetchone()
