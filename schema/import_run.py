"""Import runs and their reports: what each run found, scan by scan and fault by fault."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from schema.base import OPEN, HideableTable, Table, enum_column, identity, now_column


class Severity(StrEnum):
    """What a fault meant for its scan."""

    LEFT_OUT = "left_out"
    WARNING = "warning"
    NOTE = "note"


class FaultKind(StrEnum):
    """What was wrong with a source."""

    UNREADABLE_FILE = "unreadable_file"
    NOT_NIFTI = "not_nifti"
    MISSING_VOLUME = "missing_volume"
    MISSING_MASK = "missing_mask"
    BAD_JSON = "bad_json"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    BAD_KEYS = "bad_keys"
    BAD_NAME = "bad_name"
    DUPLICATE_SCAN = "duplicate_scan"
    UNKNOWN_CATEGORY = "unknown_category"
    EMPTY_TEXT = "empty_text"
    SHAPE_DIFFERS = "shape_differs"
    FINDING_AXIS_LAST = "finding_axis_last"
    FINDING_COUNT_DIFFERS = "finding_count_differs"
    NOT_INTEGRAL = "not_integral"
    NEGATIVE_LABEL = "negative_label"
    NOT_FINITE = "not_finite"
    EMPTY_FINDING = "empty_finding"
    ENTITY_COUNT_DIFFERS = "entity_count_differs"
    PIXELS_DIFFER = "pixels_differ"
    FILLED_PLANE = "filled_plane"
    HU_OUT_OF_RANGE = "hu_out_of_range"
    CONSTANT_VOLUME = "constant_volume"
    ORIENTATION_SUSPECT = "orientation_suspect"
    PATIENT_IN_TWO_SPLITS = "patient_in_two_splits"
    CHANGED_SINCE = "changed_since"
    FRAME_DIFFERS = "frame_differs"
    UNKNOWN_LABEL = "unknown_label"
    ORGANS_OVERLAP = "organs_overlap"
    MISSING_COLUMN = "missing_column"
    EMPTY_REPORT = "empty_report"
    REPORT_TOO_LONG = "report_too_long"
    DUPLICATE_REPORT = "duplicate_report"
    UNMATCHED_FINDING = "unmatched_finding"
    VOLUME_IN_TWO_SPLITS = "volume_in_two_splits"
    REPORT_IN_TWO_SPLITS = "report_in_two_splits"


class RunState(StrEnum):
    """How a run ended; one that was killed stays `running`."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ImportRun(Table, table=True):
    """One run of an import."""

    __tablename__ = "import_run"
    id: int = identity()
    kind: str
    """The command: rexgroundingct, metadata, ..."""
    source: str
    """The file that it read."""
    settings: dict[str, Any] = Field(default={}, sa_type=JSONB)
    software_version: str
    state: RunState = Field(default=RunState.RUNNING, sa_type=enum_column(RunState))
    started_at: datetime = now_column()
    finished_at: datetime | None = Field(default=None, sa_type=sa.DateTime(timezone=True))


class ImportSummary(HideableTable, table=True):
    """What a run counted; the hidden part of it stands in `hidden`."""

    __tablename__ = "import_summary"
    __table_args__ = ({"schema": OPEN},)
    run_id: int = Field(primary_key=True, foreign_key="import_run.id", sa_type=sa.BigInteger)
    scans_new: int = 0
    scans_unchanged: int = 0
    scans_left_out: int = 0
    findings_new: int = 0
    findings_unchanged: int = 0
    entities_new: int = 0
    entities_unchanged: int = 0


class ImportedScan(HideableTable, table=True):
    """What the last run over a scan of a source did; its fingerprint lets the next run pass by at once."""

    __tablename__ = "imported_scan"
    __table_args__ = (sa.Index(None, "run_id"), {"schema": OPEN})
    source_key: str = Field(primary_key=True)
    """Collection, round and release of the import."""
    scan: str = Field(primary_key=True)
    """The scan's name as the source gives it."""
    run_id: int = Field(foreign_key="import_run.id", sa_type=sa.BigInteger)
    fingerprint: str
    """sha256 of the case's own words, of its files' sizes and times, and of the options."""
    scan_id: UUID = Field(foreign_key="scan.id")
    faults: list[dict[str, Any]] = Field(default=[], sa_type=JSONB)
    """Its faults, repeated by runs that pass by."""
    findings: int
    entities: int


class Fault(HideableTable, table=True):
    """One thing that was wrong with a source; a fault of a hidden split is hidden."""

    __tablename__ = "fault"
    __table_args__ = (sa.Index(None, "run_id"), sa.Index(None, "scan"), {"schema": OPEN})
    id: int = identity()
    run_id: int = Field(foreign_key="import_run.id", sa_type=sa.BigInteger)
    kind: FaultKind = Field(sa_type=enum_column(FaultKind))
    severity: Severity = Field(sa_type=enum_column(Severity))
    scan: str | None = None
    """The scan's name as the source gives it."""
    finding: int | None = None
    """The finding's index in the source."""
    path: str | None = None
    message: str
    remedy: str
