"""Importing a collection's own tables about its scans: CT-RATE's metadata CSV and its 18 abnormality labels."""

import csv
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, select

from ingest.faults import FaultDraft, fault
from schema.collection import Collection, ScanName
from schema.database import Database
from schema.errors import NotFound, SourceError
from schema.import_run import Fault, FaultKind, ImportRun, RunState, Severity
from schema.scan import Abnormality, Scan, ScanMetadata
from schema.version import software_version

_NAME = "VolumeName"
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_BATCH = 1000


@dataclass
class MetadataReport:
    """What a table brought."""

    table: str
    rows: int = 0
    matched: int = 0
    unknown: int = 0
    """Rows about scans that the database does not hold."""
    faults: list[FaultDraft] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        counts = {"table": self.table, "rows": self.rows, "matched": self.matched, "unknown": self.unknown}
        return {**counts, "faults": [one.to_json() for one in self.faults], "seconds": round(self.seconds, 3)}


def import_metadata(database: Database, path: Path, collection: str) -> MetadataReport:
    """Import a metadata or an abnormality CSV, told by its columns; running it again changes nothing.

    Raises:
        SourceError: the file cannot be read, or has no column VolumeName.
        NotFound: there is no such collection.
    """
    start = time.perf_counter()
    with _open_table(path) as (columns, rows):
        labels = _is_label_table(columns)
        report = MetadataReport("abnormalities" if labels else "metadata")
        with database.transaction() as session:
            scans = _scan_ids(session, collection)
            known = list(_known_rows(rows, scans, path, report))
            for n in range(0, len(known), _BATCH):
                batch = known[n : n + _BATCH]
                if labels:
                    _save_labels(session, batch, path, report)
                else:
                    _save_metadata(session, batch)
            _save_run(session, path, report)
    report.seconds = time.perf_counter() - start
    return report


class _open_table:  # noqa: N801 - used as a function
    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> tuple[list[str], Iterator[dict[str, str]]]:
        try:
            self.file = self.path.open(encoding="utf-8-sig", newline="")
            reader = csv.DictReader(self.file)
            columns = list(reader.fieldnames or [])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self.path}: cannot be read as CSV ({error})") from error
        if _NAME not in columns:
            self.file.close()
            raise SourceError(f"{self.path}: has no column {_NAME}; its columns are {', '.join(columns[:8])}")
        return columns, reader

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _is_label_table(columns: list[str]) -> bool:
    return "Lung nodule" in columns or ("Pleural effusion" in columns and "Manufacturer" not in columns)


def _scan_ids(session: Session, collection: str) -> dict[str, UUID]:
    key = session.exec(select(Collection.id).where(Collection.name == collection)).one_or_none()
    if key is None:
        raise NotFound(f"there is no collection {collection!r}; import its scans first")
    return dict(session.exec(select(Scan.name, Scan.id).where(Scan.collection_id == key)).all())


def _known_rows(
    rows: Iterator[dict[str, str]], scans: dict[str, UUID], path: Path, report: MetadataReport
) -> Iterator[tuple[UUID, dict[str, str]]]:
    for number, row in enumerate(rows, 2):
        report.rows += 1
        try:
            name = ScanName.parse(row[_NAME] or "").scan
        except ValueError as error:
            report.faults.append(fault(FaultKind.BAD_NAME, f"row {number}: {error}", path=path))
            continue
        if name in scans:
            report.matched += 1
            yield scans[name], row
        else:
            report.unknown += 1


def _save_metadata(session: Session, batch: list[tuple[UUID, dict[str, str]]]) -> None:
    rows = [
        {
            "scan_id": scan_id,
            "manufacturer": row.get("Manufacturer") or None,
            "manufacturer_model": row.get("ManufacturerModelName") or None,
            "patient_sex": row.get("PatientSex") or None,
            "patient_age_years": _age_years(row.get("PatientAge")),
            "study_date": _study_date(row.get("StudyDate")),
            "source": row,
        }
        for scan_id, row in dict(batch).items()
    ]
    statement = insert(ScanMetadata).values(rows)
    changed = {name: statement.excluded[name] for name in rows[0] if name != "scan_id"}
    session.execute(statement.on_conflict_do_update(index_elements=["scan_id"], set_=changed))


def _age_years(text: str | None) -> float | None:
    """Read a DICOM age string such as 045Y; None where it is none."""
    match = _AGE.fullmatch((text or "").strip())
    return round(int(match[1]) * _YEARS[match[2]], 3) if match else None


def _study_date(text: str | None) -> date | None:
    """Read a DICOM date such as 20190131, also where a table made it a number; None where it is none."""
    try:
        return datetime.strptime((text or "").split(".")[0].replace("-", ""), "%Y%m%d").date()
    except ValueError:
        return None


def _save_labels(
    session: Session, batch: list[tuple[UUID, dict[str, str]]], path: Path, report: MetadataReport
) -> None:
    rows: dict[tuple[UUID, str], dict[str, Any]] = {}
    for scan_id, row in batch:
        for name, value in row.items():
            if name == _NAME:
                continue
            if value not in ("0", "1", "0.0", "1.0"):
                message = f"{row[_NAME]}: {name} is {value!r}, not 0 or 1; that label is not imported"
                wrong = fault(FaultKind.WRONG_TYPE, message, scan=row[_NAME], path=path, severity=Severity.WARNING)
                report.faults.append(wrong)
                continue
            rows[scan_id, name] = {"scan_id": scan_id, "name": name, "present": value.startswith("1")}
    if rows:
        statement = insert(Abnormality).values(list(rows.values()))
        changed = {"present": statement.excluded.present}
        session.execute(statement.on_conflict_do_update(index_elements=["scan_id", "name"], set_=changed))


def _save_run(session: Session, path: Path, report: MetadataReport) -> None:
    run = ImportRun(
        kind="metadata",
        source=str(path.absolute()),
        settings={"rows": report.rows, "matched": report.matched, "unknown": report.unknown},
        software_version=software_version(),
        state=RunState.DONE,
    )
    session.add(run)
    session.flush()
    if report.faults:
        session.execute(sa.insert(Fault), [{"run_id": run.id, **one.to_json()} for one in report.faults])
