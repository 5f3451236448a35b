"""Requests to language models, as clients are told of them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.reports.ledger import CallDraft, add_call
from ingest.reports.stages import Categorisation, Phrase, Stage, input_digest
from schema.database import Database
from tests.api.conftest import Ask

ASKED = Phrase(text="secret words")


@pytest.fixture
def calls(database: Database) -> None:
    same = {"prompt_version": "1-0", "model": "reader", "parameters": {"temperature": 0}, "latency_ms": 12}
    key = {"stage": Stage.CATEGORISE, "input_sha256": input_digest(ASKED)}
    add_call(database, CallDraft(**key, **same, error="rate_limited: 429 rate_limit_exceeded"))
    answered = {"model_answered": "reader-2", "tokens_in": 100, "tokens_out": 7, "cost_usd": Decimal("0.000123")}
    add_call(database, CallDraft(**key, **same, **answered, output=Categorisation(code="2d")))


@pytest.mark.usefixtures("calls")
def test_they_are_listed_with_their_cost_and_without_their_words(ask: Ask) -> None:
    fields = "stage promptVersion model modelAnswered attempt tokensIn tokensOut costUsd latencyMs error"
    told = ask(f"{{ modelCalls {{ totalCount edges {{ node {{ {fields} createdAt }} }} }} }}")["modelCalls"]
    first, second = (edge["node"] for edge in told["edges"])
    assert told["totalCount"] == 2
    assert (first["error"], first["attempt"], first["costUsd"]) == ("rate_limited", 1, None)
    assert datetime.fromisoformat(second.pop("createdAt")) <= datetime.now(UTC)
    assert second == {
        "stage": "categorise",
        "promptVersion": "1-0",
        "model": "reader",
        "modelAnswered": "reader-2",
        "attempt": 2,
        "tokensIn": 100,
        "tokensOut": 7,
        "costUsd": 0.000123,
        "latencyMs": 12,
        "error": None,
    }


@pytest.mark.usefixtures("calls")
def test_they_come_in_pages(ask: Ask) -> None:
    page = ask("{ modelCalls(first: 1) { edges { node { attempt } } pageInfo { endCursor hasNextPage } } }")[
        "modelCalls"
    ]
    assert page["pageInfo"]["hasNextPage"]
    after = page["pageInfo"]["endCursor"]
    query = "query($after: String) { modelCalls(first: 1, after: $after) { edges { node { attempt } } } }"
    assert [edge["node"]["attempt"] for edge in ask(query, after=after)["modelCalls"]["edges"]] == [2]
