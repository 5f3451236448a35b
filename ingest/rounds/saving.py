"""Saving what an annotator says of a finding, in the caller's transaction: a version that supersedes the one before."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from compute.geometry import EntityMeasures
from ingest.rounds.campaign import Campaign, Wanted
from ingest.rounds.locking import keep_scan, lock_annotation
from schema import identity
from schema.annotation import Annotation, AnnotationState, Entity, Geometry, LabelArray
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, StoredArray
from schema.errors import SourceError
from schema.handout import Handout, HandoutState
from schema.integrity import LABEL_AREAS
from schema.round import Round

Labels = tuple[LabelRuns, Sequence[EntityMeasures]]
"""What is drawn, and what is measured of each of its labels, ascending."""


class Saved(StrEnum):
    """What became of an annotation that came back."""

    NEW = "new"
    SUPERSEDING = "superseding"
    """It takes the place of an earlier version."""
    SUBMITTED = "submitted"
    """The same voxels as the draft before, which is submitted now."""
    UNCHANGED = "unchanged"


class HandoutWithdrawn(SourceError):
    """What came back was withdrawn from its annotator; somebody else draws it."""


class AcceptedAlready(SourceError):
    """What came back would take the place of an annotation that was accepted; reject that one, or open a new round."""


@dataclass(frozen=True)
class Author:
    """Who says something in a round."""

    campaign: Campaign
    id: int
    pseudonym: str
    run_id: int | None = None


def name_person(session: Session, pseudonym: str | None, reason: str) -> None:
    """Say who changes states in this transaction, and why; the log of events takes it from here."""
    settings = {"groundct.person": pseudonym or "", "groundct.reason": reason}
    session.execute(sa.select(*(sa.func.set_config(name, value, True) for name, value in settings.items())))


def find_latest(session: Session, author: Author, finding: UUID, *, keep: bool = False) -> Annotation | None:
    """Give the latest version of what somebody says of a finding in a round, or None; with `keep` none changes it."""
    query = select(Annotation).where(
        Annotation.round_id == author.campaign.id,
        Annotation.finding_id == finding,
        Annotation.annotator_id == author.id,
    )
    query = query.order_by(col(Annotation.version).desc()).limit(1)
    return session.exec(query.with_for_update() if keep else query).one_or_none()


def foresee(latest: Annotation | None, digest: str, state: AnnotationState) -> Saved:
    """Tell what would become of labels of this digest, given the version before.

    Raises:
        AcceptedAlready: the version before was accepted.
    """
    if latest is None:
        return Saved.NEW
    if latest.labels_digest == digest:
        submits = (latest.state, state) == (AnnotationState.DRAFT, AnnotationState.SUBMITTED)
        return Saved.SUBMITTED if submits else Saved.UNCHANGED
    if latest.state == AnnotationState.ACCEPTED:
        raise AcceptedAlready("other voxels were accepted in this round; have those rejected, or open another round")
    return Saved.SUPERSEDING


def save_annotation(
    session: Session, arrays: ArrayStore, author: Author, wanted: Wanted, labels: Labels, state: AnnotationState
) -> Saved:
    """Write the array, then the rows of an annotation, its entities and their geometry; the caller commits.

    The session is of the schema, and of the role, that the finding's scan asks for.

    Raises:
        SourceError: the round was closed meanwhile.
        HandoutWithdrawn: the finding was withdrawn from the annotator.
        AcceptedAlready: the version before was accepted.
        ArrayStoreError: the array cannot be written.
    """
    keep_scan(session, wanted.scan)
    lock_annotation(session, author.campaign.id, wanted.id, author.id)
    _require_open(session, author.campaign)
    _require_not_withdrawn(session, author, wanted)
    latest, digest = find_latest(session, author, wanted.id, keep=True), labels[0].digest()
    saved = foresee(latest, digest, state)
    if saved is Saved.SUBMITTED and latest is not None:
        _change_state(session, latest, AnnotationState.SUBMITTED, author, "returned as submitted")
    if saved in (Saved.NEW, Saved.SUPERSEDING):
        key = _add_version(session, arrays, author, wanted, labels, state, latest)
        _note_return(session, author, wanted, key)
    elif latest is not None:
        _note_return(session, author, wanted, latest.id)
    return saved


def _require_open(session: Session, campaign: Campaign) -> None:
    """Whoever closes the round waits for this transaction; whoever comes after that is refused."""
    closed = session.exec(select(Round.closed_at).where(Round.id == campaign.id).with_for_update(read=True)).one()
    if closed is not None:
        raise SourceError(f"round {campaign.name} was closed on {closed:%Y-%m-%d}; open another one")


def _require_not_withdrawn(session: Session, author: Author, wanted: Wanted) -> None:
    """Whoever withdraws the handout waits for this transaction; whoever comes after that is refused."""
    query = select(Handout.state).where(
        Handout.round_id == author.campaign.id,
        Handout.finding_id == wanted.id,
        Handout.annotator_id == author.id,
    )
    if session.exec(query.with_for_update(read=True)).one_or_none() == HandoutState.WITHDRAWN:
        raise HandoutWithdrawn(f"it was withdrawn from {author.pseudonym}; somebody else draws it")


def _change_state(session: Session, row: Annotation, state: AnnotationState, author: Author, reason: str) -> None:
    name_person(session, author.pseudonym, reason)
    session.execute(sa.update(Annotation).where(col(Annotation.id) == row.id).values(state=state))


def _add_version(
    session: Session,
    arrays: ArrayStore,
    author: Author,
    wanted: Wanted,
    labels: Labels,
    state: AnnotationState,
    latest: Annotation | None,
) -> UUID:
    runs, measures = labels
    stored = arrays.write_labels([runs], LABEL_AREAS[wanted.visibility])
    if latest is not None and latest.state != AnnotationState.SUPERSEDED:
        _change_state(session, latest, AnnotationState.SUPERSEDED, author, "returned again")
    version = latest.version + 1 if latest else 1
    key = identity.annotation_id(wanted.id, author.campaign.name, author.pseudonym, version)
    policy = author.campaign.policy
    row = {
        "id": key,
        "finding_id": wanted.id,
        "scan_id": wanted.scan_id,
        "round_id": author.campaign.id,
        "annotator_id": author.id,
        "version": version,
        "state": state,
        "policy": policy.kind,
        "policy_limit": policy.limit,
        "protocol": author.campaign.protocol,
        "label_array_id": _save_array(session, wanted, stored),
        "array_index": 0,
        "labels_digest": runs.digest(),
        "voxels": runs.voxels,
        "supersedes_id": latest.id if latest else None,
        "import_run_id": author.run_id,
    }
    session.execute(sa.insert(Annotation).values(**row))
    rows = [each.rows(key) for each in measures]
    for model, each in ((Entity, [entity for entity, _ in rows]), (Geometry, [geometry for _, geometry in rows])):
        if each:
            session.execute(sa.insert(model), each)
    return key


def _save_array(session: Session, wanted: Wanted, stored: StoredArray) -> UUID:
    key = identity.label_array_id(wanted.scan_id, stored.digest)
    row: dict[str, Any] = {"id": key, "scan_id": wanted.scan_id, "digest": stored.digest, "findings": 1}
    size = {"stored_sha256": stored.stored_sha256, "stored_bytes": stored.stored_bytes}
    session.execute(insert(LabelArray).values(**row, **size).on_conflict_do_nothing())
    return key


def _note_return(session: Session, author: Author, wanted: Wanted, annotation: UUID) -> None:
    statement = sa.update(Handout).where(
        col(Handout.round_id) == author.campaign.id,
        col(Handout.finding_id) == wanted.id,
        col(Handout.annotator_id) == author.id,
        col(Handout.annotation_id).is_distinct_from(annotation),
    )
    session.execute(statement.values(state=HandoutState.RETURNED, annotation_id=annotation))
