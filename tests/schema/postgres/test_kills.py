"""Whatever is killed, the next call finds it out, and no committed row is lost."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from schema.postgres.postmaster import end, is_gone, orphans
from schema.postgres.server import EmbeddedServer

StartClient = Callable[..., "subprocess.Popen[str]"]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def postmaster(server: EmbeddedServer) -> psutil.Process:
    """A running server that holds one row."""
    with server.ensure_running().connect() as owner:
        owner.execute("CREATE TABLE kept (word text)")
        owner.execute("INSERT INTO kept VALUES ('kept')")
    return psutil.Process(server.status().pid)


def test_the_postmaster_alone(server: EmbeddedServer, postmaster: psutil.Process) -> None:
    end(postmaster, signal.SIGKILL, timeout_s=5)
    assert not server.is_running()
    _check_recovered(server)
    assert server.status().pid != postmaster.pid


def test_the_whole_family(server: EmbeddedServer, postmaster: psutil.Process) -> None:
    _kill_family(postmaster)
    _check_recovered(server)


def test_a_postmaster_whose_backend_works_on(server: EmbeddedServer, home: Path, postmaster: psutil.Process) -> None:
    address = server.ensure_running()

    def work() -> None:
        with suppress(psycopg.Error), address.connect() as busy:
            busy.execute("SELECT count(*) FROM generate_series(1, 10000000000)")

    thread = threading.Thread(target=work)
    thread.start()
    with address.connect() as other:
        while (
            other.execute("SELECT FROM pg_stat_activity WHERE query LIKE 'SELECT count%' AND state = 'active'").rowcount
            < 1
        ):
            pass
    end(postmaster, signal.SIGKILL, timeout_s=5)
    assert any(orphans(home / "postgres/data"))
    _check_recovered(server)
    thread.join()


def test_a_number_that_now_belongs_to_another_program(
    server: EmbeddedServer, home: Path, postmaster: psutil.Process
) -> None:
    _kill_family(postmaster)
    with _stranger() as stranger:
        for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
            file = home / "postgres" / name
            file.write_text(file.read_text().replace(str(postmaster.pid), str(stranger.pid), 1))
        assert server.status().state == "stopped"
        assert not server.stop()
        _check_recovered(server)
        assert stranger.poll() is None


def test_a_number_that_belongs_to_another_homes_server(
    server: EmbeddedServer,
    home: Path,
    postmaster: psutil.Process,
    tmp_path: Path,
    copy_home: Callable[[Path], Path],
) -> None:
    other = EmbeddedServer(copy_home(tmp_path / "other"))
    other.ensure_running()
    _kill_family(postmaster)
    for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
        file = home / "postgres" / name
        file.write_text(file.read_text().replace(str(postmaster.pid), str(other.status().pid), 1))
    _check_recovered(server)
    assert other.is_running()


@pytest.mark.parametrize("content", ["", "\n", "nonsense", "99999999999999999999\n"])
def test_a_file_that_was_cut_short(
    server: EmbeddedServer, home: Path, postmaster: psutil.Process, content: str
) -> None:
    _kill_family(postmaster)
    (home / "postgres/data/postmaster.pid").write_text(content)
    _check_recovered(server)


def test_a_dead_socket(server: EmbeddedServer, home: Path, postmaster: psutil.Process) -> None:
    _kill_family(postmaster)
    place = home / "postgres/.s.PGSQL.5432"
    place.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    assert server.status().state == "stopped"
    _check_recovered(server)


def test_a_living_server_that_lost_its_socket(server: EmbeddedServer, home: Path, postmaster: psutil.Process) -> None:
    (home / "postgres/.s.PGSQL.5432").unlink()
    _check_recovered(server)
    assert is_gone(postmaster)


def test_a_zombie_that_nobody_buries(home: Path, run_script: RunScript) -> None:
    code = """
import ctypes, os, signal, sys, pathlib, psutil
from schema.postgres.server import EmbeddedServer
PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
server = EmbeddedServer(pathlib.Path(sys.argv[1]), timeout_s=20)
lease = server.attach()
first = server.status().pid
os.kill(first, signal.SIGKILL)
server.ensure_running()
assert psutil.Process(first).status() == "zombie"
assert server.status().pid != first
lease.leave()
assert server.status().state == "stopped"
"""
    done = run_script(code, home)
    assert done.returncode == 0, done.stderr


def test_a_killed_client_does_not_keep_the_server(
    server: EmbeddedServer, home: Path, start_client: StartClient
) -> None:
    client = start_client(home)
    client.kill()
    client.wait()
    assert server.is_running()
    assert server.status().clients == ()
    with server.lease():
        pass
    assert not server.is_running()
    assert list((home / "postgres/clients").iterdir()) == []


def test_a_program_that_a_killed_client_started_does_not_keep_the_server(home: Path, run_script: RunScript) -> None:
    code = """
import os, signal, subprocess, sys, pathlib
from schema.postgres.server import EmbeddedServer
lease = EmbeddedServer(pathlib.Path(sys.argv[1])).attach()
child = subprocess.Popen(["sleep", "20"], close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run_script(code, home)
    assert EmbeddedServer(home).status().clients == ()
    os.kill(int(done.stdout), signal.SIGKILL)


def test_a_first_start_that_was_cut_is_completed(tmp_path: Path, made_home: Path) -> None:
    home = tmp_path / "home"
    (home / "postgres/data.part/base").mkdir(parents=True)
    (home / "postgres").chmod(0o700)
    with EmbeddedServer(home).lease() as address:
        with address.connect("postgres", "postgres") as superuser:
            superuser.execute("DROP DATABASE groundct")
        with EmbeddedServer(home).lease(), address.connect() as owner:
            assert owner.execute("SELECT FROM pg_extension WHERE extname = 'vector'").rowcount == 1
    assert not (home / "postgres/data.part").exists()


def test_a_crash_leaves_no_shared_memory(server: EmbeddedServer, postmaster: psutil.Process) -> None:
    killed = set()
    for _ in range(2):
        pid = server.status().pid
        assert pid
        assert pid in _creators_of_shared_memory()
        _kill_family(psutil.Process(pid))
        killed.add(pid)
        server.ensure_running()
    assert not killed & _creators_of_shared_memory()


def _check_recovered(server: EmbeddedServer) -> None:
    with server.lease() as address, address.connect() as owner:
        assert owner.execute("SELECT word FROM kept").fetchall() == [("kept",)]
    assert server.status().state == "stopped"


def _kill_family(postmaster: psutil.Process) -> None:
    family = [postmaster, *postmaster.children(recursive=True)]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    for process in family:
        end(process, signal.SIGKILL, timeout_s=5)


def _creators_of_shared_memory() -> set[int]:
    """Give the processes that made the segments: other servers of this machine come and go meanwhile."""
    segments = Path("/proc/sysvipc/shm")
    if not segments.exists():
        pytest.skip("no list of shared memory here")
    head, *rows = segments.read_text().splitlines()
    creator = head.split().index("cpid")
    return {int(row.split()[creator]) for row in rows}


@contextmanager
def _stranger() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            yield process
        finally:
            process.kill()
