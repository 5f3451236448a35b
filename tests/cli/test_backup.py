"""The commands backup and restore, on a home of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ingest.phantoms import JSON_NAME, make_dataset
from tests.conftest import CommandLine
from tests.forked import ForkedCommands


@pytest.fixture(scope="module")
def home(
    open_command_line: Callable[..., AbstractContextManager[CommandLine]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CommandLine]:
    """A command line whose archive holds a release of two scans."""
    data = tmp_path_factory.mktemp("data")
    make_dataset(data, scans=2, shape=(56, 60, 58), faults=False, second=False)
    with open_command_line() as command_line:
        ingest = ("ingest", "rexgroundingct", data / JSON_NAME, "--round", "r", "--release", "b")
        command_line.read(*ingest, "--no-embed", "--workers", 1)
        yield command_line


def test_a_backup_comes_back_whole_and_replaces_only_when_asked(home: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "all.dump"
    before = home.read("status")
    assert home.run("backup", file).returncode == 0
    refused = home.run("restore", file)
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)
    replaced = home.run("restore", file, "--replace")
    assert replaced.returncode == 0, replaced.stderr
    assert home.read("status") == before
    assert "all hold" in home.run("verify").stdout


def test_it_comes_back_in_a_new_home_with_the_same_digest(
    home: CommandLine, forked: ForkedCommands, tmp_path: Path
) -> None:
    file, other = tmp_path / "all.dump", CommandLine(tmp_path / "other", forked)
    assert home.run("backup", file).returncode == 0
    restored = other.run("restore", file)
    assert restored.returncode == 0, restored.stderr
    (there,), (here,) = (each.read("release", "list") for each in (other, home))
    assert there == here
    drawn = other.run("query", 'mutation { createCohort(cohort: {name: "all"}) { findingCount } }')
    assert (drawn.returncode, '"findingCount"' in drawn.stdout) == (0, True), drawn.stdout
