"""Findings as they came: what an engine reads in their words. Their own categories stay."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from ingest.reports.answers import Answer, Answers
from ingest.reports.readings import descriptor_rows
from ingest.reports.stages import Categorisation, Phrase
from schema import identity
from schema.database import Database
from schema.finding import RevisionSource
from schema.queries.tables import DESCRIPTOR, FINDING, REVISION, SCAN

BATCH = 500
"""Findings at a time."""


def batches_of_texts(
    database: Database, study_id: int | None, *, uncategorised: bool = False
) -> Iterator[dict[UUID, Phrase]]:
    """Give the words of latest revisions by the revision's id, some at a time; or only of those without a category."""
    rows = REVISION.join(FINDING, FINDING.c.id == REVISION.c.finding_id).join(SCAN, SCAN.c.id == FINDING.c.scan_id)
    statement = sa.select(REVISION.c.id, REVISION.c.text).select_from(rows).where(REVISION.c.is_latest)
    statement = statement.where(REVISION.c.text.regexp_match(r"\S")).order_by(REVISION.c.id).limit(BATCH)
    if study_id is not None:
        statement = statement.where(SCAN.c.study_id == study_id)
    if uncategorised:
        statement = statement.where(REVISION.c.category_id.is_(None), REVISION.c.category_code.is_(None))
    after: list[sa.ColumnElement[bool]] = []
    while True:
        with database.transaction() as session:
            texts = {key: Phrase(text=text) for key, text in session.execute(statement.where(*after))}
        if not texts:
            return
        yield texts
        after = [max(texts) < REVISION.c.id]


def save_descriptors(session: Session, texts: dict[UUID, Phrase], answers: Answers, version: str) -> int:
    """Make the descriptors of revisions what was answered, and tell how many revisions changed."""
    answered = {key: answer for key, phrase in texts.items() if (answer := answers.of(phrase)) is not None}
    there = _descriptors_of(session, list(answered))
    changed = 0
    for key, answer in answered.items():
        rows = list(descriptor_rows(answer, version))
        if rows == there.get(key, []):
            continue
        session.execute(sa.delete(DESCRIPTOR).where(DESCRIPTOR.c.revision_id == key))
        if rows:
            session.execute(sa.insert(DESCRIPTOR), [{"revision_id": key, **row} for row in rows])
        changed += 1
    return changed


def _descriptors_of(session: Session, keys: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    names = ("kind", "value", "sizes_mm", "number", "start_char", "end_char", "engine_version")
    columns = (DESCRIPTOR.c[name] for name in names)
    statement = sa.select(DESCRIPTOR.c.revision_id, *columns).where(DESCRIPTOR.c.revision_id.in_(keys))
    found: dict[UUID, list[dict[str, Any]]] = {}
    for key, *values in session.execute(statement.order_by(DESCRIPTOR.c.id)):
        found.setdefault(key, []).append(dict(zip(names, values, strict=True)))
    return found


def save_categories(
    session: Session, texts: dict[UUID, Phrase], answers: Answers, categories: Mapping[str, int]
) -> int:
    """Add a revision with its category to each finding that has none, where one was decided, and tell how many."""
    added = 0
    for key, phrase in texts.items():
        code = _code(answers.of(phrase))
        if code in categories:
            added += _add_revision(session, key, code, categories[code])
    return added


def _code(answer: Answer | None) -> str:
    given = answer.output.code if answer and isinstance(answer.output, Categorisation) else None
    return given or ""


def _add_revision(session: Session, key: UUID, code: str, category_id: int) -> int:
    """Say the same as before, and the category, unless another revision has come."""
    copied = ("finding_id", "text", "present", "refers_to_prior", "text_side")
    statement = sa.select(REVISION.c.revision, *(REVISION.c[name] for name in copied))
    row = session.execute(statement.where(REVISION.c.id == key, REVISION.c.is_latest)).mappings().one_or_none()
    if row is None:
        return 0
    number = row["revision"] + 1
    said = {name: row[name] for name in copied} | {"category_code": code, "category_id": category_id}
    new = {"id": identity.revision_id(row["finding_id"], number), "revision": number, "is_latest": True}
    session.execute(sa.insert(REVISION).values(**new, **said, source=RevisionSource.MODEL))
    return 1
