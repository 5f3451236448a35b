"""The reports that an engine is to read: which ones, and their sentences."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from ingest.reports.engine import Engine
from ingest.reports.stages import ReportText, SourceSentence, Stage
from schema.errors import NotFound
from schema.queries.tables import READING, REPORT, SENTENCE, STUDY
from schema.report import Section

READ_SECTIONS = (Section.FINDINGS, Section.IMPRESSION)
_ENGLISH = REPORT.c.language.startswith("en")


@dataclass(frozen=True)
class Source:
    """A report as engines are given it."""

    report_id: int
    study: str
    sentence_ids: tuple[int, ...]
    """Rows of the sentences, by their number."""
    text: ReportText


def engine_version(engine: Engine, *stages: Stage) -> str:
    """Give what a reading is stale by: the model, and the versions of these stages, or of all."""
    versions = (f"{stage} {engine.version(stage)}" for stage in stages or Stage)
    return ", ".join([engine.model, *versions] if engine.model else versions)


def get_study_id(session: Session, name: str) -> int:
    """Give the key of a study.

    Raises:
        NotFound: there is none of this name, or no English report of it.
    """
    reported = sa.select(STUDY.c.id).join(REPORT, REPORT.c.study_id == STUDY.c.id).where(STUDY.c.name == name, _ENGLISH)
    key = session.execute(reported.limit(1)).scalar_one_or_none()
    if key is None:
        raise NotFound(f"there is no English report of a study {name!r}; `groundct ingest reports` brings reports in")
    return int(key)


def count_read(session: Session, engine: Engine, study_id: int | None) -> int:
    """Count the reports whose latest reading is what this engine, in these versions, read."""
    statement = sa.select(sa.func.count()).select_from(REPORT).where(*_readable(study_id), _read_by(engine))
    return int(session.execute(statement).scalar_one())


def readable_reports(session: Session, study_id: int) -> list[int]:
    """Give a study's reports in English that have a sentence to read."""
    return list(session.scalars(sa.select(REPORT.c.id).where(*_readable(study_id)).order_by(REPORT.c.id)))


def reports_to_read(session: Session, engine: Engine, study_id: int | None, limit: int | None) -> list[int]:
    """Give the reports whose latest reading is not what this engine, in these versions, would read; by study."""
    rows = REPORT.join(STUDY, STUDY.c.id == REPORT.c.study_id)
    statement = sa.select(REPORT.c.id).select_from(rows).where(*_readable(study_id), ~_read_by(engine))
    return list(session.scalars(statement.order_by(STUDY.c.name, REPORT.c.id).limit(limit)))


def _read_by(engine: Engine) -> sa.ColumnElement[bool]:
    by = (READING.c.engine == engine.name, READING.c.engine_version == engine_version(engine))
    return sa.exists().where(READING.c.report_id == REPORT.c.id, READING.c.is_latest, *by)


def _readable(study_id: int | None) -> list[sa.ColumnElement[bool]]:
    some = sa.exists().where(SENTENCE.c.report_id == REPORT.c.id, SENTENCE.c.section.in_(READ_SECTIONS))
    return [_ENGLISH, some, *([REPORT.c.study_id == study_id] if study_id is not None else [])]


def read_sources(session: Session, report_ids: Collection[int]) -> list[Source]:
    """Give reports with their sentences of findings and impression, in the order of the text."""
    rows = SENTENCE.join(REPORT, REPORT.c.id == SENTENCE.c.report_id).join(STUDY, STUDY.c.id == REPORT.c.study_id)
    order = (STUDY.c.name, REPORT.c.id, SENTENCE.c.section, SENTENCE.c.start_char)
    statement = (
        sa.select(REPORT.c.id, STUDY.c.name, SENTENCE.c.id, SENTENCE.c.section, SENTENCE.c.text)
        .select_from(rows)
        .where(REPORT.c.id.in_(report_ids), SENTENCE.c.section.in_(READ_SECTIONS))
        .order_by(*order)
    )
    each = groupby(session.execute(statement), key=lambda row: (row[0], row[1]))
    return [_source(report_id, study, sentences) for (report_id, study), sentences in each]


def _source(report_id: int, study: str, rows: Iterator[Any]) -> Source:
    told = [(key, section, text) for _, _, key, section, text in rows]
    sentences = (SourceSentence(number=n, section=each[1], text=each[2]) for n, each in enumerate(told))
    return Source(report_id, study, tuple(key for key, _, _ in told), ReportText(sentences=tuple(sentences)))
