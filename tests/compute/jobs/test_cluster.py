"""Items over workers: here, on a local cluster, on one that runs already; and what fails there."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from compute.jobs.cluster import map_unordered

ROOT = str(Path(__file__).parents[3])


@pytest.fixture(autouse=True)
def _workers_know_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes start with this process's path, and find these functions behind all that is installed."""
    monkeypatch.setattr(sys, "path", [*sys.path, ROOT])


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    raise ValueError(f"{number} is not wanted")


class DiesOnce:
    """Kills the process that it is first called in, for each item."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> int:
        try:
            (self.folder / str(number)).touch(exist_ok=False)
        except FileExistsError:
            return number
        os._exit(9)


class FailsTwice:
    """Raises at the first two calls for each item."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> int:
        before = len(list(self.folder.glob(f"{number}-*")))
        (self.folder / f"{number}-{before}").touch()
        if before < 2:
            raise OSError("not yet")
        return number


@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_gives_its_result(workers: int) -> None:
    assert sorted(map_unordered(double, range(9), workers=workers)) == list(range(0, 18, 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_ends_the_run_unless_it_is_given_up(workers: int) -> None:
    with pytest.raises(ValueError, match="is not wanted"):
        list(map_unordered(fail, [1, 2, 3], workers=workers))
    given_up = map_unordered(fail, [1, 2, 3], workers=workers, give_up=lambda item, error: f"{item}: {error}")
    assert sorted(given_up) == [f"{n}: {n} is not wanted" for n in (1, 2, 3)]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_fails_is_tried_again(workers: int, tmp_path: Path) -> None:
    assert sorted(map_unordered(FailsTwice(tmp_path), [1, 2], workers=workers, retries=2)) == [1, 2]
    assert len(list(tmp_path.iterdir())) == 6


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    assert sorted(map_unordered(DiesOnce(tmp_path), [1, 2], workers=2, retries=2)) == [1, 2]


def test_the_dashboard_of_a_local_cluster_is_announced() -> None:
    told: list[str] = []
    list(map_unordered(double, [1, 2], workers=2, announce=told.append))
    assert len(told) == 1
    assert told[0].startswith("http://127.0.0.1:")


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler in a process of its own, with two worker processes."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    environment = {**os.environ, "PYTHONPATH": ROOT}
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    listen = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["--host", "127.0.0.1", "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    with subprocess.Popen([*dask, "scheduler", *listen], **quiet) as one:
        while not file.exists() or not file.stat().st_size:
            assert one.poll() is None
            time.sleep(0.05)
        with subprocess.Popen([*dask, "worker", *worker, "--scheduler-file", str(file)], **quiet) as other:
            with Client(scheduler_file=str(file), set_as_default=False) as client:
                client.wait_for_workers(2, timeout=60)
                address = client.scheduler.address
            yield address
            other.terminate()
        one.terminate()


def test_a_cluster_that_runs_already_does_the_work(scheduler: str) -> None:
    processes = set(map_unordered(_process, range(20), workers=1, address=scheduler))
    assert len(processes) == 2
    assert os.getpid() not in processes


def _process(_number: int) -> int:
    time.sleep(0.01)
    return os.getpid()


def test_the_command_sends_its_jobs_to_the_named_cluster(
    scheduler: str, command_line: Any, phantom: tuple[Path, Any]
) -> None:
    folder, _ = phantom
    command_line.run(
        "ingest", "rexgroundingct", folder / "dataset.json", "--round", "one", "--no-embed", "--workers", 1
    )
    before = _measured(command_line)
    tasks = _tasks(scheduler)
    command_line.settings["GROUNDCT_DASK_ADDRESS"] = scheduler
    report = command_line.read("compute", "geometry", "--force", "--workers", 1)
    assert report["computed"] == report["entities"] > 20
    assert (report["failed"], report["device"]) == (0, "cpu")
    assert _tasks(scheduler) > tasks
    assert _measured(command_line) == before


def _measured(command_line: Any) -> str:
    done = command_line.run("query", "{ entities(first: 1000) { edges { node { id volumeMm3 huMean sphericity } } } }")
    assert done.stdout.count("sphericity") > 20
    return str(done.stdout)


def _tasks(address: str) -> int:
    """Tasks that the cluster's workers have finished."""
    with Client(address, set_as_default=False) as client:
        done = client.run(_finished)
        return sum(done.values())


def _finished(dask_worker: Any) -> int:
    return int(dask_worker.state.transition_counter)
