"""What a round changed as one picture: a panel for each of the largest changes, both rounds outlined on the CT."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from textwrap import shorten
from uuid import UUID

from PIL import Image
from sqlmodel import col, select

from compute.jobs.pending import role_of
from compute.jobs.slices import ScanSlice, SlicedScan, fullest_slice
from compute.pictures import Caption, OutlinedEntity, draw_slice, window_of, with_captions
from ingest.files import written
from ingest.rounds.differing import FindingDifference, RoundDifference
from ingest.rounds.drawn import read_labels
from schema.annotation import Annotation
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound
from schema.finding import FindingRevision
from schema.integrity import LABEL_AREAS
from schema.release import Visibility
from schema.scan import Volume

MARGIN_MM = 40.0
"""How much of the slice is shown around both outlines."""
_BEFORE, _AFTER = 5, 4  # light blue and orange: told apart by the colour-blind too
_PANEL_PX = 480
_COLUMNS = 3
_LETTERS = 62
"""Of a line below a panel."""


@dataclass(frozen=True)
class Panel:
    """One change: a square picture, and what stands below it."""

    picture: Image.Image
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Changed:
    """A finding that a round drew otherwise, on a scan with a CT."""

    difference: FindingDifference
    finding: UUID
    text: str
    category: str | None
    scan_id: UUID
    millilitres: float
    """Of a voxel."""

    @property
    def changed_ml(self) -> float:
        """Of all voxels that differ."""
        return (self.difference.voxels_added + self.difference.voxels_removed) * self.millilitres


def save_changes(
    database: Database, store: ArrayStore, difference: RoundDifference, path: Path, *, most: int = 6
) -> None:
    """Draw the largest changes with a legend into a PNG, whole or not at all; see `draw_changes`."""
    panels = draw_changes(database, store, difference, most=most)
    about = f"{len(panels)} of {len(difference.redrawn)} findings drawn otherwise, the largest changes first"
    legend = [Caption(f"before: {difference.before}", _BEFORE), Caption(f"after: {difference.after}", _AFTER)]
    picture = with_captions(_sheet(panels), [*legend, Caption(about)])
    with written(path) as partial:
        picture.save(partial, "PNG")


def draw_changes(database: Database, store: ArrayStore, difference: RoundDifference, *, most: int = 6) -> list[Panel]:
    """Draw the largest changes, by the volume of the voxels that differ, each on the axial slice with most of them.

    Findings of hidden splits are drawn without their words. Findings whose scans have no CT are not drawn.

    Raises:
        NotFound: nothing that differs can be drawn.
        ArrayStoreError: voxels cannot be read.
    """
    changed = [each for visibility in Visibility for each in _changed(database, difference, visibility)]
    shown = sorted(changed, key=lambda each: (-each.changed_ml, each.difference.scan, each.difference.finding))[:most]
    if not shown:
        raise NotFound(f"no voxels differ between {difference.before} and {difference.after} on a scan with a CT")
    return [_panel(database, store, each) for each in shown]


def _changed(database: Database, difference: RoundDifference, visibility: Visibility) -> Iterator[_Changed]:
    hidden = visibility is Visibility.HIDDEN
    by_annotation = {each.after: each for each in difference.redrawn if each.hidden is hidden and each.digest}
    if not by_annotation:
        return
    query = (
        select(Annotation.id, FindingRevision, Volume)
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Annotation.finding_id))
        .join(Volume, col(Volume.scan_id) == col(Annotation.scan_id))
        .where(col(Annotation.id).in_(list(by_annotation)), col(FindingRevision.is_latest))
    )
    with database.transaction(role_of(visibility), visibility) as session:
        for key, revision, volume in session.exec(query):
            facts = (revision.finding_id, "" if hidden else revision.text, revision.category_code)
            yield _Changed(by_annotation[key], *facts, volume.scan_id, prod(volume.spacing_mm) / 1000)


def _panel(database: Database, store: ArrayStore, changed: _Changed) -> Panel:
    told = changed.difference
    visibility = Visibility.HIDDEN if told.hidden else Visibility.OPEN
    area = LABEL_AREAS[visibility]
    with database.transaction(role_of(visibility), visibility) as session:
        sliced = SlicedScan(session.get_one(Volume, changed.scan_id), store)
        labels = [read_labels(session, store, key, area) for key in (told.before, told.after)]
    view = sliced.view()
    cut = sliced.cut(view, fullest_slice(store.read_runs(told.digest or "", area, 0), view))
    picture = _outlined(cut, labels, window_of(changed.category))
    return Panel(picture, tuple(_lines(changed, cut, [each.voxels for each in labels])))


def _outlined(cut: ScanSlice, labels: Sequence[LabelRuns], window_hu: tuple[int, int]) -> Image.Image:
    masks = [cut.labels(each) > 0 for each in labels]
    part = cut.view.around(masks[0] | masks[1], MARGIN_MM)
    outlined = [OutlinedEntity("", n, mask[part]) for n, mask in zip((_BEFORE, _AFTER), masks, strict=True)]
    height = round(_PANEL_PX / max(1.0, cut.view.aspect(cut.hu[part])))
    picture = draw_slice(cut.hu[part], outlined, cut.view, window_hu=window_hu, height_px=height)
    panel = Image.new("RGB", (_PANEL_PX, _PANEL_PX), "black")
    panel.paste(picture, ((_PANEL_PX - picture.width) // 2, (_PANEL_PX - picture.height) // 2))
    return panel


def _lines(changed: _Changed, cut: ScanSlice, voxels: Sequence[int]) -> Iterator[str]:
    told = changed.difference
    before, after = (count * changed.millilitres for count in voxels)
    yield f"{told.scan} {told.finding}, slice {cut.name}"
    yield str(changed.finding)
    yield f"Dice {told.dice:.3f}; {before:.2f} -> {after:.2f} ml ({after - before:+.2f})"
    yield shorten(changed.text, _LETTERS, placeholder=" ...") if changed.text else "(hidden split)"


def _sheet(panels: Sequence[Panel]) -> Image.Image:
    drawn = [with_captions(each.picture, [Caption(line) for line in each.lines]) for each in panels]
    columns, (width, height) = min(_COLUMNS, len(drawn)), drawn[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(drawn) // columns) * height), "black")
    for n, panel in enumerate(drawn):
        sheet.paste(panel, (n % columns * width, n // columns * height))
    return sheet
