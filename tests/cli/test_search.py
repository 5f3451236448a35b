"""`groundct embed` and `groundct search`, as their users run them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.phantoms import JSON_NAME, make_dataset


@pytest.fixture(scope="module")
def home(
    open_command_line: Callable[..., AbstractContextManager[Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A command line whose archive holds findings without vectors."""
    data = tmp_path_factory.mktemp("data")
    make_dataset(data, scans=4, seed=3, faults=False, second=False, shape=(56, 60, 58))
    with open_command_line() as command_line:
        command_line.read("ingest", "rexgroundingct", data / JSON_NAME, "--round", "r", "--no-embed", "--workers", 1)
        yield command_line


@pytest.fixture(scope="module")
def texts(home: Any) -> list[str]:
    found = json.loads(home.run("query", "{ findings(first: 1000) { edges { node { text } } } }").stdout)
    return sorted({edge["node"]["text"] for edge in found["data"]["findings"]["edges"]})


@pytest.fixture(scope="module")
def bank(home: Any, texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vectors of every text but the last, and they are embedded."""
    path = tmp_path_factory.mktemp("bank") / "letters.npz"
    np.savez(path, texts=np.array(texts[:-1]), vectors=np.eye(len(texts))[:-1] * 3)
    done = home.read("embed", "--from", path)
    assert (done["model"], done["embedded"] > 0, done["not_in_bank"] > 0) == ("letters", True, True)
    assert done["version"] == hashlib.sha256(path.read_bytes()).hexdigest()
    return path


def test_a_bank_is_embedded_once_and_says_what_it_lacks(home: Any, bank: Path) -> None:
    again = home.run("embed", "--from", bank)
    assert again.returncode == 0
    assert "0 findings embedded by letters" in again.stdout
    assert "their words are not in" in again.stdout
    assert home.read("embed", "--from", bank, "--model", "ours")["embedded"] > 0


def test_a_bank_that_cannot_be_used_is_one_line(home: Any, tmp_path: Path) -> None:
    path = tmp_path / "torn.npz"
    path.write_bytes(b"PK")
    done = home.run("embed", "--from", path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"error: {path} cannot be read")


def test_texts_of_the_bank_alone_are_searched_by_it(home: Any, bank: Path, texts: list[str]) -> None:
    found = home.read("search", texts[0], "--from", bank, "--mode", "semantic", "-n", 1)
    assert (found["results"][0]["text"], found["mode"]) == (texts[0], "semantic")
    assert found["results"][0]["semantic_score"] == pytest.approx(1, abs=1e-3)
    done = home.run("search", "other words", "--from", bank, "--mode", "semantic")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is not among the texts of letters" in done.stderr


def test_pages_go_on_after_a_cursor(home: Any) -> None:
    asked = ("search", "nodule in the left lung", "--mode", "lexical")
    whole = home.read(*asked, "-n", 1000)
    assert (whole["next"], whole["exact"]) == (None, True)
    first = home.read(*asked, "-n", 2)
    second = home.read(*asked, "-n", 1000, "--after", first["next"])
    assert first["results"] + second["results"] == whole["results"]
    assert [result["rank"] for result in second["results"]] == list(range(3, len(whole["results"]) + 1))
    assert f"more: --after {first['next']}" in home.run(*asked, "-n", 2).stderr
    done = home.run(*asked, "--after", "elsewhere")
    assert (done.returncode, "cursor" in done.stderr) == (1, True)
