"""The sidecar: a table that goes out with files of labels and comes back with them, a row for what is drawn.

Its columns are scan, finding, text, label, annotator and status; `file` names a file that is not SCAN__FINDING.nii.gz.
Knows no database.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ingest.files import written
from schema.errors import SourceError

NEEDED = ("scan", "finding", "status")
MOST_ROWS = 1_000_000
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class SidecarRow:
    """One row, as it is written; what a table has no column for is empty."""

    scan: str
    finding: str
    text: str = ""
    label: str = ""
    """Labels of the file that are meant, `;` between them; all of them where it is empty."""
    annotator: str = ""
    status: str = ""
    file: str = ""
    line: int = 0
    """Of the table, from 1 on; the row's last one where it has several."""

    @property
    def key(self) -> tuple[str, str]:
        """Name the finding."""
        return self.scan, self.finding


COLUMNS = ("scan", "finding", "text", "label", "annotator", "status")
_KNOWN = {each.name for each in fields(SidecarRow)} - {"line"}


def file_name(scan: str, finding: int) -> str:
    """Give the name of a finding's file."""
    return f"{scan}__{finding}.nii.gz"


def read_sidecar(path: Path) -> list[SidecarRow]:
    """Read a sidecar, separated by commas, semicolons or tabs; columns that it does not know are passed by.

    Raises:
        SourceError: it cannot be read, has not the columns, has no row, or a row of too many cells.
    """
    try:
        content = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as a table in UTF-8 ({error})") from error
    head = content.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(content, newline=""), delimiter=max(_DELIMITERS, key=head.count))
    try:
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        if missing := [name for name in NEEDED if name not in columns]:
            raise SourceError(f"{path}: has no column {missing[0]}; its columns are {', '.join(columns[:8]) or 'none'}")
        rows = [_row(path, reader.line_num, raw) for raw in reader if any(raw.values())]
    except csv.Error as error:
        raise SourceError(f"{path}: line {reader.line_num}: {error}; mend the table") from error
    if not 0 < len(rows) <= MOST_ROWS:
        raise SourceError(f"{path}: has {len(rows)} rows; it should have 1 to {MOST_ROWS:,}")
    return rows


def _row(path: Path, line: int, raw: dict[str | None, str | list[str] | None]) -> SidecarRow:
    if None in raw:
        raise SourceError(f"{path}: line {line} has more cells than the table has columns; mend the table")
    cells = {name: str(value or "").strip() for name, value in raw.items() if name in _KNOWN}
    return SidecarRow(**cells, line=line)


def write_sidecar(path: Path, rows: Iterable[SidecarRow], columns: Sequence[str] = COLUMNS) -> None:
    """Write a sidecar, whole or not at all."""
    with written(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
