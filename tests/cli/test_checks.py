"""`groundct compute checks`, `compute reasoning` and `ingest reasoning`, as their users run them."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ingest.phantoms import make_scan, write_scan

NAME = "train_1_a_1"


@pytest.fixture(scope="module")
def home(
    open_command_line: Callable[..., AbstractContextManager[Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A command line whose archive holds a nodule whose words name the wrong side."""
    folder = tmp_path_factory.mktemp("data")
    scan = make_scan(2, name=f"{NAME}.nii.gz", split="val", categories=("2d",), shape=(60, 60, 60))
    write_scan(folder, scan)
    case = scan.entry()
    case["findings"] = {
        "0": "Nodule in the right lung" if "left" in scan.findings[0].text else "Nodule in the left lung"
    }
    (folder / "dataset.json").write_text(json.dumps({"train": [], "val": [case], "test": []}))
    with open_command_line() as command_line:
        dataset = ("ingest", "rexgroundingct", folder / "dataset.json", "--round", "r", "--no-embed", "--workers", 1)
        command_line.read(*dataset)
        yield command_line


def test_checks_are_computed_once_and_can_be_asked_for(home: Any) -> None:
    done = home.read("compute", "checks", "--workers", 1)
    assert (done["annotations"], done["checked"], done["failed"], done["noted"]) == (1, 1, 0, {})
    assert done["outcomes"]["side"] == {"holds": 0, "contradicts": 1, "unknown": 0}
    assert home.read("compute", "checks", "--workers", 1)["checked"] == 0
    assert home.read("compute", "checks", "--workers", 1, "--force", "--round", "r")["checked"] == 1
    said = home.run("compute", "checks", "--workers", 1)
    assert "side                       1 contradict" in said.stdout
    asked = home.run(
        "query", '{ findings(where: {contradicts: "side"}) { edges { node { checks { name outcome } } } } }'
    )
    (edge,) = json.loads(asked.stdout)["data"]["findings"]["edges"]
    assert {"name": "side", "outcome": "CONTRADICTS"} in edge["node"]["checks"]


def test_chains_are_made_and_others_come_in_beside_them(home: Any, tmp_path: Path) -> None:
    made = home.read("compute", "reasoning", "--workers", 1)
    assert (made["findings"], made["made"], made["steps"], made["contradictions"]["side"]) == (1, 1, 3, 1)
    assert home.run("compute", "reasoning").stdout.startswith("0 of 1 chains made")
    path = tmp_path / "chains.json"
    path.write_text(json.dumps({NAME: {"0": "Whole scan -> nodule"}, "train_9_a_1": {"0": "x"}}))
    done = home.run("ingest", "reasoning", path, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert document["chains"] == {"read": 2, "new": 1, "changed": 0, "unchanged": 0}
    said = home.run("ingest", "reasoning", path)
    assert "unmatched_finding  train_9_a_1: 1 chains of a scan that is not here; import its scan" in said.stdout
    origins = home.run("query", "{ findings { edges { node { reasoning { origin } } } } }")
    (edge,) = json.loads(origins.stdout)["data"]["findings"]["edges"]
    assert [one["origin"] for one in edge["node"]["reasoning"]] == ["chains.json", "groundct"]


@pytest.mark.parametrize("text", ["", "[1", "7"])
def test_a_file_that_is_no_json_is_one_line(home: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    done = home.run("ingest", "reasoning", tmp_path / "broken.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "broken.json" in done.stderr


def test_a_round_that_is_not_there_is_one_line(home: Any) -> None:
    for command in ("checks", "reasoning"):
        done = home.run("compute", command, "--round", "q")
        assert done.returncode == 1
        assert "there is no round 'q'; there are: r" in done.stderr
