"""Files of reports: CT-RATE's CSV, with a row a study or a row a volume, and JSON lines; plain or gzipped.

What is wrong with a row is a fault that names its line, and the rest goes on. Texts stay exactly as they came.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.faults import FaultDraft, fault
from schema.collection import StudyName
from schema.errors import SourceError
from schema.import_run import FaultKind
from schema.report import Section

LONGEST_REPORT = 100_000
"""Characters of all sections together; more than any report has."""
LONGEST_LINE = 1_000_000
"""Characters of a line, so that a file without line ends does not fill the memory."""
_NAME = "VolumeName"
_COLUMNS = {
    Section.CLINICAL_INFORMATION: "ClinicalInformation",
    Section.TECHNIQUE: "Technique",
    Section.FINDINGS: "Findings",
    Section.IMPRESSION: "Impressions",
}
_JSON_FAULTS = {
    "missing": FaultKind.MISSING_KEY,
    "json_invalid": FaultKind.BAD_JSON,
    "extra_forbidden": FaultKind.BAD_KEYS,
}
LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
"""A BCP 47 tag."""


@dataclass(frozen=True)
class ReportDraft:
    """A report of a study, as a file gives it."""

    name: StudyName
    texts: dict[Section, str]
    """What each section says, where it says anything."""
    language: str
    machine_translated: bool | None
    line: int
    """Where in the file it ends."""


@dataclass(frozen=True)
class ReportDefaults:
    """What holds where a file does not say it."""

    language: str = "en"
    machine_translated: bool | None = None


class _Row(BaseModel):
    """A line of JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)

    study: str
    language: str | None = Field(default=None, pattern=f"^{LANGUAGE}$")
    machine_translated: bool | None = None
    clinical_information: str | None = None
    technique: str | None = None
    findings: str | None = None
    impression: str | None = None


def iter_reports(path: Path, defaults: ReportDefaults, faults: list[FaultDraft]) -> Iterator[ReportDraft]:
    """Give the reports of a file, the first one of each study and language; what is wrong is added to the faults.

    Raises:
        SourceError: the file cannot be read, or is none of reports.
    """
    tell = _Teller(path, faults)
    with _open_lines(path) as lines:
        first = next(lines, "")
        read = _json_reports if first.lstrip().startswith("{") else _csv_reports
        yield from _once_each(_sound(read(chain([first], lines), defaults, tell), tell), tell)


@dataclass(frozen=True)
class _Teller:
    """Adds a fault of a file, with its line."""

    path: Path
    faults: list[FaultDraft]

    def __call__(self, kind: FaultKind, line: int, message: str) -> None:
        self.faults.append(fault(kind, f"line {line}: {message}", path=self.path))


@contextmanager
def _open_lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a file's lines; bytes that are not UTF-8 are kept as surrogates, to be told of row by row."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with (
                gzip.GzipFile(fileobj=file) if zipped else file as raw,
                io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
            ):
                yield _lines(path, text)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise SourceError(f"{path}: has a line of more than {LONGEST_LINE:,} characters; is it a file of reports?")
        yield line


def _csv_reports(lines: Iterator[str], defaults: ReportDefaults, tell: _Teller) -> Iterator[ReportDraft]:
    reader = csv.reader(lines)
    heading = next(reader, [])
    columns = _section_columns(heading, defaults.language, tell)
    name = heading.index(_NAME)
    for line, row in _rows(reader, tell):
        if len(row) != len(heading):
            tell(FaultKind.MISSING_KEY, line, f"has {len(row)} values where the heading has {len(heading)}")
        elif named := _parse_name(row[name], line, tell):
            texts = {section: row[column] for section, column in columns.items() if row[column]}
            yield ReportDraft(named, texts, defaults.language, defaults.machine_translated, line)


def _section_columns(heading: list[str], language: str, tell: _Teller) -> dict[Section, int]:
    """Find the columns of sections, named with or without the language: `Findings_EN`, `Findings`."""
    ending = f"_{language.partition('-')[0].upper()}"
    columns = {}
    for section, base in _COLUMNS.items():
        if found := [name for name in (base + ending, base) if name in heading]:
            columns[section] = heading.index(found[0])
        else:
            tell(FaultKind.MISSING_COLUMN, 1, f"has no column {base}{ending}")
    if _NAME not in heading or not columns.keys() & {Section.FINDINGS, Section.IMPRESSION}:
        needed = f"{_NAME}, Findings{ending} and Impressions{ending}"
        told = ", ".join(heading)[:200]
        raise SourceError(f"{tell.path}: needs columns {needed}, or lines of JSON; its columns are {told}")
    return columns


def _rows(reader: Iterator[list[str]], tell: _Teller) -> Iterator[tuple[int, list[str]]]:
    """Give rows that hold anything, with the number of the line that they end on."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            tell(FaultKind.REPORT_TOO_LONG, reader.line_num, f"cannot be read as CSV ({error})")  # type: ignore[attr-defined]
            continue
        if row:
            yield reader.line_num, row  # type: ignore[attr-defined]


def _json_reports(lines: Iterator[str], defaults: ReportDefaults, tell: _Teller) -> Iterator[ReportDraft]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _Row.model_validate_json(line.encode("utf-8", "surrogateescape"))
        except ValidationError as error:
            tell(*_what_is_wrong(error, number))
            continue
        if named := _parse_name(row.study, number, tell):
            texts = {section: text for section in Section if (text := getattr(row, section.value))}
            translated = defaults.machine_translated if row.machine_translated is None else row.machine_translated
            yield ReportDraft(named, texts, row.language or defaults.language, translated, number)


def _what_is_wrong(error: ValidationError, line: int) -> tuple[FaultKind, int, str]:
    first = error.errors(include_url=False, include_input=False)[0]
    where = "".join(f"{part}: " for part in first["loc"])
    return _JSON_FAULTS.get(first["type"], FaultKind.WRONG_TYPE), line, where + first["msg"]


def _parse_name(text: str, line: int, tell: _Teller) -> StudyName | None:
    try:
        return StudyName.parse(text[:60])
    except ValueError as error:
        tell(FaultKind.BAD_NAME, line, str(error))
        return None


def _sound(reports: Iterator[ReportDraft], tell: _Teller) -> Iterator[ReportDraft]:
    """Leave out reports that are too long or no text; tell of those that say nothing, which stay."""
    for report in reports:
        study, length = report.name.study, sum(map(len, report.texts.values()))
        if length > LONGEST_REPORT:
            tell(FaultKind.REPORT_TOO_LONG, report.line, f"{study} has {length:,} characters, not {LONGEST_REPORT:,}")
        elif wrong := _first(_not_text, report.texts):
            tell(FaultKind.UNREADABLE_FILE, report.line, f"{study}: {wrong} is not UTF-8, or holds a NUL character")
        else:
            if not any(text.strip() for text in report.texts.values()):
                tell(FaultKind.EMPTY_REPORT, report.line, f"{study} has no text")
            yield report


def _first(wrong: Callable[[str], bool], texts: dict[Section, str]) -> Section | None:
    return next((section for section, text in texts.items() if wrong(text)), None)


def _not_text(text: str) -> bool:
    """Whether PostgreSQL cannot hold it."""
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _once_each(reports: Iterator[ReportDraft], tell: _Teller) -> Iterator[ReportDraft]:
    """Give each study's first report of a language; the same again is normal where rows name volumes."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for report in reports:
        key = (report.name.study, report.language)
        content = hash(tuple(report.texts.items()))
        first, line = seen.setdefault(key, (content, report.line))
        if line == report.line:
            yield report
        elif first != content:
            message = f"{report.name.study} has another report on line {line}, which stands"
            tell(FaultKind.DUPLICATE_REPORT, report.line, message)
