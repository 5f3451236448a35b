"""A round's life by commands: opened, handed out, taken back; what is refused is one clear line."""

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ingest.phantoms import make_dataset
from tests.conftest import CommandLine


@pytest.fixture
def archive(command_line: CommandLine, tmp_path: Path) -> CommandLine:
    make_dataset(tmp_path / "data", scans=2, seed=3, faults=False, second=False, shape=(60, 62, 64))
    dataset = tmp_path / "data" / "dataset.json"
    ingest = ("ingest", "rexgroundingct", dataset, "--round", "first", "--release", "base", "--no-embed")
    assert command_line.run(*ingest, "--workers", 1).returncode == 0
    command_line.read("cohort", "create", "all")
    return command_line


def rows_of(sidecar: Path) -> list[dict[str, str]]:
    with sidecar.open(newline="") as file:
        return list(csv.DictReader(file))


def write(sidecar: Path, rows: list[dict[str, Any]]) -> None:
    with sidecar.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_rounds_life(archive: CommandLine, tmp_path: Path) -> None:
    assert archive.read("person", "add", "ann", "--role", "annotator") == {"name": "ann", "role": "annotator"}
    archive.read("person", "add", "rita", "--role", "reviewer")
    assert [one["name"] for one in archive.read("person", "list")] == ["ann", "rita"]
    (tmp_path / "instructions.txt").write_text("Draw what you see.")
    asked = ("--policy", "at_most 2", "--readers", 2, "--tolerance-mm", 1, "--accept-above", 0.9)
    opened = archive.read(
        "round", "open", "again", "--cohort", "all", *asked, "--instructions", tmp_path / "instructions.txt"
    )
    assert (opened["policy"], opened["readers"], opened["instructions"]) == ("at_most 2", 2, "Draw what you see.")

    out = tmp_path / "ann"
    handed = archive.read("round", "handout", "again", "--annotator", "ann", "--out", out)
    rows = rows_of(out / "sidecar.csv")
    assert handed["new"] == len(rows) == opened["findings"]
    assert "Draw what you see." in (out / "index.html").read_text()

    path = out / f"{rows[0]['scan']}__{rows[0]['finding']}.nii.gz"
    image = nib.load(path)
    nib.Nifti1Image(np.asanyarray(image.dataobj)[::-1], image.affine).to_filename(path)
    write(out / "sidecar.csv", [{**row, "status": "submitted"} for row in rows])
    back = ("ingest", "round", out, "--sidecar", out / "sidecar.csv", "--round", "again", "--workers", 1)
    planned = archive.run(*back, "--dry-run", "--json")
    taken = archive.run(*back, "--json")
    assert (planned.returncode, taken.returncode) == (1, 1)
    for done, dry in ((planned, True), (taken, False)):
        report = json.loads(done.stdout)
        assert report["dry_run"] is dry
        assert (report["annotations"]["new"], report["annotations"]["left_out"]) == (len(rows) - 1, 1)
        (fault,) = (each for each in report["faults"] if each["severity"] == "left_out")
        assert (fault["kind"], fault["scan"]) == ("orientation_suspect", rows[0]["scan"])
        assert "mirrored" in fault["message"]
    said = archive.run(*back)
    assert said.returncode == 1
    assert "orientation_suspect" in said.stdout
    assert f"{len(rows) - 1} unchanged" in said.stdout

    shown = archive.read("round", "show", "again")
    assert shown["annotators"] == {"ann": {"out": 1, "returned": len(rows) - 1}}
    assert shown["annotations"] == {"submitted": len(rows) - 1}
    would = archive.run("round", "withdraw-handout", "again", "--annotator", "ann", "--dry-run")
    assert would.stdout == f"1 finding would be withdrawn from ann; {len(rows) - 1} came back and stay\n"
    withdrawn = archive.read("round", "withdraw-handout", "again", "--annotator", "ann")
    assert withdrawn["withdrawn"] == [path.name]
    assert archive.read("round", "show", "again")["annotators"] == {"ann": {"withdrawn": 1, "returned": len(rows) - 1}}
    assert [one["name"] for one in archive.read("round", "list")] == ["again", "first"]
    assert "again (open): cohort all" in archive.run("round", "list").stdout
    assert "at_most 2" in archive.run("round", "show", "again").stdout
    assert archive.read("verify")["problems"] == []


def test_mistakes_are_one_line(archive: CommandLine, tmp_path: Path) -> None:
    archive.read("person", "add", "ann", "--role", "annotator")
    archive.read("round", "open", "again", "--cohort", "all")
    for arguments, message in (
        (("round", "open", "again", "--cohort", "all"), "there is a round 'again' already"),
        (("round", "open", "other", "--cohort", "none"), "there is no cohort 'none'"),
        (("round", "show", "never"), "there is no round 'never'; there are: again, first"),
        (("round", "handout", "again", "--annotator", "eve", "--out", tmp_path / "eve"), "no annotator 'eve'"),
        (("person", "add", "ann", "--role", "reviewer"), "there is a person 'ann' already"),
    ):
        done = archive.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert message in done.stderr
    assert archive.run("round", "open", "x", "--cohort", "all", "--policy", "some").returncode == 2

    out = tmp_path / "ann"
    archive.read("round", "handout", "again", "--annotator", "ann", "--out", out, "--empty")
    rows = rows_of(out / "sidecar.csv")
    write(out / "sidecar.csv", [{**rows[0], "status": "done", "annotator": "eve"}, *rows[1:]])
    back = ("ingest", "round", out, "--sidecar", out / "sidecar.csv", "--round", "again")
    refused = archive.run(*back, "--json")
    assert refused.returncode == 1
    told = json.loads(refused.stdout)["refused"]
    assert [(each["line"], "eve" in each["message"]) for each in told] == [(2, True), (2, False)]
    said = archive.run(*back)
    assert (said.returncode, said.stdout) == (1, "")
    assert "refused: line 2: 'done' is no status of a row; write draft or submitted" in said.stderr
    assert "2 problems: nothing was taken" in said.stderr


def test_readers_disagree_and_somebody_decides(archive: CommandLine, tmp_path: Path) -> None:
    for name, role in (("ann", "annotator"), ("bob", "annotator"), ("rita", "reviewer"), ("ada", "adjudicator")):
        archive.read("person", "add", name, "--role", role)
    archive.read("round", "open", "blind", "--cohort", "all", "--readers", 2, "--accept-above", 0.9)
    for name in ("ann", "bob"):
        out = tmp_path / name
        archive.read("round", "handout", "blind", "--annotator", name, "--out", out)
        rows = rows_of(out / "sidecar.csv")
        if name == "bob":
            path = out / f"{rows[0]['scan']}__{rows[0]['finding']}.nii.gz"
            image = nib.load(path)
            drawn = np.asanyarray(image.dataobj).copy()
            drawn[tuple(np.argwhere(drawn)[len(np.argwhere(drawn)) // 3 :].T)] = 0
            nib.Nifti1Image(drawn, image.affine).to_filename(path)
        write(out / "sidecar.csv", [{**row, "status": "submitted"} for row in rows])
        archive.read("ingest", "round", out, "--sidecar", out / "sidecar.csv", "--round", "blind", "--workers", 1)
    closed = archive.run("round", "close", "blind")
    assert f"{len(rows) - 1} accepted by rule, 1 to review, 1 of them by an adjudicator" in closed.stdout
    queue = archive.read("review", "list", "--adjudication")
    assert {(each["scan"], str(each["finding"])) for each in queue} == {(rows[0]["scan"], rows[0]["finding"])}
    assert "adjudicator" in archive.run("review", "list").stdout
    refused = archive.run("review", "accept", queue[0]["id"], "--reviewer", "rita")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "an adjudicator decides" in refused.stderr
    assert archive.run("review", "accept", queue[0]["id"], "--reviewer", "ada").returncode == 0
    assert archive.read("review", "list", "--adjudication") == []

    drawn_in = tmp_path / "changes.png"
    told = archive.run("round", "diff", "first", "blind", "--png", drawn_in)
    assert told.returncode == 0, told.stderr
    assert "findings drawn otherwise: " in told.stdout
    assert f"the largest changes are drawn in {drawn_in}" in told.stdout
    assert drawn_in.read_bytes()[:4] == b"\x89PNG"
