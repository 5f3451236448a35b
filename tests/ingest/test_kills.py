"""An import that is killed, again and again, wherever it is, ends as one that nobody disturbed."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from ingest.phantoms import Expected, make_dataset
from schema.arrays.store import ArrayStore
from schema.postgres.address import OWNER
from schema.tables import METADATA

RUNS = {"import_run", "import_summary", "fault", "imported_scan"}
"""Tables that tell of runs."""
FACTS = """
SELECT s.name, f.source_index, r.text, a.id, a.version, a.state::text, a.labels_digest, e.id, e.voxels,
       e.box_i::text, e.box_j::text, e.box_k::text, g.volume_mm3, g.side::text, g.hu_mean, g.components26
FROM {schema}.entity e JOIN {schema}.annotation a ON a.id = e.annotation_id
JOIN {schema}.geometry g ON g.entity_id = e.id
JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id
JOIN finding_revision r ON r.finding_id = f.id AND r.is_latest
ORDER BY e.id
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    folder = tmp_path_factory.mktemp("dataset")
    return folder / "dataset.json", make_dataset(
        folder, scans=16, seed=5, shape=(60, 60, 60), faults=False, second=False
    )


@pytest.mark.parametrize("kills", [4, pytest.param(100, marks=pytest.mark.soak)])
def test_kills(new_command_line: Callable[..., Any], dataset: tuple[Path, Expected], kills: int) -> None:
    path, expected = dataset
    ingest = ("ingest", "rexgroundingct", path, "--round", "r", "--release", "base", "--hide", "test", "--no-embed")
    undisturbed, disturbed = new_command_line(), new_command_line()
    begun = time.monotonic()
    whole = undisturbed.read(*ingest, "--workers", 2)
    duration = time.monotonic() - begun
    assert whole["entities"]["new"] == expected.totals["entities"]

    chance = random.Random(20260)  # noqa: S311 - moments, not secrets
    progress = []
    for n in range(kills):
        running = disturbed.start(*ingest, "--workers", 1 if n % 3 else 2)
        wait_for_a_moment(running, disturbed.home, chance, duration)
        kill(running, whole_group=n % 2 == 0)
        progress.append(len(stored(disturbed.home)))
    assert progress == sorted(progress)
    assert progress[0] < len(stored(undisturbed.home))
    assert progress[-1] > 0

    end = disturbed.run(*ingest, "--workers", 2, "--json")
    assert end.returncode == 0
    assert [line for line in end.stderr.splitlines() if not line.startswith("importing: ")] == []
    assert stored(disturbed.home) == stored(undisturbed.home)
    assert facts(disturbed) == facts(undisturbed)
    assert disturbed.read("verify")["problems"] == []
    assert disturbed.read("gc", "--dry-run", "--grace-minutes", 0)["removable"] == []
    assert list(workers(disturbed.home)) == []


def test_workers_end_with_the_import_that_started_them(command_line: Any, dataset: tuple[Path, Expected]) -> None:
    running = command_line.start("ingest", "rexgroundingct", dataset[0], "--round", "r", "--workers", 2)
    wait_until(lambda: len(stored(command_line.home)) > 0 or running.poll() is not None)
    assert running.poll() is None
    assert len(list(workers(command_line.home))) > 2
    kill(running, whole_group=False)
    wait_until(lambda: not list(workers(command_line.home)))


def wait_for_a_moment(running: "subprocess.Popen[str]", home: Path, chance: random.Random, duration: float) -> None:
    """Wait for any moment of the run, or, more often, for one just after it began to write."""
    if chance.random() < 0.3:
        with suppress(subprocess.TimeoutExpired):
            running.wait(chance.uniform(0, duration))
        return
    before = len(stored(home))
    wait_until(lambda: len(stored(home)) > before or running.poll() is not None)
    time.sleep(chance.uniform(0, 0.2))


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def kill(running: "subprocess.Popen[str]", *, whole_group: bool) -> None:
    """End a command at once: all its processes, or the first one alone."""
    with suppress(ProcessLookupError):
        if whole_group:
            os.killpg(running.pid, signal.SIGKILL)
        else:
            running.kill()
    running.wait()
    for stream in (running.stdout, running.stderr):
        if stream:
            stream.close()


def workers(home: Path) -> Iterator[psutil.Process]:
    """The living processes of commands in this home; the server's are not among them."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() != "postgres" and process.environ().get("GROUNDCT_HOME") == str(home):
                yield process


def stored(home: Path) -> dict[tuple[str, str], int]:
    return {(entry.area, entry.digest): entry.stored_bytes for entry in ArrayStore(str(home / "arrays")).iter_arrays()}


def facts(command_line: Any) -> dict[str, Any]:
    """Everything that the import says of scans, apart from keys and times that the database makes."""
    with command_line.server.lease() as address, address.connect(OWNER) as connection:
        found = {schema: connection.execute(FACTS.format(schema=schema)).fetchall() for schema in ("open", "hidden")}
        for table in METADATA.sorted_tables:
            if table.name not in RUNS:
                found[str(table)] = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
        found["digests"] = connection.execute("SELECT name, digest, storage_digest FROM release").fetchall()
        return found
