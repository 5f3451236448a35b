"""The command that draws: show."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click
import nibabel
import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from cli.output import console
from compute.pictures import OutlinedEntity, SliceView, draw_slice
from migrations.ready import ready_database
from schema.annotation import Annotation, AnnotationState, Entity, LabelArray
from schema.arrays.box import Box
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound
from schema.finding import Finding, FindingRevision
from schema.scan import Scan, Volume, VolumeStorage
from schema.settings import load_settings


@click.command()
@click.argument("what", metavar="FINDING|SCAN")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The PNG to write.")
def show(what: str, out: Path) -> None:
    """Draw the axial slice that shows most of a FINDING (its id), or of a SCAN's findings (its name)."""
    settings = load_settings()
    with ready_database(settings) as database:
        draw_scan(database, ArrayStore(settings.arrays_url), what, out)
    console.print(f"written: {out}", soft_wrap=True)


def draw_scan(database: Database, arrays: ArrayStore, what: str, out: Path) -> None:
    """Draw a scan, or the scan of a finding with that finding alone, into a PNG.

    Raises:
        NotFound: there is no such scan or finding, or it has no volume or no entity that may be seen.
    """
    with database.transaction() as session:
        scan, finding_id = _find(session, what)
        volume = session.get(Volume, scan.id)
        if volume is None:
            raise NotFound(f"scan {scan.name} has no volume to draw")
        shown = _shown_findings(session, scan, finding_id)
        if not any(entities for *_, entities in shown):
            raise NotFound(f"{what} has no entity that may be seen")
        view = SliceView.of(np.array(volume.affine_ras).reshape(4, 4), volume.spacing_mm)
        k = _fullest_slice([entity for *_, entities in shown for entity in entities], view.axis)
        box = _slice_box(scan.shape_vox, view.axis, k)
        hu = view.lay_out(_read_hu(arrays, volume, box))
        outlined = []
        for n, (_text, annotation, entities) in enumerate(shown):
            digest = session.get_one(LabelArray, annotation.label_array_id).digest
            labels = view.lay_out(arrays.read_labels(digest, "labels", annotation.array_index, box))
            outlined += [OutlinedEntity(f"{n}.{entity.label}", n, labels == entity.label) for entity in entities]
        captions = [f"{n}: {text}" for n, (text, *_rest) in enumerate(shown)]
        picture = draw_slice(hu, outlined, [*captions, f"{scan.name}, slice {'ijk'[view.axis]} = {k}"], view)
    picture.save(out)


def _find(session: Session, what: str) -> tuple[Scan, UUID | None]:
    try:
        finding = session.get(Finding, UUID(what))
    except ValueError:
        found = session.exec(select(Scan).where(Scan.name == what.removesuffix(".nii.gz"))).first()
        if found is None:
            raise NotFound(f"there is no scan {what!r}") from None
        return found, None
    if finding is None:
        raise NotFound(f"there is no finding {what}")
    return session.get_one(Scan, finding.scan_id), finding.id


_Shown = tuple[str, Annotation, Sequence[Entity]]


def _shown_findings(session: Session, scan: Scan, finding_id: UUID | None) -> list[_Shown]:
    query = (
        select(FindingRevision.text, Annotation)
        .join(Annotation, col(Annotation.finding_id) == col(FindingRevision.finding_id))
        .join(Finding, col(Finding.id) == col(Annotation.finding_id))
        .where(
            Annotation.scan_id == scan.id,
            Annotation.state == AnnotationState.ACCEPTED,
            FindingRevision.is_latest,
        )
        .order_by(col(Finding.source_index))
    )
    if finding_id is not None:
        query = query.where(Finding.id == finding_id)
    return [
        (text, annotation, session.exec(select(Entity).where(Entity.annotation_id == annotation.id)).all())
        for text, annotation in session.exec(query)
    ]


def _fullest_slice(entities: Sequence[Entity], axis: int) -> int:
    """Find the slice that most entities' boxes cross, weighted by their voxels per slice."""
    boxes = [(getattr(entity, f"box_{'ijk'[axis]}"), entity.voxels) for entity in entities]
    weights = np.zeros(max(box.upper for box, _ in boxes))
    for box, voxels in boxes:
        weights[box.lower : box.upper] += (voxels / (box.upper - box.lower)) ** 0.5
    best = np.flatnonzero(weights == weights.max())
    return int(best[len(best) // 2])


def _slice_box(shape_vox: Sequence[int], axis: int, k: int) -> Box:
    start, stop = [0, 0, 0], list(shape_vox)
    start[axis], stop[axis] = k, k + 1
    return (start[2], start[1], start[0]), (stop[2], stop[1], stop[0])


def _read_hu(arrays: ArrayStore, volume: Volume, box: Box) -> NDArray[np.int16]:
    if volume.storage is VolumeStorage.COPY:
        return arrays.read_volume(volume.digest, box)
    (z0, y0, x0), (z1, y1, x1) = box
    image = nibabel.load(volume.source_path or "")
    return np.asarray(image.dataobj[x0:x1, y0:y1, z0:z1]).astype(np.int16).T
