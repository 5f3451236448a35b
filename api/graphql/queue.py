"""The queue of reviews: what should be looked at first."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from api.graphql.annotation import Annotation
from api.graphql.declare import described, graphql_type
from api.graphql.listing import Connection, Whole
from api.graphql.siblings import Reading, Siblings
from ingest.reviews.queue import QueuedAnnotation as Queued
from ingest.reviews.queue import review_queue
from schema.queries import views
from schema.queries.pages import PageRequest
from schema.queries.reading import rows_by_key
from schema.queries.scope import NOW


@graphql_type
class QueuedAnnotation:
    """An annotation that waits for a verdict, or is accepted and contradicts the words of its finding."""

    annotation: Annotation
    urgency: float = described("The disagreement, and the severity, 0 to 1, of each of its checks that contradicts.")
    disagreement: float = described("1 less the mean Dice of the finding's readers; 0 where only one drew.")
    adjudication: bool = described("Whether the readers disagree more than the rule allows: an adjudicator decides.")


@graphql_type
class QueuedAnnotationConnection(Connection[QueuedAnnotation]):
    """A page of the queue, the scan with the most urgent annotation first."""


def read_queue(
    reading: Reading, round_name: str | None, scan: str | None, request: PageRequest, *, adjudication: bool
) -> QueuedAnnotationConnection:
    """Read what should be looked at, of one round or scan where it is named, or only what an adjudicator decides."""
    queue = review_queue(reading.session, round_name=round_name, scan=scan, adjudication=adjudication)
    listing: Any = Whole(reading, queue, request, partial(_show, reading))
    return QueuedAnnotationConnection(listing=listing)


def _show(reading: Reading, queue: Sequence[Queued]) -> list[QueuedAnnotation]:
    rows = rows_by_key(reading.session, views.any_annotation(NOW), [each.id for each in queue]) if queue else []
    found = {each.id: each for each in Siblings(reading, NOW, views.any_annotation, rows).records()}
    names = ("urgency", "disagreement", "adjudication")
    return [
        QueuedAnnotation(annotation=found[each.id], **{name: getattr(each, name) for name in names}) for each in queue
    ]
