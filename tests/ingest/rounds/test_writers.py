"""Many who write at once: to one round or to several, and however they end, none is lost, doubled or half there."""

import os
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from schema.integrity import collect_garbage, verify
from tests.ingest.rounds.campaigns import Desk
from tests.ingest.rounds.writers import Task, forked, write_on

WRITERS = 50
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def journals(folder: Path) -> Counter[tuple[str, ...]]:
    """What writers were told is in; a line that a kill cut off was not told to the end."""
    lines = (line for path in folder.glob("journal-*") for line in path.read_text().splitlines(keepends=True))
    return Counter(tuple(line.split()) for line in lines if line.endswith("\n"))


VERSIONS = """
SELECT r.name, p.pseudonym, a.finding_id::text, a.labels_digest, a.version, a.state::text, a.supersedes_id, a.id,
  a.voxels, (SELECT coalesce(sum(voxels), 0) FROM open.entity e WHERE e.annotation_id = a.id),
  (SELECT count(*) FROM open.entity e WHERE e.annotation_id = a.id),
  (SELECT count(*) FROM open.geometry g JOIN open.entity e ON e.id = g.entity_id WHERE e.annotation_id = a.id),
  (SELECT count(*) FROM open.annotation_event v WHERE v.annotation_id = a.id)
FROM open.annotation a JOIN round r ON r.id = a.round_id JOIN person p ON p.id = a.annotator_id
ORDER BY r.name, p.pseudonym, a.finding_id, a.version
"""


def require_whole(desk: Desk, told: Counter[tuple[str, ...]], untold_at_most: int) -> int:
    """Require that what is there is what was told, each once, in one chain of versions; give how many there are."""
    rows = desk.rows(VERSIONS)
    there = Counter(row[:4] for row in rows)
    assert max(there.values()) == 1
    assert set(told) <= set(there)
    assert max(told.values()) == 1
    assert len(rows) - len(told) <= untold_at_most
    before: Any = None
    for row in rows:
        author, version, state, supersedes = row[:3], *row[4:7]
        first = before is None or before[:3] != author
        assert version == (1 if first else before[4] + 1)
        assert supersedes == (None if first else before[7])
        if not first:
            assert before[5] == "superseded"
        assert row[8] == row[9] > 0
        assert row[10] == row[11] > 0
        assert row[12] == (state == "superseded")
        before = row
    last = {row[:3]: row[5] for row in rows}
    assert set(last.values()) == {"submitted"}
    assert verify(desk.database, desk.arrays, lambda _n, _m: None).problems == ()
    return len(rows)


@pytest.mark.parametrize("same_round", [True, False])
def test_two_processes_do_not_disturb_each_other(desk: Desk, *, same_round: bool) -> None:
    desk.open("beside")
    folder = desk.folder / "journals"
    folder.mkdir()
    tasks: list[list[Task]] = [[("again", "ann")], [("again" if same_round else "beside", "ann")]]
    desk.database.dispose()
    children = [
        forked(desk.database, desk.arrays.url, each, folder / f"journal-{n}", seed=n, most=15)
        for n, each in enumerate(tasks)
    ]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert require_whole(desk, journals(folder), 0) == 30


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_none_is_lost_doubled_or_half_written(desk: Desk, request: pytest.FixtureRequest, capsys: Any) -> None:
    """So many processes add annotations to two rounds for a minute, while any of them is killed at any moment."""
    seconds = min(60.0, request.config.getoption("--soak-seconds"))
    names = [f"reader{n}" for n in range(10)]
    desk.open("beside")
    desk.add_people(*names)
    folder = desk.folder / "journals"
    folder.mkdir()
    tasks: list[Task] = [(round_name, name) for round_name in ("again", "beside") for name in names]
    write_on(desk.database, desk.arrays.url, tasks, folder / "journal-0", seed=0, most=1)  # compiles what all need
    desk.database.dispose()
    chance, numbers, killed, deaths = random.Random(60), count(1), 0, []  # noqa: S311 - moments, not secrets

    def start() -> int:
        number = next(numbers)
        return forked(desk.database, desk.arrays.url, tasks, folder / f"journal-{number}", seed=number)

    running = [start() for _ in range(WRITERS)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0, 0.2))
        victim = running.pop(chance.randrange(WRITERS))
        os.kill(victim, signal.SIGKILL)
        _, status = os.waitpid(victim, 0)
        killed += os.WTERMSIG(status) == signal.SIGKILL
        deaths += [status] if not os.WIFSIGNALED(status) else []
        running.append(start())
    for child in running:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert deaths == []
    killed += len(running)
    _wait_until_idle(desk)

    told = journals(folder)
    there = require_whole(desk, told, untold_at_most=killed)
    garbage = collect_garbage(desk.database, desk.arrays, grace=timedelta(), dry_run=False)
    assert len(garbage.removable) <= killed
    assert verify(desk.database, desk.arrays, lambda _n, _m: None).problems == ()
    assert killed > WRITERS
    assert there > seconds
    with capsys.disabled():
        print(f"\n{WRITERS} writers, {seconds:.0f} s: {killed} killed, {there} annotations, {len(told)} told")  # noqa: T201


def _wait_until_idle(desk: Desk) -> None:
    """Let the server notice that its clients are gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    end = time.monotonic() + 30
    while desk.rows(query) != [(0,)]:
        assert time.monotonic() < end
        time.sleep(0.2)
