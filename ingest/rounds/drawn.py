"""Labels of annotations that are in the archive, for handing out, comparing and showing."""

from uuid import UUID

from sqlmodel import Session, col, select

from ingest.rounds.campaign import Wanted
from schema.annotation import Annotation, AnnotationState, LabelArray
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, LabelArea
from schema.integrity import LABEL_AREAS


def standing_elsewhere(session: Session, finding: UUID, round_id: int) -> UUID | None:
    """Give the accepted annotation of a finding that another round has, or None; readers see nothing of their own."""
    query = (
        select(Annotation.id)
        .where(Annotation.finding_id == finding, Annotation.state == AnnotationState.ACCEPTED)
        .where(Annotation.round_id != round_id)
        .order_by(col(Annotation.created_at).desc(), col(Annotation.version).desc(), col(Annotation.id))
    )
    return session.exec(query.limit(1)).one_or_none()


def read_drawn(session: Session, arrays: ArrayStore, wanted: Wanted, annotation: UUID | None) -> LabelRuns:
    """Read the labels of an annotation of a finding; for None, background everywhere."""
    if annotation is None:
        return LabelRuns.empty(wanted.grid.shape_vox[::-1])
    return read_labels(session, arrays, annotation, LABEL_AREAS[wanted.visibility])


def read_labels(session: Session, arrays: ArrayStore, annotation: UUID, area: LabelArea) -> LabelRuns:
    """Read the labels of an annotation that there is."""
    query = select(LabelArray.digest, Annotation.array_index).join_from(
        Annotation, LabelArray, col(LabelArray.id) == col(Annotation.label_array_id)
    )
    digest, index = session.exec(query.where(Annotation.id == annotation)).one()
    return arrays.read_runs(digest, area, index)
