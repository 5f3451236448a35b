"""Withdrawing what was handed out to an annotator, so that somebody else gets it: as long as it has not come back."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from ingest.rounds.campaign import open_campaign
from ingest.rounds.people import get_annotator
from schema.base import HIDDEN, OPEN
from schema.database import Database, Role
from schema.errors import NotFound, SourceError
from schema.handout import Handout, HandoutState


@dataclass(frozen=True)
class WithdrawOptions:
    """What is to be withdrawn."""

    round: str
    annotator: str
    files: frozenset[str] = frozenset()
    """Names of files of the handout, `SCAN__FINDING.nii.gz`; none: all that is out."""
    with_hidden: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class WithdrawReport:
    """What was withdrawn, or would be: names of files of the handout, sorted."""

    round: str
    annotator: str
    withdrawn: tuple[str, ...]
    returned: tuple[str, ...]
    """What came back, and stays."""
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class _Given:
    id: UUID
    file: str
    state: HandoutState
    schema: str


def withdraw_handouts(database: Database, options: WithdrawOptions) -> WithdrawReport:
    """Withdraw findings that are out with an annotator. All or nothing; whoever returns one meanwhile is waited for.

    Raises:
        NotFound: there is no such round or annotator, or a file that is named was not handed out.
        SourceError: a file that is named came back already, nothing is out, or the round is closed.
        SettingsError: hidden ones are asked for, and the owner is not known.
    """
    with database.transaction(Role.OWNER if options.with_hidden else Role.API) as session:
        campaign, annotator = open_campaign(session, options.round), get_annotator(session, options.annotator)
        schemas = (OPEN, HIDDEN) if options.with_hidden else (OPEN,)
        given = [each for schema in schemas for each in _given(session, schema, campaign.id, annotator.id)]
        out = _chosen(given, options)
        for schema in schemas:
            _withdraw(session, schema, [each.id for each in out if each.schema == schema])
        if options.dry_run:
            session.rollback()
    returned = sorted(each.file for each in given if each.state is HandoutState.RETURNED)
    withdrawn = sorted(each.file for each in out)
    return WithdrawReport(options.round, options.annotator, tuple(withdrawn), tuple(returned), options.dry_run)


def _given(session: Session, schema: str, round_id: int, annotator: int) -> Iterator[_Given]:
    query = (
        sa.select(col(Handout.id), col(Handout.file_name), col(Handout.state))
        .where(col(Handout.round_id) == round_id, col(Handout.annotator_id) == annotator)
        .order_by(col(Handout.id))
        .with_for_update()
    )
    for key, file, state in session.execute(query, execution_options={"schema_translate_map": {OPEN: schema}}):
        yield _Given(key, file, HandoutState(state), schema)


def _chosen(given: Sequence[_Given], options: WithdrawOptions) -> list[_Given]:
    named = {f"{file.removesuffix('.nii.gz')}.nii.gz" for file in options.files}
    if unknown := sorted(named - {each.file for each in given}):
        raise NotFound(f"{unknown[0]} was not handed out to {options.annotator} in round {options.round}")
    chosen = [each for each in given if not named or each.file in named]
    back = sorted(each.file for each in chosen if each.state is HandoutState.RETURNED)
    if named and back:
        told = f"{back[0]} came back already ({len(back)} such files)"
        raise SourceError(f"{told}; have it rejected instead; nothing is withdrawn")
    out = [each for each in chosen if each.state is HandoutState.OUT]
    if not out:
        raise SourceError(f"nothing is out with {options.annotator} in round {options.round}; {len(back)} came back")
    return out


def _withdraw(session: Session, schema: str, keys: Sequence[UUID]) -> None:
    options = {"schema_translate_map": {OPEN: schema}, "synchronize_session": False}
    statement = sa.update(Handout).where(col(Handout.id).in_(keys)).values(state=HandoutState.WITHDRAWN)
    session.execute(statement, execution_options=options)
