"""Every fault of a server ends in a repaired result or a named failure, and every request is in the ledger."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.reports.hosted.engine import HostedEngine
from ingest.reports.hosted.requests import MOST_ATTEMPTS
from ingest.reports.ledger import spending
from ingest.reports.pipeline import process
from ingest.reports.run import ProcessReport
from ingest.reports.work import Work
from schema.database import Database
from schema.queries.tables import LOSS, MODEL_CALL, OBSERVATION, READING, STAGE_RESULT
from tests.ingest.reports.archive import add_reports
from tests.ingest.reports.model_server import Asked, ModelServer, Reply, answer, error

NewEngine = Callable[[], HostedEngine]


def calls(database: Database) -> list[Any]:
    with database.transaction() as session:
        return list(session.execute(sa.select(MODEL_CALL).order_by(MODEL_CALL.c.id)).mappings())


def count(database: Database, table: sa.Table) -> int:
    with database.transaction() as session:
        return int(session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def check_ledger(database: Database, server: ModelServer) -> None:
    """The ledger has a row for each request that the server saw, and its sums."""
    with database.transaction() as session:
        rows = spending(session)
    assert sum(each["calls"] for each in rows) == len(server.asked)
    assert sum(each["tokens_in"] for each in rows) == server.tokens_in
    assert sum(each["tokens_out"] for each in rows) == server.tokens_out


def read_one(database: Database, engine: HostedEngine) -> ProcessReport:
    add_reports(database, 1)
    return process(database, engine, Work())


def changed(stage: str, change: Callable[[dict[str, Any]], None]) -> Callable[[ModelServer], Callable[[Asked], Reply]]:
    """Make a fault that answers a stage with something changed, unless it is asked to repair it."""

    def bound(server: ModelServer) -> Callable[[Asked], Reply]:
        def fault(asked: Asked) -> Reply:
            document = answer(asked.stage, asked.question)
            if asked.stage == stage and not asked.repairs:
                change(document)
            return server.completion(asked, json.dumps(document))

        return fault

    return bound


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (error(429, "rate_limit_exceeded", retry_after="0.2"), "rate_limited: 429 rate_limit_exceeded"),
        (error(500, "server_error"), "server_error: 500 server_error"),
        (error(503, "overloaded", retry_after_ms="20"), "server_error: 503 overloaded"),
        (lambda _: Reply(after_s=2.5), "timeout"),
        (lambda _: Reply(body=b"[" * 1000, cut=True), "no_connection"),
    ],
    ids=["429", "500", "503", "timeout", "cut"],
)
def test_what_passes_is_asked_again_with_the_same_parameters(
    database: Database, model_server: ModelServer, new_engine: NewEngine, fault: Any, named: str
) -> None:
    model_server.faults = [fault, fault]
    report = read_one(database, new_engine())
    assert report.complete
    assert report.read == 1
    rows = calls(database)
    assert [each["error"] is not None for each in rows[:3]] == [True, True, False]
    assert all(each["error"].startswith(named) for each in rows[:2])
    assert [each["attempt"] for each in rows[:3]] == [1, 2, 3]
    assert rows[0]["parameters"] == rows[1]["parameters"] == rows[2]["parameters"] == {"temperature": 0}
    assert model_server.asked[0].body == model_server.asked[1].body == model_server.asked[2].body
    check_ledger(database, model_server)


def test_a_server_that_says_when_is_waited_for(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    model_server.faults = [error(429, "rate_limit_exceeded", retry_after="1")]
    report = read_one(database, new_engine())
    assert report.complete
    assert report.seconds > 1


@pytest.mark.parametrize(
    ("content", "choice", "named"),
    [
        ('{"sentences": [{"text": "The tra', {}, "not_json"),
        ('{"sentences": [{"text": "The tra', {"finish_reason": "length"}, "truncated"),
        (None, {"refusal": "I cannot help with that."}, "refused"),
        ('{"sentences": [], "dropped": [], "extra": 1}', {}, "wrong_type: extra_forbidden"),
        ('{"sentences": [], "dropped": [], "undecided": [99]}', {}, "wrong_type: there is no sentence 99"),
    ],
    ids=["cut JSON", "truncated", "refusal", "wrong type", "wrong number"],
)
def test_what_cannot_be_used_is_asked_once_more_and_then_failed(
    database: Database,
    model_server: ModelServer,
    new_engine: NewEngine,
    content: str | None,
    choice: dict[str, Any],
    named: str,
) -> None:
    model_server.faults = [lambda asked: model_server.completion(asked, content, **choice)]
    assert read_one(database, new_engine()).complete
    first, second = calls(database)[:2]
    assert first["error"] == named
    assert first["output"] is None
    assert first["tokens_in"] > 0
    assert second["error"] is None
    assert model_server.asked[1].repairs
    assert model_server.asked[0].parameters == model_server.asked[1].parameters

    add_reports(database, 1, start=2)
    model_server.faults_by_words["Emphysema in the left lung"] = lambda asked: model_server.completion(
        asked, content, **choice
    )
    report = process(database, new_engine(), Work())
    assert not report.complete
    assert [each["study"] for each in report.failures] == ["train_2_a"]
    assert named in report.failures[0]["why"]
    assert count(database, READING) == 1
    check_ledger(database, model_server)


def test_what_lost_a_measurement_is_repaired_once(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    def forget(document: dict[str, Any]) -> None:
        for each in document["sentences"]:
            each["text"] = each["text"].replace("7 x 5 mm ", "small ").replace("right", "upper")

    model_server.faults = [changed("rewrite", forget)(model_server)]
    report = read_one(database, new_engine())
    assert report.complete
    assert "the measurement 7 mm of sentence 1 is not said again" in model_server.asked[1].text
    assert {kind: number for kind, number in report.repaired.items() if number} == {"measurement": 2, "side": 1}
    assert report.lost.total() == 0
    with database.transaction() as session:
        rows = session.execute(sa.select(LOSS.c.kind, LOSS.c.what, LOSS.c.repaired).order_by(LOSS.c.id)).all()
    assert rows == [("measurement", "5 mm", True), ("measurement", "7 mm", True), ("side", "right", True)]


def test_a_code_that_does_not_exist_waits_for_a_person(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    def wrong(asked: Asked) -> Reply:
        return model_server.completion(asked, '{"code": "2z", "score": 0.9, "alternatives": []}')

    model_server.faults_by_words["stable 7 x 5 mm nodule"] = lambda asked: (
        wrong(asked) if asked.stage == "categorise" else model_server.good(asked)
    )
    report = read_one(database, new_engine())
    assert report.complete
    assert report.lost == {"code": 1}
    with database.transaction() as session:
        seen = OBSERVATION.c
        rows = session.execute(sa.select(seen.category_code, seen.category_id).where(seen.phrase.contains("nodule")))
        assert rows.all() == [("2z", None)]
    assert sum(each.stage == "categorise" and "7 x 5" in each.text for each in model_server.asked) == 2
    check_ledger(database, model_server)


def test_words_that_are_not_in_the_text_are_asked_for_again(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    def misquote(document: dict[str, Any]) -> None:
        for each in document["descriptors"]:
            each["quote"] = each["quote"] + "ward"

    model_server.faults_by_words["right upper lobe"] = changed("describe", misquote)(model_server)
    assert read_one(database, new_engine()).complete
    assert [each["error"] for each in calls(database) if each["error"]] == ["not_in_text"]
    check_ledger(database, model_server)


def test_a_model_that_renames_itself_is_named(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    model_server.name = "reader-1-2026-05-01"
    assert read_one(database, new_engine()).models_answered == ["reader-1-2026-05-01"]
    model_server.name = "reader-1-2026-09-01"
    report = process(database, new_engine(), Work())
    assert report.calls == 0  # it is asked for by the name that it was asked for before
    assert {each["model"] for each in calls(database)} == {"reader-1"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (error(429, "insufficient_quota"), "no credit"),
        (error(401, "invalid_api_key"), "OPENAI_API_KEY"),
        (error(404, "model_not_found"), "GROUNDCT_LLM_MODEL"),
        (error(429, "rate_limit_exceeded", retry_after="86400"), "86400 s"),
    ],
)
def test_what_every_request_would_meet_ends_the_run_and_it_goes_on_later(
    database: Database, model_server: ModelServer, new_engine: NewEngine, fault: Any, said: str
) -> None:
    add_reports(database, 6)
    model_server.faults = [None] * 8 + [fault] * 50
    stopped = process(database, new_engine(), Work())
    assert said in (stopped.stopped or "")
    assert "run the same command again" in (stopped.stopped or "")
    before = len(model_server.asked)
    check_ledger(database, model_server)
    model_server.faults = []
    report = process(database, new_engine(), Work())
    assert report.complete
    assert report.read == 6
    asked_well = [each.text for each in model_server.asked[:8]]
    assert not set(asked_well) & {each.text for each in model_server.asked[before:]}


def test_what_never_passes_is_a_named_failure(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database, 3)
    model_server.faults_by_words["Emphysema"] = error(500, "server_error")
    report = process(database, new_engine(), Work())
    assert report.read == 2
    assert report.failures == [{"study": "train_2_a", "why": "rewrite: server_error: 500 server_error, 6 times"}]
    assert sum("Emphysema" in each.text for each in model_server.asked) == MOST_ATTEMPTS
    check_ledger(database, model_server)


def test_a_server_that_answers_nothing_well_ends_the_run(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database, 30)
    model_server.faults_by_words[""] = error(400, "bad_request")
    report = process(database, new_engine(), Work())
    assert "10 in a row failed" in (report.stopped or "")
    assert len(model_server.asked) < 30


def test_a_failed_call_is_never_a_result(database: Database, model_server: ModelServer, new_engine: NewEngine) -> None:
    model_server.faults_by_words[""] = error(500, "server_error")
    read_one(database, new_engine())
    assert count(database, STAGE_RESULT) == 0
    assert count(database, READING) == 0


def test_no_word_of_a_report_stands_in_an_error(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database, 2)
    model_server.faults_by_words["Emphysema"] = error(400, "bad_request")
    report = process(database, new_engine(), Work())
    told = [each["why"] for each in report.failures] + [each["error"] for each in calls(database) if each["error"]]
    assert told
    assert all("Emphysema" not in each for each in told)
