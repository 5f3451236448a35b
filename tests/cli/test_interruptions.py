"""What stops an import from outside: one clear line and exit 1 (130 for Ctrl-C), and the same command completes it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from ingest.phantoms import Expected, make_dataset
from schema.arrays.store import ArrayStore
from schema.database import open_database
from schema.integrity import verify
from schema.postgres.address import OWNER, SUPERUSER, Address
from schema.settings import Settings


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    folder = tmp_path_factory.mktemp("dataset")
    return folder / "dataset.json", make_dataset(
        folder, scans=16, seed=5, shape=(60, 60, 60), faults=False, second=False
    )


@pytest.fixture
def ingest(dataset: tuple[Path, Expected]) -> tuple[Any, ...]:
    """The import as a command, in one process."""
    command = ("ingest", "rexgroundingct", dataset[0], "--round", "r", "--release", "base", "--no-embed")
    return (*command, "--workers", 1)


@pytest.fixture
def parallel(ingest: tuple[Any, ...]) -> tuple[Any, ...]:
    """The import as a command, with two workers."""
    return (*ingest[:-1], 2)


def test_the_server_is_killed(command_line: Any, parallel: tuple[Any, ...], dataset: tuple[Path, Expected]) -> None:
    running = start_writing(command_line, parallel)
    os.kill(command_line.server.status().pid, signal.SIGKILL)
    check_one_line(running, 1, "error: the database went away (", "run the same command to go on")
    check_completes(command_line, parallel, dataset)


def test_a_server_of_somebody_else_sends_everybody_away(
    new_command_line: Callable[..., Any],
    ingest: tuple[Any, ...],
    dataset: tuple[Path, Expected],
    server: Address,
    template: str,
) -> None:
    with server.connect(SUPERUSER, "postgres") as superuser:
        superuser.execute(f"CREATE DATABASE far TEMPLATE {template} OWNER {OWNER}")
        try:
            url = server.url(OWNER, "far")
            command_line = new_command_line(GROUNDCT_DATABASE_URL=url)
            running = start_writing(command_line, ingest)
            superuser.execute("ALTER DATABASE far ALLOW_CONNECTIONS false")
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'far'")
            check_one_line(running, 1, "error: the database went away (", "run the same command to go on")
            done = command_line.run(*ingest)
            assert done.returncode == 1
            assert done.stderr.startswith("error: postgresql://groundct_owner@/far")
            assert done.stderr.endswith("check GROUNDCT_DATABASE_URL\n")
            superuser.execute("ALTER DATABASE far ALLOW_CONNECTIONS true")
            check_completes(command_line, ingest, dataset)
        finally:
            superuser.execute("DROP DATABASE far WITH (FORCE)")


def test_ctrl_c_in_a_terminal(command_line: Any, parallel: tuple[Any, ...], dataset: tuple[Path, Expected]) -> None:
    running = start_writing(command_line, parallel)
    os.killpg(running.pid, signal.SIGINT)
    check_interrupted(running)
    assert wait_until(lambda: not list(processes(command_line.home)))
    check_completes(command_line, parallel, dataset)


def test_a_limit_on_file_sizes(command_line: Any, ingest: tuple[Any, ...], dataset: tuple[Path, Expected]) -> None:
    command_line.run("db", "url")  # keeps the server up, which is then not under the limit
    done = command_line.run(*ingest, prefix=("sh", "-c", 'ulimit -f 40; exec "$@"', "sh"))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = without_progress(done.stderr)
    assert line.startswith(f"error: {command_line.home}/arrays/")
    assert "File too large" in line
    assert line.endswith("free some space, or move the store (GROUNDCT_ARRAYS), and run the command again")
    check_completes(command_line, ingest, dataset)


def test_a_full_disk(
    new_command_line: Callable[..., Any], parallel: tuple[Any, ...], dataset: tuple[Path, Expected], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        command_line = new_command_line(GROUNDCT_ARRAYS=str(disk / "arrays"))
        done = command_line.run(*parallel)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = without_progress(done.stderr)
        assert line.startswith(f"error: {disk}/arrays/")
        assert "No space left on device" in line
        mount("-o", "remount,size=100m", disk)
        check_completes(command_line, parallel, dataset)


@pytest.mark.parametrize(("place", "command"), [("file", ("init",)), ("file/home", ("status", "--json"))])
def test_a_home_that_cannot_be_written(command_line: Any, tmp_path: Path, place: str, command: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()
    command_line.settings["GROUNDCT_HOME"] = str(tmp_path / place)
    done = command_line.run(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path / place} cannot be used (")
    assert done.stderr.endswith("set GROUNDCT_HOME to a local folder of your own\n")
    assert done.stderr.count("\n") == 1


def test_a_store_that_cannot_be_written(command_line: Any, dataset: tuple[Path, Expected], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    command_line.settings["GROUNDCT_ARRAYS"] = str(tmp_path / "file" / "arrays")
    done = command_line.run("ingest", "rexgroundingct", dataset[0], "--round", "r", "--workers", 1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {tmp_path}/file/arrays")
    assert "GROUNDCT_ARRAYS" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("GROUNDCT_DATABASE_URL", "postgresql://127.0.0.1:1/x", 1, "cannot be reached"),
        ("GROUNDCT_ARRAYS", "ftp://host/arrays", 2, "names no place for arrays"),
        ("GROUNDCT_DEVICE", "tpu", 2, "GROUNDCT_DEVICE: "),
    ],
)
def test_settings_that_cannot_be_used(
    command_line: Any, dataset: tuple[Path, Expected], variable: str, value: str, code: int, said: str
) -> None:
    command_line.settings[variable] = value
    done = command_line.run("ingest", "rexgroundingct", dataset[0], "--round", "r", "--no-embed")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def start_writing(command_line: Any, ingest: tuple[Any, ...]) -> "subprocess.Popen[str]":
    """Start an import and wait until a few arrays are written."""
    arrays = ArrayStore(command_line.settings.get("GROUNDCT_ARRAYS", str(command_line.home / "arrays")))
    running = command_line.start(*ingest)
    assert wait_until(lambda: len(list(arrays.iter_arrays())) > 2 or running.poll() is not None)
    assert running.poll() is None, running.communicate()
    return running  # type: ignore[no-any-return]


def check_one_line(running: "subprocess.Popen[str]", code: int, start: str, end: str) -> None:
    out, err = running.communicate(timeout=60)
    (line,) = without_progress(err)
    assert line.startswith(start)
    assert line.endswith(end)
    assert (running.returncode, out) == (code, "")


def without_progress(err: str) -> list[str]:
    """The lines but those that an import says when it takes longer than it does on an idle machine."""
    return [line for line in err.splitlines() if not line.startswith("importing: ")]


def check_interrupted(running: "subprocess.Popen[str]") -> None:
    out, err = running.communicate(timeout=60)
    assert without_progress(err.strip()) == ["interrupted; what is complete stays, the same command goes on from there"]
    assert (running.returncode, out) == (130, "")


def check_completes(command_line: Any, ingest: tuple[Any, ...], dataset: tuple[Path, Expected]) -> None:
    report = command_line.read(*ingest)
    assert report["scans"]["new"] + report["scans"]["unchanged"] == dataset[1].totals["scans"]
    assert report["entities"]["new"] + report["entities"]["unchanged"] == dataset[1].totals["entities"]
    assert report["scans"]["new"] > 0
    settings = Settings(
        home=command_line.home,
        database_url=command_line.settings.get("GROUNDCT_DATABASE_URL"),
        arrays=command_line.settings.get("GROUNDCT_ARRAYS"),
    )
    with open_database(settings) as database:
        assert verify(database, ArrayStore(settings.arrays_url), lambda _done, _total: None).problems == ()


def processes(home: Path) -> Iterator[psutil.Process]:
    """The living processes of commands in this home; the server's are not among them."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() != "postgres" and process.environ().get("GROUNDCT_HOME") == str(home):
                yield process


def wait_until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory of this size; the test is skipped where none may be mounted."""
    folder.mkdir()
    if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder):
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


def mount(*arguments: object) -> int:
    return subprocess.run([shutil.which("mount") or "mount", *map(str, arguments)], check=False).returncode
