"""What words say of a finding or an observation: side, lobe, size, and the characters that it was read from."""

from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.base import Table, enum_column, identity


class DescriptorKind(StrEnum):
    """What is described."""

    SIDE = "side"
    LOBE = "lobe"
    SEGMENT = "segment"
    SIZE = "size"
    COUNT = "count"
    ATTENUATION = "attenuation"
    MARGIN = "margin"
    DISTRIBUTION = "distribution"
    CHANGE = "change"
    CERTAINTY = "certainty"


class Descriptor(Table, table=True):
    """One thing that the words of a finding's revision, or of an observation, say: `text[start_char:end_char]`."""

    __tablename__ = "descriptor"
    __table_args__ = (
        sa.CheckConstraint("num_nonnulls(revision_id, observation_id) = 1", name="of_one_text"),
        sa.CheckConstraint("0 <= start_char AND start_char < end_char", name="span_not_empty"),
        sa.CheckConstraint("(kind = 'size') = (sizes_mm IS NOT NULL)", name="size_has_mm"),
        sa.CheckConstraint("cardinality(sizes_mm) BETWEEN 1 AND 3", name="one_to_three_sizes"),
        sa.CheckConstraint("(kind = 'count') = (number IS NOT NULL)", name="count_has_number"),
        sa.Index(None, "revision_id"),
        sa.Index(None, "observation_id"),
        sa.Index(None, "kind", "value"),
    )
    id: int = identity()
    revision_id: UUID | None = Field(default=None, foreign_key="finding_revision.id")
    observation_id: int | None = Field(default=None, foreign_key="observation.id", sa_type=sa.BigInteger)
    kind: DescriptorKind = Field(sa_type=enum_column(DescriptorKind))
    value: str
    """In a closed vocabulary by kind: `right`, `right lower lobe`, `12 x 10 mm`, `ground-glass`, `stable`."""
    sizes_mm: list[float] | None = Field(default=None, sa_type=ARRAY(sa.Double))
    """One to three lengths in the order of the words; a range is its larger end."""
    number: int | None = None
    start_char: int
    end_char: int
    """Half-open, in characters of the text."""
    engine_version: str
    """What read it; another version makes the rows stale."""
