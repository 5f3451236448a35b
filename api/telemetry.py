"""Traces by OpenTelemetry: only where its address is set, and its packages are there."""

import os
from importlib import import_module

from fastapi import FastAPI

ADDRESS = "OTEL_EXPORTER_OTLP_ENDPOINT"


def trace_requests(app: FastAPI) -> str | None:
    """Send a span of each request to the collector that is set; give the reason where that cannot be done."""
    if not os.environ.get(ADDRESS):
        return None
    try:
        spans = import_module("api.spans")
    except ModuleNotFoundError as error:
        return f"{ADDRESS} is set, but {error.name} is not installed: pip install 'groundct[telemetry]'"
    spans.send_spans(app)
    return None
