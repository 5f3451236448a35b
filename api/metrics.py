"""Counting what is served, and telling it in Prometheus' text form."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from api.graphql.execution import Way
from api.record import Record
from api.turns import Turns
from schema.database import Database

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
"""Borders of the histogram's bins."""


class Metrics:
    """The numbers of one process, in a registry of their own."""

    def __init__(self, database: Database, turns: Turns) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter("groundct_requests", "Requests.", ["path", "status"], registry=registry)
        self._seconds = Histogram(
            "groundct_request_seconds", "Time to answer.", ["path"], registry=registry, buckets=SECONDS
        )
        operations = Counter("groundct_operations", "GraphQL operations by how answered.", ["way"], registry=registry)
        self._ways = {way.value: operations.labels(way.value) for way in Way}
        self._errors = Counter("groundct_errors", "Answers with an error of a code.", ["code"], registry=registry)
        for name, text, read in (
            ("groundct_connections_in_use", "Connections to the database in use.", database.connections_in_use),
            ("groundct_requests_working", "Requests that are worked on.", lambda: turns.working),
            ("groundct_requests_waiting", "Requests that wait for their turn.", lambda: turns.waiting),
        ):
            Gauge(name, text, registry=registry).set_function(read)

    def count(self, record: Record) -> None:
        """Count a request that has been answered."""
        self._requests.labels(record.path, record.status).inc()
        self._seconds.labels(record.path).observe(record.seconds)
        if record.way is not None:
            self._ways[record.way].inc()
        for code in record.codes:
            self._errors.labels(code).inc()

    def text(self) -> bytes:
        """Give all numbers as Prometheus reads them."""
        return generate_latest(self._registry)
