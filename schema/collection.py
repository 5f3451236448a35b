"""A collection: one source of scans with its terms of use and its way of naming them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

import sqlalchemy as sa
from sqlmodel import Field

from schema.base import Table, enum_column, identity


class Naming(StrEnum):
    """How a collection's scan names are read."""

    CT_RATE = "ct_rate"


class Collection(Table, table=True):
    """One source of scans with its terms of use and its parser of names; names are unique within it."""

    __tablename__ = "collection"
    __table_args__ = (sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9_-]*$'", name="name_is_slug"),)
    id: int = identity()
    name: str = Field(unique=True)
    """The slug that commands and identities use."""
    naming: Naming = Field(default=Naming.CT_RATE, sa_type=enum_column(Naming))
    """How scan names are read."""
    terms: str | None = None
    """Licence or terms of use of everything in it, unless an asset says otherwise; null is unknown."""


@dataclass(frozen=True)
class ScanName:
    """A name in CT-RATE's manner, `<prefix>_<patient>_<study letter>_<reconstruction>`, as its parts.

    The prefix says where a scan stood in CT-RATE, not its split; a number under two prefixes is two people.
    """

    patient: str
    study: str
    scan: str

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"(?P<prefix>[a-z]+)_(?P<number>[0-9]+)_(?P<letter>[a-z]+)_(?P<rec>[0-9]+)"
    )

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a scan's name, with or without `.nii.gz`.

        Raises:
            ValueError: the name is not of this form; a path is not, so nothing outside a folder is ever reached.
        """
        match = cls.PATTERN.fullmatch(name.removesuffix(".nii.gz"))
        if match is None:
            raise ValueError(f"{name!r} is not a scan name like 'train_1741_b_2.nii.gz'")
        patient = f"{match['prefix']}_{match['number']}"
        study = f"{patient}_{match['letter']}"
        return cls(patient=patient, study=study, scan=f"{study}_{match['rec']}")

    @property
    def nested_path(self) -> str:
        """The volume's place below CT-RATE's `dataset/<prefix>_fixed`."""
        return f"{self.patient}/{self.study}/{self.scan}.nii.gz"

    @property
    def prefix(self) -> str:
        """The first part of the name."""
        return self.patient.split("_")[0]


@dataclass(frozen=True)
class StudyName:
    """A study's name in CT-RATE's manner, `<prefix>_<patient>_<study letter>`, with its patient's."""

    patient: str
    study: str

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(r"(?P<patient>[a-z]+_[0-9]+)_[a-z]+")

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a study's name, or that of one of its scans.

        Raises:
            ValueError: the name is of neither form.
        """
        if ScanName.PATTERN.fullmatch(name.removesuffix(".nii.gz")):
            scan = ScanName.parse(name)
            return cls(scan.patient, scan.study)
        if (match := cls.PATTERN.fullmatch(name)) is None:
            raise ValueError(f"{name!r} is not a study's name like 'train_1741_b', nor a scan's")
        return cls(match["patient"], name)
