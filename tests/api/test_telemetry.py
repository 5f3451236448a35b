"""Traces where they are asked for: what is missing is said, and no span tells what was asked."""

import sys

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.services import Services
from api.telemetry import ADDRESS, trace_requests


def test_nothing_is_traced_unless_an_address_is_set(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    assert trace_requests(create_app(services)) is None


def test_what_is_missing_is_said(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.delitem(sys.modules, "api.spans", raising=False)
    reason = trace_requests(create_app(services))
    assert reason is not None
    assert "pip install 'groundct[telemetry]'" in reason


def test_spans_hold_no_query(services: Services) -> None:
    export = pytest.importorskip("opentelemetry.sdk.trace.export", reason="the extra `telemetry` is not installed")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    spans = pytest.importorskip("api.spans")
    app = create_app(services)
    spans.send_spans(app, export.SimpleSpanProcessor(memory))
    with TestClient(app) as client:
        assert client.get("/graphql", params={"query": "{ secret: __typename }"}).status_code == 200
        assert client.get("/healthz").status_code == 200
    (span,) = memory.get_finished_spans()
    assert "secret" not in span.to_json()
    assert "/graphql" in span.to_json()
