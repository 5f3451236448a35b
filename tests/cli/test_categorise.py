"""`groundct categorise`, as its users run it."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.reports.model_server import MODEL, running_model_server


@pytest.fixture(scope="module")
def home(open_command_line: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A command line whose database cannot be reached: the command needs none."""
    with open_command_line(GROUNDCT_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none") as command_line:
        yield command_line


@pytest.fixture
def findings(tmp_path: Path) -> Path:
    path = tmp_path / "findings.txt"
    path.write_bytes("Linear atelectasis\r\n\nnothing of the kind\nPericardial effusion ½ minimal\n".encode())
    return path


def test_a_code_a_line_comes_out_in_order(home: Any, findings: Path) -> None:
    done = home.run("categorise", findings)
    assert (done.returncode, done.stdout) == (0, "2a\n-\n-\n8f\n")


def test_json_has_scores_and_other_codes(home: Any, findings: Path) -> None:
    findings.write_text("Nodules and consolidation\n\n", "utf-8")
    read = home.read("categorise", findings)
    nodules, empty = read["findings"]
    assert read["engine"] == "rules"
    assert (nodules["text"], nodules["code"]) == ("Nodules and consolidation", "2d")
    assert [other["code"] for other in nodules["alternatives"]] == ["2b"]
    assert 1 >= nodules["score"] > nodules["alternatives"][0]["score"] > 0
    assert empty == {"text": "", "code": None, "score": None, "alternatives": []}


def test_an_empty_file_gives_nothing(home: Any, findings: Path) -> None:
    findings.write_bytes(b"")
    assert home.run("categorise", findings).stdout == ""
    assert json.loads(home.run("categorise", findings, "--json").stdout) == {
        "engine": "rules",
        "findings": [],
        "failed": 0,
    }


def test_what_cannot_be_read_is_one_line(home: Any, findings: Path) -> None:
    findings.write_bytes(b"nodule\n\xff\n")
    done = home.run("categorise", findings)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "is not UTF-8" in done.stderr
    assert home.run("categorise", findings.with_name("absent.txt")).returncode == 2


def test_a_language_model_is_asked_once(new_command_line: Callable[..., Any], findings: Path) -> None:
    findings.write_text("Nodule\n\nPleural effusion\nNodule\nsomething else\n", "utf-8")
    with running_model_server() as server:
        home = new_command_line(GROUNDCT_LLM_MODEL=MODEL, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-none")
        for _ in range(2):
            done = home.run("categorise", findings, "--engine", "openai")
            assert (done.returncode, done.stdout) == (0, "2d\n-\n2e\n2d\n-\n"), done.stderr
        assert sorted(asked.stage for asked in server.asked) == ["categorise"] * 3


def test_what_a_language_model_does_not_answer_is_said(new_command_line: Callable[..., Any], findings: Path) -> None:
    findings.write_text("Nodule\nPleural effusion\n", "utf-8")
    with running_model_server() as server:
        server.faults_by_words["effusion"] = lambda asked: server.completion(asked, "hard to say")
        home = new_command_line(GROUNDCT_LLM_MODEL=MODEL, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-none")
        done = home.run("categorise", findings, "--engine", "openai")
    assert (done.returncode, done.stdout) == (1, "2d\n-\n")
    assert "1 finding without an answer" in done.stderr


def test_a_language_model_has_to_be_named(command_line: Any, findings: Path) -> None:
    done = command_line.run("categorise", findings, "--engine", "openai")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "GROUNDCT_LLM_MODEL" in done.stderr
