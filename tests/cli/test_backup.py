"""The commands backup and restore, on a home of their own."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from ingest.phantoms import JSON_NAME, make_dataset


def groundct(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    environment = {"GROUNDCT_HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, env=environment, cwd=home.parent
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_dataset(tmp_path / "data", scans=2, faults=False, second=False)
    home = tmp_path / "home"
    dataset = str(tmp_path / "data" / JSON_NAME)
    done = groundct(home, "ingest", "rexgroundingct", dataset, "--round", "r", "--release", "b", "--no-embed")
    assert done.returncode == 0, done.stderr
    return home


def test_a_backup_comes_back_whole_and_replaces_only_when_asked(home: Path) -> None:
    file = home.parent / "all.dump"
    before = orjson.loads(groundct(home, "status", "--json").stdout)
    assert groundct(home, "backup", str(file)).returncode == 0
    refused = groundct(home, "restore", str(file))
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)
    replaced = groundct(home, "restore", str(file), "--replace")
    assert replaced.returncode == 0, replaced.stderr
    assert orjson.loads(groundct(home, "status", "--json").stdout) == before
    assert "all hold" in groundct(home, "verify").stdout


def test_it_comes_back_in_a_new_home_with_the_same_digest(home: Path) -> None:
    file, other = home.parent / "all.dump", home.parent / "other"
    groundct(home, "backup", str(file))
    restored = groundct(other, "restore", str(file))
    assert restored.returncode == 0, restored.stderr
    (there,), (here,) = (orjson.loads(groundct(each, "release", "list", "--json").stdout) for each in (other, home))
    assert there == here
