"""A page a scan to review it: three planes of each finding, its words, what contradicts, and keys for the verdict.

A page needs no server and reaches none; its verdicts are saved as a CSV that `ingest reviews` takes.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup
from sqlmodel import Session

from compute.jobs.slices import SlicedScan
from compute.pictures import OutlinedEntity, Plane, draw_slice, window_of
from ingest.files import written
from ingest.reviews.queue import QueuedAnnotation, QueuedCheck
from ingest.reviews.verdicts import COLUMNS
from ingest.rounds.drawn import read_labels
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, LabelArea
from schema.scan import Volume

CHOICES = (
    {"words": "accept", "target": "mask", "verdict": "accept"},
    {"words": "a part is missing", "target": "mask", "verdict": "reject", "reason": "mask_misses_part"},
    {"words": "goes beyond it", "target": "mask", "verdict": "reject", "reason": "mask_spills"},
    {"words": "not where it is", "target": "mask", "verdict": "reject", "reason": "mask_elsewhere"},
    {"words": "the words are wrong", "target": "text", "verdict": "reject", "reason": "text_wrong"},
    {"words": "the category is wrong", "target": "category", "verdict": "reject", "reason": "category_wrong"},
)
"""What the keys 1 to 6 say."""
_SIDE_PX = 420


@dataclass(frozen=True)
class Picture:
    """A slice through an annotation."""

    name: str
    place: str
    data: str
    """A `data:` address of a JPEG."""


@dataclass(frozen=True)
class Card:
    """An annotation on a page."""

    id: UUID
    finding: int
    text: str
    category: str | None
    round: str
    state: str
    disagreement: float
    checks: tuple[QueuedCheck, ...]
    planes: tuple[Picture, ...]
    adjudication: bool


def write_sheet(
    session: Session, store: ArrayStore, queued: Sequence[QueuedAnnotation], out: Path, area: LabelArea = "labels"
) -> Path:
    """Write OUT/<scan>.html for the annotations of one scan, and give its path.

    Raises:
        ArrayStoreError: the voxels cannot be read.
    """
    scan = queued[0].scan
    painter = _Painter(session, store, queued[0].scan_id, area)
    cards = [_card(each, tuple(painter.planes(each))) for each in queued]
    path = out / f"{scan}.html"
    with written(path) as partial:
        partial.write_text(_template().render(_values(scan, cards)), encoding="utf-8")
    return path


def _values(scan: str, cards: Sequence[Card]) -> dict[str, Any]:
    return {
        "scan": scan,
        "cards": cards,
        "choices": CHOICES,
        "choices_json": Markup(json.dumps(CHOICES)),  # noqa: S704 - constants of our own
        "columns_json": Markup(json.dumps(COLUMNS)),  # noqa: S704
        "page_id": sum(card.id.int for card in cards) % 10**9,
    }


@cache
def _template() -> Template:
    return Environment(loader=PackageLoader("ingest.reviews"), autoescape=True).get_template("sheet.html")


def _card(each: QueuedAnnotation, planes: tuple[Picture, ...]) -> Card:
    facts = (each.id, each.finding, each.text, each.category, each.round, str(each.state))
    return Card(*facts, each.disagreement, each.checks, planes, each.adjudication)


class _Painter:
    """Draws slices of one scan."""

    def __init__(self, session: Session, store: ArrayStore, scan: UUID, area: LabelArea) -> None:
        self._session, self._store, self._area = session, store, area
        volume = session.get(Volume, scan)
        self._scan = SlicedScan(volume, store) if volume else None

    def planes(self, queued: QueuedAnnotation) -> Iterator[Picture]:
        """Give the three slices through the middle of an annotation's largest entity; none without a volume."""
        labels = read_labels(self._session, self._store, queued.id, self._area)
        centre = _middle_vox(labels)
        if self._scan is None or centre is None:
            return
        for plane in Plane:
            view = self._scan.view(plane)
            cut = self._scan.cut(view, centre[view.axis])
            drawn = cut.labels(labels)
            entities = [
                OutlinedEntity(str(label), label, drawn == label) for label in np.unique(drawn).tolist() if label
            ]
            picture = draw_slice(cut.hu, entities, view, window_hu=window_of(queued.category))
            yield Picture(plane.value, cut.name, _data(picture))


def _middle_vox(labels: LabelRuns) -> tuple[int, int, int] | None:
    """Give [i, j, k] of a labelled voxel near the middle of the largest entity; None where nothing is drawn."""
    sizes = {int(label): labels.select(int(label)).voxels for label in labels.labels()}
    if not sizes:
        return None
    runs = labels.select(max(sizes, key=lambda label: (sizes[label], -label))).runs.astype(np.int64)
    middles = np.stack([(runs[:, 2] + runs[:, 3] - 1) // 2, runs[:, 1], runs[:, 0]], axis=1)
    weights = runs[:, 3] - runs[:, 2]
    mean = (middles * weights[:, None]).sum(axis=0) / weights.sum()
    i, j, k = middles[np.argmin(((middles - mean) ** 2).sum(axis=1))].tolist()
    return i, j, k


def _data(picture: Any) -> str:
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    content = BytesIO()
    picture.save(content, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}"
