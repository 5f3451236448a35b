"""A sidecar that does not fit is refused whole, each problem with its line and remedy, and nothing is done."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ingest.rounds.checking import SidecarRefused
from ingest.rounds.handing_out import SIDECAR
from ingest.rounds.sidecar import SidecarRow, read_sidecar, write_sidecar
from schema.annotation import AnnotationState
from schema.errors import NotFound, SourceError
from schema.round import PersonRole
from tests.ingest.rounds.campaigns import Desk, drawn, labels_at, path_of, rows_of, save_labels, set_rows

WITH_FILE = ("scan", "finding", "text", "label", "annotator", "status", "file")
Rows = list[SidecarRow]


def first_row(**changes: str) -> Callable[[Rows], Rows]:
    return lambda rows: [replace(rows[0], **changes), *rows[1:]]


BAD: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "unknown scan": (first_row(scan="train_999_a_1"), "there is no scan 'train_999_a_1'"),
    "unknown finding": (first_row(finding="77"), "has no finding '77' in this round; its findings are: 0"),
    "finding that is no number": (first_row(finding="-1"), "has no finding '-1'"),
    "words of another": (first_row(text="Another finding"), "the row's words are not those of finding"),
    "unknown annotator": (first_row(annotator="eve"), "there is no annotator 'eve'; `groundct person add eve"),
    "reviewer": (first_row(annotator="rev"), "there is no annotator 'rev'"),
    "no annotator": (first_row(annotator=""), "the row names no annotator"),
    "unknown status": (first_row(status="accepted"), "'accepted' is no status of a row; write draft or submitted"),
    "no status": (first_row(status=""), "'' is no status"),
    "another's": (first_row(annotator="bob"), "was not handed out to bob"),
    "twice": (lambda rows: [rows[0], *rows], "has two rows for the same; see line 2"),
    "two statuses": (
        lambda rows: [replace(rows[0], label="1"), replace(rows[0], label="2", status="submitted"), *rows[1:]],
        "has rows of different files or statuses",
    ),
    "no such label": (first_row(label="1;200"), "has no label 200; draw it"),
    "label without a row": (first_row(label="1"), "has no row; name it in a row, or erase it"),
    "no label at all": (first_row(label="one"), "'one' is no label"),
    "row without a file": (first_row(file="nothing.nii.gz"), "there is no file nothing.nii.gz"),
    "file outside": (first_row(file="../../secret.nii.gz"), "is not within the folder"),
    "file at a root": (first_row(file="/etc/passwd"), "is not within the folder"),
    "file without a row": (lambda rows: rows[1:], "has no row; add its row, or take the file out"),
}


@pytest.fixture
def folder(desk: Desk) -> Path:
    """A handout to ann and one to bob; the first row's file has labels 1 and 2."""
    desk.add_people("rev", role=PersonRole.REVIEWER)
    desk.hand_out("again", "bob", most=1)
    out = desk.hand_out("again", "ann").out
    rows = rows_of(out)
    path = path_of(out, rows[0])
    labels = np.zeros(nib.load(path).shape)
    labels[5:9, 5:9, 5:9], labels[20:23, 20:23, 20:23] = 1, 2
    save_labels(path, labels)
    return out


@pytest.mark.parametrize("what", BAD)
def test_it_is_refused_whole(desk: Desk, folder: Path, what: str) -> None:
    change, message = BAD[what]
    rows = rows_of(folder)
    if what == "another's":
        rows = [rows[1], rows[0], *rows[2:]]  # bob has the first finding
    write_sidecar(folder / SIDECAR, change(rows), WITH_FILE)
    with pytest.raises(SidecarRefused) as refused:
        desk.take_back(folder, "again")
    assert any(message in str(problem) for problem in refused.value.problems)
    assert all(problem.remedy for problem in refused.value.problems)
    assert "nothing was taken" in str(refused.value)
    for table in ("open.annotation WHERE round_id = 2", "import_run WHERE kind = 'round'", "open.annotation_event"):
        assert desk.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_every_problem_is_told(desk: Desk, folder: Path) -> None:
    set_rows(folder, lambda row: replace(row, status="done", scan=row.scan + "0"))
    with pytest.raises(SidecarRefused) as refused:
        desk.take_back(folder, "again")
    lines = [problem.line for problem in refused.value.problems]
    assert len(lines) == 2 * len(rows_of(folder))
    assert lines == sorted(lines)
    assert lines[0] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no column scan"),
        (b"scan,finding\n", "has no column status"),
        (b"scan,finding,status\n", "has 0 rows"),
        (b"scan,finding,status\na,0,draft,more\n", "line 2 has more cells"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "sidecar.csv").write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read_sidecar(tmp_path / "sidecar.csv")
    with pytest.raises(SourceError, match="cannot be read"):
        read_sidecar(tmp_path)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_that_went_through_a_spreadsheet(tmp_path: Path, delimiter: str) -> None:
    lines = ["Scan,Finding,Status,Label", 'train_1_a_1,0,draft,"1;2"', ",,,"]
    (tmp_path / "sidecar.csv").write_text("\r\n".join(lines).replace(",", delimiter), "utf-8-sig")
    assert read_sidecar(tmp_path / "sidecar.csv") == [
        SidecarRow("train_1_a_1", "0", status="draft", label="1;2", line=2)
    ]


def test_an_annotator_may_be_said_beside_the_table(desk: Desk, folder: Path) -> None:
    set_rows(folder, lambda row: replace(row, annotator="", status="submitted"))
    assert desk.take_back(folder, "again", annotator="ann").counts["new"] == len(rows_of(folder))
    set_rows(folder, lambda row: replace(row, annotator="ann"))
    with pytest.raises(SidecarRefused, match="the row is ann's, and --annotator says bob"):
        desk.take_back(folder, "again", annotator="bob")
    with pytest.raises(NotFound):
        desk.take_back(folder, "again", annotator="eve")


NAMES = {"today": {"background": 0, "nodule": 1, "both": [2, 4]}, "once": {"0": "background", "1": "nodule"}}


@pytest.mark.parametrize("layout", NAMES)
def test_a_folder_of_nnunet_with_several_findings_in_a_file(desk: Desk, tmp_path: Path, layout: str) -> None:
    desk.add_people("net")
    scan = desk.rows("SELECT name FROM scan JOIN finding f ON f.scan_id = scan.id GROUP BY 1 HAVING count(*) > 1")[0][0]
    (affine, shape) = desk.rows(
        "SELECT affine_ras, shape_vox FROM volume JOIN scan ON id = scan_id WHERE name = :scan", scan=scan
    )[0]
    labels = np.zeros(shape)
    labels[5:9, 5:9, 5:9], labels[20:23, 20:23, 20:23], labels[30:32, 30:32, 30:32] = 1, 2, 4
    for name in ("labelsTr", "imagesTr"):
        (tmp_path / name).mkdir()
        save_labels(tmp_path / name / "case_001.nii.gz", labels, np.reshape(affine, (4, 4)))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": NAMES[layout], "file_ending": ".nii.gz"}))
    what = {"annotator": "net", "status": "submitted", "file": "labelsTr/case_001"}
    second = "both" if layout == "today" else "2;4"
    rows = [SidecarRow(scan, "0", label="nodule", **what), SidecarRow(scan, "1", label=second, **what)]
    write_sidecar(tmp_path / SIDECAR, rows, WITH_FILE)
    assert desk.take_back(tmp_path, "again").counts["new"] == 2
    assert [one[1:3] for one in drawn(desk, rows[0], "again", "net")] == [(AnnotationState.SUBMITTED, 64)]
    entities = desk.rows(
        "SELECT f.source_index, label, e.voxels FROM open.entity e JOIN open.annotation a ON a.id = annotation_id "
        "JOIN finding f ON f.id = a.finding_id WHERE round_id = 2 ORDER BY 1, 2"
    )
    assert entities == [(0, 1, 64), (1, 1, 27), (1, 2, 8)]
    for change, message in (
        ([rows[0]], "label 2 of labelsTr/case_001.nii.gz has no row"),
        ([rows[0], replace(rows[1], label="")], "holds several findings"),
        ([rows[0], replace(rows[1], label="1;2;4")], "is given to two findings"),
    ):
        write_sidecar(tmp_path / SIDECAR, change, WITH_FILE)
        with pytest.raises(SidecarRefused, match=message):
            desk.take_back(tmp_path, "again")
    (tmp_path / "dataset.json").write_text("[1]")
    with pytest.raises(SourceError, match="cannot be read"):
        desk.take_back(tmp_path, "again")


def test_labels_of_ones_own_file_keep_their_values(desk: Desk, folder: Path) -> None:
    row = rows_of(folder)[0]
    path = path_of(folder, row)
    labels = labels_at(path).copy()
    labels[labels == 2] = 7
    save_labels(path, labels)
    set_rows(folder, lambda each: replace(each, label="7;1" if each.key == row.key else ""))
    desk.take_back(folder, "again")
    found = desk.rows(
        "SELECT label FROM open.entity e JOIN open.annotation a ON a.id = annotation_id WHERE round_id = 2 ORDER BY 1"
    )
    assert found == [(1,), (7,)]
