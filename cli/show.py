"""The command that draws: show."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click
import numpy as np
from sqlmodel import Session, col, select

from cli.output import console
from compute.jobs.slices import SlicedScan
from compute.pictures import Caption, OutlinedEntity, draw_slice, with_captions
from migrations.ready import ready_database
from schema.annotation import Annotation, AnnotationState, Entity, LabelArray
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound
from schema.finding import Finding, FindingRevision
from schema.scan import Scan, Volume
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
        sliced = SlicedScan(volume, arrays)
        view = sliced.view()
        cut = sliced.cut(view, _fullest_slice([entity for *_, entities in shown for entity in entities], view.axis))
        outlined = []
        for n, (_text, annotation, entities) in enumerate(shown):
            digest = session.get_one(LabelArray, annotation.label_array_id).digest
            labels = cut.labels(arrays.read_runs(digest, "labels", annotation.array_index))
            outlined += [OutlinedEntity(f"{n}.{entity.label}", n, labels == entity.label) for entity in entities]
        captions = [Caption(f"{n}: {text}", n) for n, (text, *_rest) in enumerate(shown)]
        captions.append(Caption(f"{scan.name}, slice {cut.name}"))
    with_captions(draw_slice(cut.hu, outlined, view), captions).save(out)


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
