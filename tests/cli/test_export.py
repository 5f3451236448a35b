"""Exports by command: a release with its citation, a cohort that says it is none, and what is refused."""

import json
from pathlib import Path

import pytest
import yaml

from ingest.phantoms import make_dataset
from tests.conftest import CommandLine


@pytest.fixture
def archive(command_line: CommandLine, tmp_path: Path) -> CommandLine:
    make_dataset(tmp_path / "data", scans=2, seed=3, faults=False, second=False, shape=(60, 62, 64))
    dataset = tmp_path / "data" / "dataset.json"
    ingest = ("ingest", "rexgroundingct", dataset, "--round", "first", "--release", "base", "--no-embed")
    assert command_line.run(*ingest, "--workers", 1).returncode == 0
    command_line.read("cohort", "create", "all")
    return command_line


def test_a_release_and_a_cohort(archive: CommandLine, tmp_path: Path) -> None:
    out = tmp_path / "release"
    form = ("export", "rexgroundingct", "--out", out)
    said = archive.run(*form, "--release", "base", "--creator", "Ann Otator", "--url", "https://example.org")
    assert (said.returncode, said.stdout) == (0, f"2 scans of release base written to {out}\n")
    assert "warning: the terms" in said.stderr
    assert "url" not in said.stderr
    assert yaml.safe_load((out / "CITATION.cff").read_text())["authors"] == [{"name": "Ann Otator"}]
    assert json.loads((out / "croissant.json").read_text())["url"] == "https://example.org"

    held = archive.run("export", "training", "--cohort", "all", "--out", tmp_path / "cohort")
    assert (held.returncode, held.stdout) == (0, f"2 scans of cohort all written to {tmp_path / 'cohort'}\n")
    assert "warning: this is no release: cohort all as it holds now" in held.stderr
    assert not (tmp_path / "cohort" / "CITATION.cff").exists()

    for arguments, code, message in (
        (("nnunet",), 2, "say --release NAME, --cohort NAME, or both"),
        (("parquet", "--cohort", "all"), 2, "tables are those of a release"),
        (("nnunet", "--cohort", "none"), 1, "there is no cohort 'none'"),
    ):
        done = archive.run("export", *arguments, "--out", tmp_path / "none")
        assert (done.returncode, done.stdout) == (code, "")
        assert message in done.stderr
    assert not (tmp_path / "none").exists()
