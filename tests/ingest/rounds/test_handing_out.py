"""A handout holds what it should, goes on where it stopped, and never touches what somebody has begun to draw."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ingest.rounds import handing_out
from ingest.rounds.opening import RoundOptions, open_round
from ingest.rounds.page import what_is_asked
from schema.annotation import AnnotationPolicy
from schema.errors import NotFound, SourceError
from schema.import_run import FaultKind, Severity
from schema.round import PersonRole
from tests.ingest.rounds.campaigns import Desk, labels_at, path_of, rows_of, save_labels


def test_files_stand_on_the_grid_of_their_ct(desk: Desk) -> None:
    report = desk.hand_out("again", "ann")
    rows = rows_of(report.out)
    assert (report.new, report.shown) == (len(rows), len(rows))
    findings = desk.rows(
        "SELECT s.name, f.source_index, v.affine_ras, a.voxels FROM finding f JOIN scan s ON s.id = f.scan_id "
        "JOIN volume v ON v.scan_id = s.id JOIN open.annotation a ON a.finding_id = f.id ORDER BY 1, 2"
    )
    assert [(row.scan, int(row.finding)) for row in rows] == [each[:2] for each in findings]
    for row, (*_, affine, voxels) in zip(rows, findings, strict=True):
        image = nib.load(path_of(report.out, row))
        assert np.allclose(image.affine, np.reshape(affine, (4, 4)), atol=1e-4)
        assert image.get_data_dtype() == np.uint8
        assert np.count_nonzero(np.asanyarray(image.dataobj)) == voxels
    handouts = desk.rows("SELECT count(*), count(shown_id), count(DISTINCT file_sha256) FROM open.handout")
    assert handouts == [(len(rows), len(rows), len(rows))]


def test_the_sidecar_and_the_page_say_what_to_draw(desk: Desk) -> None:
    desk.open("page", policy=AnnotationPolicy.parse("at_most 2"), instructions="Draw <b>every</b> nodule.")
    out = desk.hand_out("page", "ann", correct=False).out
    with (out / "sidecar.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["scan", "finding", "text", "label", "annotator", "status"]
    assert {(row["annotator"], row["status"], row["label"]) for row in rows} == {("ann", "draft", "")}
    page = (out / "index.html").read_text()
    for row in rows:
        assert f"{row['scan']}__{row['finding']}.nii.gz" in page
    assert "Draw &lt;b&gt;every&lt;/b&gt; nodule." in page
    assert "Draw up to 2 entities of each finding" in page
    assert "http" not in page.replace("http-equiv", "")
    for (digest,) in desk.rows("SELECT digest FROM volume"):
        assert desk.arrays.address("volumes", digest) in page
    assert not any(labels_at(path_of(out, row)).any() for row in rows_of(out))


def test_run_again_it_goes_on_and_writes_over_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    write, written = handing_out.write_mask, []

    def interrupted(path: Path, *arguments: Any, **options: Any) -> None:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *arguments, **options)

    monkeypatch.setattr(handing_out, "write_mask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        desk.hand_out("again", "ann")
    monkeypatch.undo()
    out = desk.folder / "again" / "ann"
    assert len(list(out.glob("train_*.nii.gz"))) == 3
    (begun, *_) = sorted(out.glob("train_*.nii.gz"))
    save_labels(begun, np.zeros(nib.load(begun).shape))
    drawn = begun.read_bytes()
    report = desk.hand_out("again", "ann")
    assert report.already == 3
    assert begun.read_bytes() == drawn
    rows = rows_of(out)
    edited = replace(rows[0], status="submitted", label="1;2")
    handing_out.write_sidecar(out / "sidecar.csv", [edited, *rows[1:-1]])
    begun.unlink()
    again = desk.hand_out("again", "ann")
    assert (again.new, again.already) == (0, len(rows))
    assert begun.is_file()
    assert [replace(row, line=0) for row in rows_of(out)] == [
        replace(edited, line=0),
        *(replace(row, line=0) for row in rows[1:]),
    ]


def test_a_folder_is_one_handout(desk: Desk) -> None:
    out = desk.hand_out("again", "ann").out
    for options in ({"annotator": "bob"}, {"annotator": "ann", "correct": False}):
        with pytest.raises(SourceError, match="holds something else"):
            desk.hand_out("again", options.pop("annotator"), out=out, **options)
    (desk.folder / "other").mkdir()
    (desk.folder / "other" / "notes.txt").write_text("mine")
    with pytest.raises(SourceError, match="no handout"):
        desk.hand_out("again", "bob", out=desk.folder / "other")
    there = desk.folder / "there"
    there.mkdir()
    what = {"form": "handout", "round": "again", "annotator": "bob", "correct": True}
    (there / "groundct.json").write_text(json.dumps(what))
    (there / path_of(out, rows_of(out)[0]).name).write_bytes(b"another file")
    with pytest.raises(SourceError, match="is there already"):
        desk.hand_out("again", "bob", out=there)
    assert desk.rows("SELECT count(*) FROM open.handout WHERE annotator_id = 2") == [(0,)]


def test_so_many_readers_a_finding(desk: Desk) -> None:
    desk.open("double", readers=2)
    desk.add_people("cleo")
    reports = {name: desk.hand_out("double", name, most=most) for name, most in (("ann", 5), ("bob", None))}
    all_of_them = reports["bob"].new
    assert (reports["ann"].new, reports["ann"].with_others) == (5, 0)
    third = desk.hand_out("double", "cleo")
    assert (third.new, third.with_others) == (all_of_them - 5, 5)
    more = desk.hand_out("double", "ann", most=7)
    assert (more.new, more.already, more.with_others) == (0, 5, all_of_them - 5)


def test_a_scan_without_a_volume_is_named_and_left_out(desk: Desk) -> None:
    scan = desk.rows("SELECT id, name FROM scan ORDER BY name LIMIT 1")[0]
    desk.execute("DELETE FROM volume WHERE scan_id = :scan", scan=scan[0])
    report = desk.hand_out("again", "ann")
    assert {(one.kind, one.severity, one.scan) for one in report.faults} == {
        (FaultKind.MISSING_VOLUME, Severity.LEFT_OUT, scan[1])
    }
    assert report.new + len(report.faults) == desk.rows("SELECT count(*) FROM finding")[0][0]


def test_people_and_rounds_are_known_or_said_to_be_not(desk: Desk) -> None:
    desk.add_people("rev", role=PersonRole.REVIEWER)
    with pytest.raises(NotFound, match="there are: ann, bob; `groundct person add eve"):
        desk.hand_out("again", "eve")
    with pytest.raises(SourceError, match="rev is a reviewer"):
        desk.hand_out("again", "rev")
    with pytest.raises(SourceError, match="was imported"):
        desk.hand_out("first", "ann")
    with pytest.raises(NotFound, match="no round"):
        desk.hand_out("never", "ann")
    for name, message in (("ann", "already"), ("a b", "is no pseudonym"), ("", "is no pseudonym")):
        with pytest.raises(SourceError, match=message):
            desk.add_people(name)


def test_a_round_is_opened_once(desk: Desk) -> None:
    with pytest.raises(SourceError, match="already"):
        desk.open("again")
    with desk.database.transaction() as session, pytest.raises(NotFound, match="there is: all"):
        open_round(session, RoundOptions("other", "nobody"))
    with pytest.raises(SourceError, match="no name"):
        desk.open(" ")


@pytest.mark.parametrize(
    ("policy", "words"),
    [("exhaustive", "counts as not there"), ("at_most 1", "up to 1 entity of"), ("unknown", "Nobody will take")],
)
def test_a_policy_in_words(policy: str, words: str) -> None:
    assert words in what_is_asked(AnnotationPolicy.parse(policy))
