"""Reports and their sentences."""

from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from schema.base import Table, enum_column, identity


class Section(StrEnum):
    """The parts of a report as it came."""

    CLINICAL_INFORMATION = "clinical_information"
    TECHNIQUE = "technique"
    FINDINGS = "findings"
    IMPRESSION = "impression"


class Report(Table, table=True):
    """The report of a study in one language; a row without text stands from the first day."""

    __tablename__ = "report"
    __table_args__ = (sa.UniqueConstraint("study_id", "language"),)
    id: int = identity()
    study_id: int = Field(foreign_key="study.id", sa_type=sa.BigInteger)
    language: str = "und"
    """BCP 47 tag; `und` while no text has come."""
    machine_translated: bool | None = None
    """Whether a machine translated it; null is unknown."""
    clinical_information: str | None = None
    technique: str | None = None
    findings: str | None = None
    impression: str | None = None


class Sentence(Table, table=True):
    """One sentence of a report: `section[start_char:end_char]`."""

    __tablename__ = "sentence"
    __table_args__ = (
        sa.UniqueConstraint("report_id", "section", "start_char"),
        sa.CheckConstraint("0 <= start_char AND start_char < end_char", name="span_not_empty"),
    )
    id: int = identity()
    report_id: int = Field(foreign_key="report.id", sa_type=sa.BigInteger)
    section: Section = Field(sa_type=enum_column(Section))
    start_char: int
    end_char: int
    """Half-open, in characters of the section's text."""
    text: str
