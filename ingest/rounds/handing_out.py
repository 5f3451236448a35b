"""Handing findings out: a folder with a file of labels for each, a sidecar, and a page that says what to draw."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.exports.folder import ABOUT
from ingest.faults import FaultDraft, fault
from ingest.files import file_sha256, write_json
from ingest.nifti_files import write_mask
from ingest.rounds.campaign import Campaign, Wanted, open_campaign, require_owner, wanted_findings
from ingest.rounds.drawn import read_drawn, standing_elsewhere
from ingest.rounds.locking import keep_scan, lock_handout
from ingest.rounds.page import PageRow, write_page
from ingest.rounds.people import get_annotator
from ingest.rounds.sidecar import SidecarRow, file_name, read_sidecar, write_sidecar
from schema.annotation import AnnotationState
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import SourceError
from schema.handout import Handout, HandoutState
from schema.identity import NAMESPACE
from schema.import_run import FaultKind, Severity
from schema.round import Person
from schema.scan import Volume

SIDECAR = "sidecar.csv"
PAGE = "index.html"
FORM = "handout"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class HandoutOptions:
    """What is asked of a handout."""

    round: str
    annotator: str
    out: Path
    correct: bool = True
    """Show the labels that are accepted now, of other rounds, where there are any; else every file is empty."""
    most: int | None = None
    """How many findings in all; None: all that are left."""
    with_hidden: bool = False


@dataclass
class HandoutReport:
    """What an annotator has in the folder now."""

    round: str
    annotator: str
    out: Path
    new: int = 0
    already: int = 0
    """Handed out before."""
    shown: int = 0
    """Of both, those whose file holds labels to correct."""
    with_others: int = 0
    """Findings that as many others have as the round asks readers for."""
    withdrawn: int = 0
    """Findings that were withdrawn from this annotator, who does not get them again."""
    faults: list[FaultDraft] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        counts = {name: getattr(self, name) for name in ("new", "already", "shown", "with_others", "withdrawn")}
        faults = [one.to_json() for one in self.faults]
        return {"round": self.round, "annotator": self.annotator, "out": str(self.out), **counts, "faults": faults}


def hand_out(
    database: Database, arrays: ArrayStore, options: HandoutOptions, progress: Progress | None = None
) -> HandoutReport:
    """Hand findings out; run again, it goes on where it was interrupted, and never writes over a file that is there.

    Raises:
        NotFound: there is no such round or annotator.
        SourceError: the round is closed, the folder holds something else, or findings are hidden and not asked for.
        SettingsError: hidden findings are asked for, and the owner is not known.
    """
    with database.transaction() as session:
        campaign = open_campaign(session, options.round)
        if campaign.cohort_id is None:
            raise SourceError(f"round {campaign.name} was imported; open one over a cohort to hand findings out")
        annotator = get_annotator(session, options.annotator)
        session.expunge(annotator)
        wanted = wanted_findings(session, campaign)
    _check_hidden(database, wanted, options)
    handing = _Handing(database, arrays, options, campaign, annotator)
    return handing.run(wanted, progress)


def _check_hidden(database: Database, wanted: Sequence[Wanted], options: HandoutOptions) -> None:
    hidden = sum(each.hidden for each in wanted)
    if hidden and not options.with_hidden:
        raise SourceError(
            f"{hidden} of the round's {len(wanted)} findings stand in a hidden split; say --with-hidden, as the owner, "
            "to hand them out: what comes back stays hidden"
        )
    require_owner(database, wanted)


class _Handing:
    """Hands the findings of one round out to one annotator."""

    def __init__(
        self, database: Database, arrays: ArrayStore, options: HandoutOptions, campaign: Campaign, annotator: Person
    ) -> None:
        self.database = database
        self.arrays = arrays
        self.options = options
        self.campaign = campaign
        self.annotator = annotator
        self.report = HandoutReport(options.round, options.annotator, options.out)
        self.given: dict[UUID, bool] = {}
        """By finding, whether labels are shown."""

    def run(self, wanted: Sequence[Wanted], progress: Progress | None) -> HandoutReport:
        self._open_folder()
        known = self._known(wanted)
        for n, each in enumerate(sorted(wanted, key=lambda one: one.id not in known), 1):
            if each.id in known or self.options.most is None or len(self.given) < self.options.most:
                self._hand_out(each)
            if progress:
                progress(n, len(wanted))
        self._write_tables([each for each in wanted if each.id in self.given])
        self.report.shown = sum(self.given.values())
        return self.report

    def _open_folder(self) -> None:
        out, about = self.options.out, self.options.out / ABOUT
        what = {
            "form": FORM,
            "round": self.campaign.name,
            "annotator": self.annotator.pseudonym,
            "correct": self.options.correct,
        }
        if about.is_file():
            known = json.loads(about.read_text("utf-8"))
            if known != what:
                told = ", ".join(f"{name} {value}" for name, value in known.items())
                raise SourceError(f"{out}: holds something else ({told}); name another folder")
        elif out.exists() and any(out.iterdir()):
            raise SourceError(f"{out}: is not empty, and no handout; name another folder")
        out.mkdir(parents=True, exist_ok=True)
        write_json(about, what)

    def _known(self, wanted: Sequence[Wanted]) -> set[UUID]:
        query = select(Handout.finding_id).where(
            Handout.round_id == self.campaign.id, Handout.annotator_id == self.annotator.id
        )
        return set(self._of_both(wanted, lambda session: session.exec(query).all()))

    def _of_both(self, wanted: Sequence[Wanted], read: Callable[[Session], Sequence[UUID]]) -> Iterator[UUID]:
        for role, visibility in {(each.role, each.visibility) for each in wanted}:
            with self.database.transaction(role, visibility) as session:
                yield from read(session)

    def _hand_out(self, wanted: Wanted) -> None:
        if wanted.grid.affine_ras is None:
            message = "the scan has no volume, whose grid the labels need; it is not handed out"
            where = {"scan": wanted.scan, "finding": wanted.index}
            told = fault(FaultKind.MISSING_VOLUME, message, severity=Severity.LEFT_OUT, **where)  # type: ignore[arg-type]
            self.report.faults.append(told)
            return
        with self.database.transaction(wanted.role, wanted.visibility) as session:
            keep_scan(session, wanted.scan)
            lock_handout(session, self.campaign.id, wanted.id)
            self._give(session, wanted)

    def _give(self, session: Session, wanted: Wanted) -> None:
        """Give a finding, its lock held: the file is there before the row, and the row before anybody knows."""
        handouts = session.exec(
            select(Handout).where(Handout.round_id == self.campaign.id, Handout.finding_id == wanted.id)
        ).all()
        mine = next((each for each in handouts if each.annotator_id == self.annotator.id), None)
        others = sum(each.state != HandoutState.WITHDRAWN for each in handouts)
        if mine is None and self.campaign.readers is not None and others >= self.campaign.readers:
            self.report.with_others += 1
            return
        if mine is not None and mine.state == HandoutState.WITHDRAWN:
            self.report.withdrawn += 1
            return
        shown = mine.shown_id if mine else self._shown(session, wanted)
        path = self._write_file(session, wanted, shown, mine)
        if mine is None:
            session.execute(sa.insert(Handout).values(**self._row(wanted, shown, path)))
        self.given[wanted.id] = shown is not None
        self.report.new += mine is None
        self.report.already += mine is not None

    def _shown(self, session: Session, wanted: Wanted) -> UUID | None:
        return standing_elsewhere(session, wanted.id, self.campaign.id) if self.options.correct else None

    def _write_file(self, session: Session, wanted: Wanted, shown: UUID | None, known: Handout | None) -> Path:
        """Write the file unless it is there: what an annotator has begun to draw stays."""
        path = self.options.out / file_name(wanted.scan, wanted.index)
        if known is not None and path.exists():
            return path
        labels = read_drawn(session, self.arrays, wanted, shown)
        fresh = path.with_name(f".{path.name.removesuffix('.nii.gz')}.fresh.nii.gz")
        write_mask(fresh, [labels], wanted.grid.affine_ras, flat=True)
        if path.exists() and file_sha256(path) != file_sha256(fresh):
            fresh.unlink()
            raise SourceError(f"{path}: is there already and holds something else; name another folder")
        fresh.replace(path)
        return path

    def _row(self, wanted: Wanted, shown: UUID | None, path: Path) -> dict[str, Any]:
        if wanted.grid.affine_ras is None:
            raise ValueError(f"{wanted.scan} has no grid")
        return {
            "id": uuid5(NAMESPACE, f"handout/{self.campaign.name}/{wanted.id}/{self.annotator.pseudonym}"),
            "round_id": self.campaign.id,
            "finding_id": wanted.id,
            "scan_id": wanted.scan_id,
            "revision_id": wanted.revision_id,
            "annotator_id": self.annotator.id,
            "shown_id": shown,
            "file_name": path.name,
            "file_sha256": file_sha256(path),
            "affine_ras": wanted.grid.affine_ras.ravel().tolist(),
            "state": HandoutState.OUT,
        }

    def _write_tables(self, given: Sequence[Wanted]) -> None:
        """Write the page anew; of the sidecar the rows that are there stay as they are."""
        path = self.options.out / SIDECAR
        rows = read_sidecar(path) if path.exists() and given else []
        there = {row.key for row in rows}
        fresh = [self._sidecar_row(each) for each in given if (each.scan, str(each.index)) not in there]
        if fresh or not path.exists():
            write_sidecar(path, [*rows, *fresh])
        volumes = self._volumes(given)
        page = [
            PageRow(
                each.scan,
                each.index,
                each.text,
                each.category,
                file_name(each.scan, each.index),
                self.given[each.id],
                volumes.get(each.scan_id, ""),
            )
            for each in given
        ]
        write_page(self.options.out / PAGE, self.campaign, self.annotator.pseudonym, page)

    def _sidecar_row(self, wanted: Wanted) -> SidecarRow:
        return SidecarRow(
            scan=wanted.scan,
            finding=str(wanted.index),
            text=wanted.text,
            annotator=self.annotator.pseudonym,
            status=AnnotationState.DRAFT,
        )

    def _volumes(self, given: Sequence[Wanted]) -> dict[UUID, str]:
        """Say where the CT of each scan is: the file that was left in place, or the stored array."""
        keys = {each.scan_id for each in given}
        with self.database.transaction() as session:
            rows = session.exec(select(Volume).where(col(Volume.scan_id).in_(keys))).all()
            return {row.scan_id: row.source_path or self.arrays.address("volumes", row.digest) for row in rows}
