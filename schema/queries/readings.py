"""What was read in reports: the latest reading of a study's report, and what of all of them waits for a person."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schema.errors import NotFound
from schema.queries.tables import (
    DESCRIPTOR,
    LOSS,
    OBSERVATION,
    READING,
    REPORT,
    REWRITTEN_SENTENCE,
    SENTENCE,
    SENTENCE_ACCOUNT,
    STUDY,
)
from schema.report import SentenceUse


def latest_readings(session: Session, study: str) -> list[dict[str, Any]]:
    """Give the latest reading of each of a study's reports, with its rows.

    Raises:
        NotFound: none was read.
    """
    rows = READING.join(REPORT, REPORT.c.id == READING.c.report_id).join(STUDY, STUDY.c.id == REPORT.c.study_id)
    names = ("id", "engine", "engine_version", "sentences", "flagged", "created_at")
    columns = (READING.c[name] for name in names)
    statement = (
        sa.select(REPORT.c.language, *columns).select_from(rows).where(READING.c.is_latest, STUDY.c.name == study)
    )
    found = [dict(row) for row in session.execute(statement.order_by(REPORT.c.language)).mappings()]
    if not found:
        raise NotFound(f"no report of a study {study!r} was read: run `groundct reports process --study {study}`")
    return [{**row, **_parts(session, row["id"])} for row in found]


def _parts(session: Session, reading_id: int) -> dict[str, list[dict[str, Any]]]:
    accounts = SENTENCE_ACCOUNT.join(SENTENCE, SENTENCE.c.id == SENTENCE_ACCOUNT.c.sentence_id)
    described = OBSERVATION.join(DESCRIPTOR, DESCRIPTOR.c.observation_id == OBSERVATION.c.id)
    account, said, seen = SENTENCE_ACCOUNT.c, REWRITTEN_SENTENCE.c, OBSERVATION.c
    descriptor, lost = DESCRIPTOR.c, LOSS.c
    source = sa.select(SENTENCE.c.section, SENTENCE.c.text, account.use, account.reason).select_from(accounts)
    values = (descriptor.kind, descriptor.value, descriptor.start_char, descriptor.end_char)
    described_rows = (
        sa.select(seen.position, *values).select_from(described).order_by(seen.position, descriptor.start_char)
    )
    observed = sa.select(seen.position, seen.phrase, seen.present, seen.refers_to_prior, seen.category_code)
    statements = {
        "source": source.where(account.reading_id == reading_id).order_by(SENTENCE.c.section, SENTENCE.c.start_char),
        "rewritten": sa.select(said.region, said.text).where(said.reading_id == reading_id).order_by(said.position),
        "observations": observed.where(seen.reading_id == reading_id).order_by(seen.position),
        "descriptors": described_rows.where(seen.reading_id == reading_id),
        "losses": sa.select(lost.kind, lost.what, lost.repaired).where(lost.reading_id == reading_id).order_by(lost.id),
    }
    return {name: [dict(row) for row in session.execute(each).mappings()] for name, each in statements.items()}


def waiting(session: Session) -> list[dict[str, Any]]:
    """Give what waits for a person in latest readings, by study: losses not repaired, and sentences not decided."""
    rows = READING.join(REPORT, REPORT.c.id == READING.c.report_id).join(STUDY, STUDY.c.id == REPORT.c.study_id)
    with_loss = rows.join(LOSS, LOSS.c.reading_id == READING.c.id)
    with_loss = with_loss.outerjoin(SENTENCE, SENTENCE.c.id == LOSS.c.sentence_id)
    with_account = rows.join(SENTENCE_ACCOUNT, SENTENCE_ACCOUNT.c.reading_id == READING.c.id)
    with_account = with_account.join(SENTENCE, SENTENCE.c.id == SENTENCE_ACCOUNT.c.sentence_id)
    of = (STUDY.c.name.label("study"), READING.c.engine)
    kind = sa.cast(LOSS.c.kind, sa.Text)
    lost = sa.select(*of, kind.label("kind"), LOSS.c.what, SENTENCE.c.text.label("sentence")).select_from(with_loss)
    flagged = sa.select(*of, sa.literal("undecided"), SENTENCE.c.text, SENTENCE.c.text).select_from(with_account)
    both = sa.union_all(
        lost.where(READING.c.is_latest, ~LOSS.c.repaired, kind != "sentence"),
        flagged.where(READING.c.is_latest, SENTENCE_ACCOUNT.c.use == SentenceUse.FLAGGED),
    ).subquery()
    return [dict(row) for row in session.execute(sa.select(both).order_by(both.c.study, both.c.kind)).mappings()]
