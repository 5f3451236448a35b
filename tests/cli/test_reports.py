"""Reading reports on the command line, by a language model: killed, stopped, priced, corrected."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from migrations.ready import ready_database
from schema.settings import Settings
from tests.ingest.reports.archive import add_reports
from tests.ingest.reports.model_server import MODEL, PRICES, ModelServer, error, running_model_server

REPORTS = 20
BY_MODEL = ("--engine", "openai")
PROCESS = ("reports", "process", *BY_MODEL)


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    with running_model_server() as server:
        yield server


@pytest.fixture
def home(new_command_line: Callable[..., Any], model_server: ModelServer, tmp_path: Path) -> Any:
    """A command line whose archive has reports, and that knows a model and its price."""
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps(PRICES))
    command_line = new_command_line(
        GROUNDCT_LLM_MODEL=MODEL,
        GROUNDCT_LLM_PRICES=str(prices),
        GROUNDCT_LLM_PARALLEL="4",
        OPENAI_BASE_URL=model_server.url,
        OPENAI_API_KEY="sk-very-secret",
    )
    with ready_database(Settings(home=command_line.home)) as database:
        add_reports(database, REPORTS)
    return command_line


def check_cost(home: Any, server: ModelServer) -> None:
    """The ledger's sums are what the server counted, at its prices."""
    total = home.read("reports", "cost")["total"]
    assert (total["tokens_in"], total["tokens_out"]) == (server.tokens_in, server.tokens_out)
    price = PRICES["usd_per_million_tokens"][MODEL]
    usd = (server.tokens_in * Decimal(price["input"]) + server.tokens_out * Decimal(price["output"])) / 1_000_000
    assert abs(Decimal(total["cost_usd"]) - usd) < Decimal("0.000001") * total["calls"]


def questions(server: ModelServer) -> list[tuple[str, str]]:
    return [(each.stage, each.text) for each in server.asked]


def test_a_run_is_priced_made_paid_and_never_paid_again(home: Any, model_server: ModelServer) -> None:
    ahead = home.read(*PROCESS, "--dry-run")
    assert model_server.asked == []
    done = home.read(*PROCESS)
    assert done["reports"] == {"read": REPORTS, "unchanged": 0, "failed": 0}
    assert done["losses"]["measurement"]["rate"] == 0
    assert done["calls"] == len(model_server.asked)
    check_cost(home, model_server)
    assert Decimal(done["cost_usd"]) / 2 < Decimal(ahead["cost_usd"]) < Decimal(done["cost_usd"]) * 2
    again = home.read(*PROCESS)
    assert (again["calls"], again["cost_usd"], again["reports"]["unchanged"]) == (0, None, REPORTS)
    assert done["calls"] == len(model_server.asked)
    assert home.read(*PROCESS, "--dry-run")["stages"] == {}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_goes_on_and_pays_for_nothing_twice(
    home: Any, model_server: ModelServer, how: signal.Signals
) -> None:
    model_server.slow_s = 0.1
    running = home.start(*PROCESS, "--json")
    while len(model_server.asked) < 30:
        time.sleep(0.01)
    running.send_signal(how)
    out, told = running.communicate(timeout=60)
    assert out == ""
    if how is signal.SIGINT:
        assert running.returncode == 130
        assert "goes on from there" in told
        check_cost(home, model_server)
    before = len(model_server.asked)
    model_server.slow_s = 0
    done = home.read(*PROCESS)
    assert done["reports"]["read"] + done["reports"]["unchanged"] == REPORTS
    twice = len(questions(model_server)) - len(set(questions(model_server)))
    assert twice <= (4 if how is signal.SIGKILL else 0)  # at most what was on its way
    assert before < len(model_server.asked)


def test_a_budget_ends_a_run(home: Any, model_server: ModelServer) -> None:
    stopped = home.run(*PROCESS, "--budget", "0.05", "--json")
    assert stopped.returncode == 1
    assert "the budget of 0.05 USD is spent" in stopped.stderr
    assert Decimal(json.loads(stopped.stdout)["cost_usd"]) <= Decimal("0.05")
    check_cost(home, model_server)
    assert home.read(*PROCESS)["reports"]["read"] > 0
    assert len(questions(model_server)) == len(set(questions(model_server)))


def test_the_end_of_credit_is_one_line_that_says_how_to_go_on(home: Any, model_server: ModelServer) -> None:
    model_server.faults = [None] * 5 + [error(429, "insufficient_quota")] * 8
    stopped = home.run(*PROCESS)
    assert stopped.returncode == 1
    (line,) = [each for each in stopped.stderr.splitlines() if each.startswith("stopped:")]
    assert "credit" in line
    assert "run the same command again" in line


def test_neither_key_nor_report_is_told_to_anybody(home: Any, model_server: ModelServer) -> None:
    model_server.faults_by_words["Emphysema"] = error(500, "server_error", retry_after_ms="1")
    settings = {**home.settings, "OPENAI_LOG": "debug"}
    done = replace(home, settings=settings).run("-v", *PROCESS, "--limit", 2)
    assert done.returncode == 1
    for each in ("sk-very-secret", "Emphysema", "trachea", "nodule"):
        assert each not in done.stdout + done.stderr
    assert {each.key for each in model_server.asked} == {"Bearer sk-very-secret"}


def test_corrections_go_out_and_come_in_as_files(home: Any, tmp_path: Path) -> None:
    home.read(*PROCESS)
    stands = home.read("reports", "show", "train_1_a", "--stage", "categorise", *BY_MODEL)
    stands[0]["output"]["code"] = "2h"
    file = tmp_path / "corrections.json"
    file.write_text(json.dumps(stands))
    assert home.read("reports", "correct", file, *BY_MODEL)["reports"]["read"] == 5  # every fourth report says so
    (reading,) = home.read("reports", "show", "train_5_a")
    assert reading["observations"][0]["category_code"] == "2h"
    assert home.read("reports", "correct", file, *BY_MODEL)["reports"]["read"] == 0
    assert [each["what"] for each in home.read("reports", "losses")] == ["???"] * 5


def test_rules_need_no_model(home: Any, model_server: ModelServer) -> None:
    done = home.read("reports", "process")
    assert (done["engine"], done["reports"]["read"], done["calls"]) == ("rules", REPORTS, 0)
    assert home.read("reports", "process", "--dry-run")["reports"] == 0
    assert home.read("reports", "process")["reports"]["unchanged"] == REPORTS
    assert model_server.asked == []


def test_people_are_told_in_words(home: Any) -> None:
    assert "rewrite: 20 requests" in home.run(*PROCESS, "--dry-run").stdout
    told = home.run(*PROCESS).stdout
    assert "reports: 20 read, 0 unchanged, 0 failed" in told
    assert "measurement: 0 of" in told
    assert "2d There is a stable 7 x 5 mm nodule" in home.run("reports", "show", "train_1_a").stdout
    assert MODEL in home.run("reports", "cost").stdout
    assert "5 things to see to" in home.run("reports", "losses").stdout


@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        ({"GROUNDCT_LLM_MODEL": ""}, [], "GROUNDCT_LLM_MODEL"),
        ({"OPENAI_BASE_URL": "", "OPENAI_API_KEY": ""}, [], "OPENAI_API_KEY"),
        ({"GROUNDCT_LLM_PRICES": "absent.json"}, [], "GROUNDCT_LLM_PRICES"),
        ({"GROUNDCT_LLM_PRICES": ""}, ["--budget", 1], "--budget needs a price"),
        ({"GROUNDCT_LLM_PARAMETERS": "hot"}, [], "GROUNDCT_LLM_PARAMETERS"),
        ({}, ["--study", "train_99_a"], "train_99_a"),
    ],
)
def test_mistakes_are_told_in_one_line(home: Any, settings: dict[str, str], arguments: list[object], said: str) -> None:
    changed = replace(home, settings={**home.settings, **settings})
    done = changed.run(*PROCESS, *arguments)
    assert done.returncode == (1 if "--study" in arguments else 2)
    (line,) = done.stderr.splitlines()
    assert said in line
