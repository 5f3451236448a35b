"""Reports, their sentences, and what an engine read in them: rewritten sentences, observations, what became of each."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from schema.base import Table, enum_column, identity, now_column


class Section(StrEnum):
    """The parts of a report as it came."""

    CLINICAL_INFORMATION = "clinical_information"
    TECHNIQUE = "technique"
    FINDINGS = "findings"
    IMPRESSION = "impression"


class Region(StrEnum):
    """The seven regions of a rewritten report, and its impression."""

    LUNGS = "lungs"
    HEART = "heart"
    MEDIASTINUM = "mediastinum"
    CHEST_WALL = "chest_wall"
    LOWER_NECK = "lower_neck"
    BONES = "bones"
    UPPER_ABDOMEN = "upper_abdomen"
    IMPRESSION = "impression"


class EngineName(StrEnum):
    """Who read a text."""

    RULES = "rules"
    OPENAI = "openai"
    SOURCE = "source"
    """Read elsewhere, and imported as it came."""
    PERSON = "person"


class SentenceUse(StrEnum):
    """What a reading made of a source sentence."""

    USED = "used"
    DROPPED = "dropped"
    FLAGGED = "flagged"


class DropReason(StrEnum):
    """Why a sentence gave no observation."""

    NORMAL = "normal"
    SPECULATION = "speculation"
    RECOMMENDATION = "recommendation"
    QUESTION = "question"
    TECHNIQUE = "technique"
    NOT_A_FINDING = "not_a_finding"


class LossKind(StrEnum):
    """What of a source text was not found again in what was made of it."""

    MEASUREMENT = "measurement"
    SIDE = "side"
    CODE = "code"
    SENTENCE = "sentence"


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


class SentenceAlignment(Table, table=True):
    """A sentence of a translation and the sentence of the original that it says."""

    __tablename__ = "sentence_alignment"
    __table_args__ = (
        sa.Index(None, "original_id"),
        sa.CheckConstraint("sentence_id <> original_id", name="two_sentences"),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name="score_is_share"),
    )
    sentence_id: int = Field(primary_key=True, foreign_key="sentence.id", sa_type=sa.BigInteger)
    original_id: int = Field(primary_key=True, foreign_key="sentence.id", sa_type=sa.BigInteger)
    score: float = Field(sa_type=sa.Double)


class Reading(Table, table=True):
    """What one engine read in one report, whole; the latest one counts, earlier ones stay."""

    __tablename__ = "reading"
    __table_args__ = (
        sa.Index("uq_reading_latest", "report_id", unique=True, postgresql_where=sa.text("is_latest")),
        sa.Index(None, "report_id"),
        sa.CheckConstraint("flagged >= 0 AND flagged <= sentences", name="flagged_within_sentences"),
    )
    id: int = identity()
    report_id: int = Field(foreign_key="report.id", sa_type=sa.BigInteger)
    engine: EngineName = Field(sa_type=enum_column(EngineName))
    engine_version: str
    """Versions of the rules, or of prompts and model: another one makes the reading stale."""
    is_latest: bool = True
    """Kept by a trigger: the reading added last."""
    sentences: int
    """Source sentences that it accounts for: all of them."""
    flagged: int
    """Those that nothing was decided about."""
    created_at: datetime = now_column()


class RewrittenSentence(Table, table=True):
    """A sentence of a rewritten report, in its region."""

    __tablename__ = "rewritten_sentence"
    __table_args__ = (sa.UniqueConstraint("reading_id", "position"),)
    id: int = identity()
    reading_id: int = Field(foreign_key="reading.id", sa_type=sa.BigInteger)
    position: int = Field(ge=0)
    region: Region = Field(sa_type=enum_column(Region))
    text: str


class RewrittenSource(Table, table=True):
    """A source sentence that a rewritten sentence says, and how surely."""

    __tablename__ = "rewritten_source"
    __table_args__ = (
        sa.Index(None, "sentence_id"),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name="score_is_share"),
    )
    rewritten_id: int = Field(primary_key=True, foreign_key="rewritten_sentence.id", sa_type=sa.BigInteger)
    sentence_id: int = Field(primary_key=True, foreign_key="sentence.id", sa_type=sa.BigInteger)
    score: float = Field(sa_type=sa.Double)


class Observation(Table, table=True):
    """One thing that a reading says is there or is not; a finding may be drawn for it."""

    __tablename__ = "observation"
    __table_args__ = (
        sa.UniqueConstraint("reading_id", "position"),
        sa.Index(None, "finding_id"),
        sa.Index(None, "category_id"),
    )
    id: int = identity()
    reading_id: int = Field(foreign_key="reading.id", sa_type=sa.BigInteger)
    position: int = Field(ge=0)
    phrase: str
    present: bool
    refers_to_prior: bool
    category_id: int | None = Field(default=None, foreign_key="category.id", sa_type=sa.BigInteger)
    """Null where none was decided."""
    category_code: str | None = None
    """As the engine gave it."""
    finding_id: UUID | None = Field(default=None, foreign_key="finding.id")
    """The finding that it is, where one of the study's scans has it."""
    match_score: float | None = Field(default=None, sa_type=sa.Double)
    """How alike the words of both are, 0 to 1."""


class ObservationSource(Table, table=True):
    """A rewritten sentence that an observation was read from."""

    __tablename__ = "observation_source"
    __table_args__ = (sa.Index(None, "rewritten_id"),)
    observation_id: int = Field(primary_key=True, foreign_key="observation.id", sa_type=sa.BigInteger)
    rewritten_id: int = Field(primary_key=True, foreign_key="rewritten_sentence.id", sa_type=sa.BigInteger)


class SentenceAccount(Table, table=True):
    """What a reading made of one source sentence: there is a row for each."""

    __tablename__ = "sentence_account"
    __table_args__ = (
        sa.Index(None, "sentence_id"),
        sa.CheckConstraint("(use = 'dropped') = (reason IS NOT NULL)", name="reason_when_dropped"),
    )
    reading_id: int = Field(primary_key=True, foreign_key="reading.id", sa_type=sa.BigInteger)
    sentence_id: int = Field(primary_key=True, foreign_key="sentence.id", sa_type=sa.BigInteger)
    use: SentenceUse = Field(sa_type=enum_column(SentenceUse))
    reason: DropReason | None = Field(default=None, sa_type=enum_column(DropReason))


class Loss(Table, table=True):
    """What a reading lost of its source; what asking again did not repair waits for a person."""

    __tablename__ = "loss"
    __table_args__ = (sa.Index(None, "reading_id"), sa.Index(None, "sentence_id"))
    id: int = identity()
    reading_id: int = Field(foreign_key="reading.id", sa_type=sa.BigInteger)
    sentence_id: int | None = Field(default=None, foreign_key="sentence.id", sa_type=sa.BigInteger)
    kind: LossKind = Field(sa_type=enum_column(LossKind))
    what: str
    """The words that were not found again."""
    repaired: bool
    """Whether asking again brought it back."""


class FindingSentence(Table, table=True):
    """A source sentence that says a finding, and how surely."""

    __tablename__ = "finding_sentence"
    __table_args__ = (
        sa.Index(None, "sentence_id"),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name="score_is_share"),
    )
    finding_id: UUID = Field(primary_key=True, foreign_key="finding.id")
    sentence_id: int = Field(primary_key=True, foreign_key="sentence.id", sa_type=sa.BigInteger)
    score: float = Field(sa_type=sa.Double)
    observation_id: int | None = Field(default=None, foreign_key="observation.id", sa_type=sa.BigInteger)
    """The observation by which they were matched; null where their words were compared directly."""
