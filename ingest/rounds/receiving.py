"""Taking what an annotator drew for one finding, sent by itself: as from a folder, without a folder and a sidecar."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from sqlmodel import Session

from ingest.faults import FaultDraft
from ingest.report import save_report
from ingest.rounds.campaign import Campaign, Wanted, get_wanted, open_campaign
from ingest.rounds.checking import Return, may_bring
from ingest.rounds.people import get_annotator
from ingest.rounds.returning import ReturnJob, ReturnOutcome, ReturnReport, Untaken, handed_out, noted_run
from ingest.rounds.saving import AcceptedAlready, Author, find_latest
from schema.annotation import AnnotationState
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import SourceError
from schema.import_run import FaultKind, Severity

_GZIP = b"\x1f\x8b"


class NotTaken(SourceError):
    """What was sent cannot be taken; the message says why, and what to do."""


@dataclass(frozen=True)
class Drawing:
    """What an annotator sends of a finding."""

    round: str
    annotator: str
    """The pseudonym."""
    finding: UUID
    content: bytes
    """A NIfTI file of labels, 3D, on the grid of the finding's scan; gzipped or not."""
    sender: str
    """Who is noted to have sent it."""
    state: AnnotationState = AnnotationState.DRAFT
    as_drawn: bool = False
    """Take labels that look mirrored, swapped or shifted as they are, with a warning."""


@dataclass(frozen=True)
class Received:
    """What became of it."""

    outcome: ReturnOutcome
    annotation: UUID | None
    """The annotator's latest version of the finding; None where nothing was ever saved."""


def receive(database: Database, arrays: ArrayStore, drawing: Drawing) -> Received:
    """Save what was sent as a version of its annotator's, unless it is the one before, or a draft of what went out.

    Raises:
        NotFound: there is no such round or annotator, or the round is not about the finding.
        SourceError: the round is closed.
        NotTaken: the file cannot be used, lies elsewhere, is not the annotator's to bring, or is about a hidden scan.
        AcceptedAlready: other voxels of the annotator's were accepted in the round.
    """
    with database.transaction() as session:
        campaign = open_campaign(session, drawing.round)
        person = get_annotator(session, drawing.annotator).id
        wanted = get_wanted(session, campaign, drawing.finding)
    _require_allowed(database, campaign, wanted, drawing.annotator)
    author = Author(campaign, person, drawing.annotator)
    settings = {"round": drawing.round, "annotator": drawing.annotator, "finding": str(drawing.finding)}
    with noted_run(database, drawing.sender, settings) as run_id, _as_file(drawing.content) as path:
        job = ReturnJob(database, arrays, campaign, {drawing.annotator: person}, run_id, drawing.as_drawn, False)
        (outcome,) = job([Return(wanted, drawing.annotator, drawing.state, path, labels=None, shared=False)])
        outcome = replace(outcome, faults=tuple(replace(one, path=None) for one in outcome.faults))
        save_report(database, run_id, ReturnReport(drawing.round, dry_run=False, outcomes=[outcome]).imported)
    if outcome.became is Untaken.LEFT_OUT:
        raise _refusal(outcome.faults)
    with database.transaction() as session:
        return Received(outcome, _latest(session, author, drawing.finding))


def _require_allowed(database: Database, campaign: Campaign, wanted: Wanted, annotator: str) -> None:
    if wanted.hidden:
        remedy = "bring it by `groundct ingest round`, as the owner"
        raise NotTaken(f"scan {wanted.scan} stands in a hidden split: {remedy}")
    if not may_bring(handed_out(database, campaign, [wanted]), annotator, wanted.id):
        raise NotTaken(f"finding {wanted.index} of {wanted.scan} was not handed out to {annotator}")


@contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    with NamedTemporaryFile(suffix=".nii.gz" if content.startswith(_GZIP) else ".nii") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)


def _refusal(faults: tuple[FaultDraft, ...]) -> SourceError:
    left_out = [one for one in faults if one.severity is Severity.LEFT_OUT]
    message = "; ".join(f"{one.message}; {one.remedy}" for one in left_out)
    accepted = any(one.kind is FaultKind.CHANGED_SINCE for one in left_out)
    return AcceptedAlready(message) if accepted else NotTaken(message)


def _latest(session: Session, author: Author, finding: UUID) -> UUID | None:
    latest = find_latest(session, author, finding)
    return latest.id if latest else None
