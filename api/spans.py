"""Spans of requests, without what clients asked; imported where traces are wanted, as its packages are extra."""

import os
from typing import Any

from fastapi import FastAPI
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

WITH_QUERIES = ("http.url", "http.target", "url.full", "url.query")
"""Attributes that hold the whole address, and so the query of a GET."""


def send_spans(app: FastAPI, processor: SpanProcessor | None = None) -> None:
    """Send a span of each request to a collector, the one that OpenTelemetry's variables name unless given."""
    service = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "groundct")}
    provider = TracerProvider(resource=Resource.create(service))
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app,
        server_request_hook=_without_query,
        tracer_provider=provider,
        exclude_spans=["receive", "send"],
        excluded_urls="healthz,readyz,metrics",
    )


def _without_query(span: Any, scope: dict[str, Any]) -> None:
    for name in WITH_QUERIES:
        if name in (span.attributes or {}):
            span.set_attribute(name, "" if name == "url.query" else scope["path"])
