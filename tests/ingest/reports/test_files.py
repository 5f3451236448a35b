"""Files of reports: their forms, and one clear fault for each thing that is wrong. All text is invented."""

import gzip
import json
from pathlib import Path

import pytest

from ingest.faults import FaultDraft
from ingest.reports.files import LONGEST_REPORT, ReportDefaults, ReportDraft, iter_reports
from schema.errors import SourceError
from schema.import_run import FaultKind, Severity
from schema.report import Section

HEADING = "VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN\n"
ENGLISH = ReportDefaults("en", machine_translated=True)


def read(
    folder: Path, content: str | bytes, defaults: ReportDefaults = ENGLISH
) -> tuple[list[ReportDraft], list[FaultDraft]]:
    path = folder / "reports"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    faults: list[FaultDraft] = []
    return list(iter_reports(path, defaults, faults)), faults


def kinds(faults: list[FaultDraft]) -> list[FaultKind]:
    return [one.kind for one in faults]


def test_a_row_a_study(tmp_path: Path) -> None:
    content = "\ufeffVolumeName,VolumeToAnnotate,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN\n"
    content += 'valid_1_a,valid_1_a_2.nii.gz,,CT.," A nodule,\r\n of ""5"" mm. ", Nodule.\n'
    (report,), faults = read(tmp_path, content)
    assert (report.name.patient, report.name.study) == ("valid_1", "valid_1_a")
    assert report.texts == {
        Section.TECHNIQUE: "CT.",
        Section.FINDINGS: ' A nodule,\r\n of "5" mm. ',
        Section.IMPRESSION: " Nodule.",
    }
    assert (report.language, report.machine_translated, report.line) == ("en", True, 3)
    assert faults == []


def test_a_row_a_volume_gzipped(tmp_path: Path) -> None:
    rows = "".join(f"train_1_a_{n}.nii.gz,,,A nodule.,Nodule.\n" for n in (1, 2)) + "train_1_b_1,,,A cyst.,\n"
    found, faults = read(tmp_path, gzip.compress((HEADING + rows).encode()))
    assert [(one.name.study, one.texts[Section.FINDINGS]) for one in found] == [
        ("train_1_a", "A nodule."),
        ("train_1_b", "A cyst."),
    ]
    assert faults == []


def test_lines_of_json(tmp_path: Path) -> None:
    lines = [
        {"study": "valid_1_a", "language": "tr", "machine_translated": False, "findings": "Sağda nodül."},
        {"study": "valid_1_a_1.nii.gz", "impression": "Nodule on the right."},
    ]
    (turkish, english), faults = read(tmp_path, "\n\n".join(json.dumps(line) for line in lines))
    assert (turkish.name.study, turkish.language, turkish.machine_translated) == ("valid_1_a", "tr", False)
    assert (english.name.study, english.language, english.machine_translated) == ("valid_1_a", "en", True)
    assert english.texts == {Section.IMPRESSION: "Nodule on the right."}
    assert faults == []


def test_columns_are_named_by_language(tmp_path: Path) -> None:
    content = "VolumeName,Findings_EN,Findings_TR,Impressions\nvalid_1_a,right,sağ,sol\n"
    (report,), faults = read(tmp_path, content, ReportDefaults("tr"))
    assert report.texts == {Section.FINDINGS: "sağ", Section.IMPRESSION: "sol"}
    assert kinds(faults) == [FaultKind.MISSING_COLUMN, FaultKind.MISSING_COLUMN]
    assert {one.severity for one in faults} == {Severity.WARNING}
    assert "has no column Technique_TR" in faults[1].message


WRONG_ROWS = {
    "../valid_1_a,,,x,": (FaultKind.BAD_NAME, "line 2: '../valid_1_a'"),
    "valid_1_a,x": (FaultKind.MISSING_KEY, "line 2: has 2 values where the heading has 5"),
    "valid_1_a,,,x,,y": (FaultKind.MISSING_KEY, "line 2: has 6 values where the heading has 5"),
    f"valid_1_a,,,{'x' * 60_000},{'x' * 60_000}": (FaultKind.REPORT_TOO_LONG, "has 120,000 characters, not 100,000"),
    f"valid_1_a,,,{'x' * 200_000},": (FaultKind.REPORT_TOO_LONG, "cannot be read as CSV"),
    "valid_1_a,,,a\0b,": (FaultKind.UNREADABLE_FILE, "valid_1_a: findings is not UTF-8, or holds a NUL"),
}


@pytest.mark.parametrize("row", WRONG_ROWS, ids=range(len(WRONG_ROWS)))
def test_a_wrong_row_is_left_out_and_the_rest_goes_on(tmp_path: Path, row: str) -> None:
    found, (wrong,) = read(tmp_path, HEADING + row + "\nvalid_2_a,,,A cyst.,\n")
    kind, said = WRONG_ROWS[row]
    assert [one.name.study for one in found] == ["valid_2_a"]
    assert (wrong.kind, wrong.severity) == (kind, Severity.LEFT_OUT)
    assert said in wrong.message


def test_bytes_that_are_not_utf_8_leave_their_row_out(tmp_path: Path) -> None:
    content = HEADING.encode() + b"valid_1_a,,,caf\xe9,\nvalid_2_a,,,caf\xc3\xa9,\n"
    (report,), (wrong,) = read(tmp_path, content)
    assert report.texts == {Section.FINDINGS: "café"}
    assert (wrong.kind, wrong.severity) == (FaultKind.UNREADABLE_FILE, Severity.LEFT_OUT)


def test_a_report_without_text_is_told_of_and_stays(tmp_path: Path) -> None:
    found, faults = read(tmp_path, HEADING + "valid_1_a,,,,\nvalid_2_a,, ,\t,\n")
    assert [one.name.study for one in found] == ["valid_1_a", "valid_2_a"]
    assert kinds(faults) == [FaultKind.EMPTY_REPORT] * 2


def test_another_report_of_a_study_is_left_out(tmp_path: Path) -> None:
    found, (twice,) = read(tmp_path, HEADING + "valid_1_a_1,,,A,\nvalid_1_a_2,,,B,\n")
    assert [one.texts[Section.FINDINGS] for one in found] == ["A"]
    assert (twice.kind, twice.severity) == (FaultKind.DUPLICATE_REPORT, Severity.LEFT_OUT)
    assert "line 3: valid_1_a has another report on line 2" in twice.message


WRONG_LINES = {
    '{"study": "valid_1_a", "findings": ': FaultKind.BAD_JSON,
    '{"findings": "x"}': FaultKind.MISSING_KEY,
    '{"study": "valid_1_a", "findings": 5}': FaultKind.WRONG_TYPE,
    '{"study": "valid_1_a", "language": "English"}': FaultKind.WRONG_TYPE,
    '{"study": "valid_1_a", "conclusion": "x"}': FaultKind.BAD_KEYS,
    '{"study": "valid_1", "findings": "x"}': FaultKind.BAD_NAME,
    '["valid_1_a"]': FaultKind.WRONG_TYPE,
}


@pytest.mark.parametrize("line", WRONG_LINES)
def test_a_wrong_line_is_left_out_and_the_rest_goes_on(tmp_path: Path, line: str) -> None:
    content = '{"study": "valid_2_a", "findings": "A"}\n' + line + '\n{"study": "valid_3_a", "findings": "B"}\n'
    found, (wrong,) = read(tmp_path, content)
    assert [one.name.study for one in found] == ["valid_2_a", "valid_3_a"]
    assert (wrong.kind, wrong.severity) == (WRONG_LINES[line], Severity.LEFT_OUT)
    assert wrong.message.startswith("line 2: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "needs columns VolumeName"),
        (b"Name,Findings_EN\nvalid_1_a,x\n", "its columns are Name, Findings_EN"),
        (b"VolumeName,Findings_TR\nvalid_1_a,x\n", "needs columns VolumeName, Findings_EN"),
        (gzip.compress(HEADING.encode() * 99)[:-20], "cannot be read"),
        (b"x" * 1_000_001, "has a line of more than 1,000,000 characters"),
    ],
    ids=["empty", "no name", "other language", "broken gzip", "no line ends"],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(tmp_path, content)


def test_the_longest_report_comes_in(tmp_path: Path) -> None:
    (report,), faults = read(tmp_path, HEADING + f"valid_1_a,,,{'x' * LONGEST_REPORT},\n")
    assert (len(report.texts[Section.FINDINGS]), faults) == (LONGEST_REPORT, [])
