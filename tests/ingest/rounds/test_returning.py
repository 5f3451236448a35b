"""What goes out comes back as the same voxels, whatever tool saved it; what lies elsewhere is refused, and why."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK

from ingest.rounds.handing_out import SIDECAR
from ingest.rounds.sidecar import SidecarRow, write_sidecar
from schema.arrays.runs import LabelRuns
from schema.errors import NotFound, SourceError
from schema.import_run import FaultKind, Severity
from schema.integrity import verify
from tests.ingest.rounds.campaigns import Desk, drawn, labels_at, path_of, rows_of, save_labels, set_rows


def handed(desk: Desk, **options: Any) -> Path:
    report = desk.hand_out("again", "ann", **options)
    assert report.new > 6
    return report.out


def submit(folder: Path) -> None:
    set_rows(folder, lambda row: replace(row, status="submitted"))


def only(folder: Path, row: SidecarRow) -> None:
    """Leave one row, and its file."""
    for each in rows_of(folder):
        if each.key != row.key:
            path_of(folder, each).unlink()
    write_sidecar(folder / SIDECAR, [replace(row, status="submitted")])


def with_labels(folder: Path) -> SidecarRow:
    """The row with most voxels, none of them in the middle plane alone."""
    return max(rows_of(folder), key=lambda row: np.count_nonzero(labels_at(path_of(folder, row))))


def resave_with_simpleitk(path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.ReadImage(str(path)), str(path))


def resave_turned_by_simpleitk(path: Path) -> None:
    """As a viewer that keeps everything in one orientation does: axes and affine change together."""
    image = SimpleITK.ReadImage(str(path))
    SimpleITK.WriteImage(SimpleITK.DICOMOrient(image, "SRP"), str(path))


def resave_with_nibabel(path: Path) -> None:
    image = nib.load(path)
    nib.Nifti1Image(np.asanyarray(image.dataobj).astype(np.float32), image.affine).to_filename(path)


def resave_turned_by_nibabel(path: Path) -> None:
    nib.as_closest_canonical(nib.load(path)).to_filename(path)


RESAVED = [resave_with_simpleitk, resave_turned_by_simpleitk, resave_with_nibabel, resave_turned_by_nibabel]


@pytest.mark.parametrize("resave", RESAVED)
def test_out_and_back_gives_the_same_voxels(desk: Desk, resave: Any) -> None:
    folder = handed(desk)
    frames = set()
    before = {}
    for row in rows_of(folder):
        path = path_of(folder, row)
        frames.add("".join(nib.aff2axcodes(nib.load(path).affine)))
        before[row.key] = LabelRuns.from_dense(np.ascontiguousarray(labels_at(path).T)).digest()
        resave(path)
    assert frames == {"LPS", "RAS", "LAS"}
    submit(folder)
    report = desk.take_back(folder, "again")
    assert not report.imported.left_out
    assert report.counts["new"] == len(before)
    for row in rows_of(folder):
        assert [(one[1], one[3]) for one in drawn(desk, row, "again", "ann")] == [("submitted", before[row.key])]


def test_it_is_measured_as_an_import_measures(desk: Desk) -> None:
    folder = handed(desk)
    submit(folder)
    desk.take_back(folder, "again")
    measured = (
        "SELECT a.finding_id, e.label, e.voxels, e.box_i::text, g.volume_mm3, g.side::text, g.hu_mean, g.components26 "
        "FROM open.geometry g JOIN open.entity e ON e.id = entity_id JOIN open.annotation a ON a.id = annotation_id "
        "JOIN round r ON r.id = a.round_id WHERE r.name = '{}' ORDER BY 1, 2"
    )
    again = desk.rows(measured.format("again"))
    assert len(again) > 6
    assert again == desk.rows(measured.format("first"))
    assert verify(desk.database, desk.arrays, lambda _n, _m: None).problems == ()
    policy = desk.rows("SELECT DISTINCT policy::text, policy_limit, protocol FROM open.annotation WHERE round_id = 2")
    assert policy == [("at_most", 3, "protocol1")]
    assert desk.rows("SELECT DISTINCT state::text FROM open.annotation WHERE round_id = 1") == [("accepted",)]


def test_twice_is_once_and_a_change_is_a_version(desk: Desk) -> None:
    folder = handed(desk)
    submit(folder)
    first = desk.take_back(folder, "again")
    again = desk.take_back(folder, "again")
    assert again.counts == {**dict.fromkeys(first.counts, 0), "unchanged": first.counts["new"]}
    row = with_labels(folder)
    labels = labels_at(path_of(folder, row)).copy()
    labels[tuple(np.argwhere(labels)[0])] = 0
    save_labels(path_of(folder, row), labels)
    changed = desk.take_back(folder, "again")
    assert (changed.counts["superseding"], changed.counts["unchanged"]) == (1, first.counts["new"] - 1)
    versions = drawn(desk, row, "again", "ann")
    assert [one[:2] for one in versions] == [(1, "superseded"), (2, "submitted")]
    events = desk.rows("SELECT from_state::text, to_state::text, person, reason FROM open.annotation_event")
    assert events == [("submitted", "superseded", "ann", "returned again")]
    supersedes = desk.rows("SELECT count(*) FROM open.annotation n JOIN open.annotation o ON o.id = n.supersedes_id")
    assert supersedes == [(1,)]
    handouts = desk.rows("SELECT state::text, count(*), count(annotation_id) FROM open.handout GROUP BY 1")
    assert handouts == [("returned", first.counts["new"], first.counts["new"])]
    assert desk.rows("SELECT count(*) FROM import_run WHERE kind = 'round' AND state = 'done'") == [(3,)]


def test_a_draft_that_nobody_touched_stays_out_and_one_that_is_touched_may_be_submitted(desk: Desk) -> None:
    folder = handed(desk)
    rows = rows_of(folder)
    assert desk.take_back(folder, "again").counts["untouched"] == len(rows)
    assert desk.rows("SELECT count(*) FROM open.annotation WHERE round_id = 2") == [(0,)]
    row = with_labels(folder)
    labels = labels_at(path_of(folder, row)).copy()
    labels[tuple(np.argwhere(labels)[0])] = 0
    save_labels(path_of(folder, row), labels)
    only(folder, row)
    set_rows(folder, lambda each: replace(each, status="draft"))
    assert desk.take_back(folder, "again").counts["new"] == 1
    set_rows(folder, lambda each: replace(each, status="Submitted"))
    assert desk.take_back(folder, "again").counts["submitted"] == 1
    set_rows(folder, lambda each: replace(each, status="draft"))
    late = desk.take_back(folder, "again")
    assert late.counts["unchanged"] == 1
    (told,) = late.imported.all_faults
    assert (told.severity, told.kind) == (Severity.NOTE, FaultKind.CHANGED_SINCE)
    assert "submitted already" in told.message
    assert [one[:2] for one in drawn(desk, row, "again", "ann")] == [(1, "submitted")]
    events = desk.rows("SELECT from_state::text, to_state::text, person, reason FROM open.annotation_event")
    assert events == [("draft", "submitted", "ann", "returned as submitted")]


MISPLACED = {
    "i mirrored": lambda labels: labels[::-1],
    "i and k mirrored": lambda labels: labels[::-1, :, ::-1],
    "moved by (-5, 0, -3) voxels": lambda labels: np.roll(labels, (5, 3), axis=(0, 2)),
}


@pytest.mark.parametrize("how", MISPLACED)
def test_what_is_mirrored_or_shifted_against_what_went_out_is_refused(desk: Desk, how: str) -> None:
    folder = handed(desk)
    row = lopsided(folder)
    save_labels(path_of(folder, row), MISPLACED[how](labels_at(path_of(folder, row))))
    submit(folder)
    report = desk.take_back(folder, "again")
    (told,) = report.imported.all_faults
    assert (told.kind, told.severity, told.scan) == (FaultKind.ORIENTATION_SUSPECT, Severity.LEFT_OUT, row.scan)
    assert how in told.message
    assert "by 1.00 (IoU)" in told.message
    assert "--as-drawn" in told.remedy
    assert (report.counts["left_out"], report.counts["new"]) == (1, len(rows_of(folder)) - 1)
    assert drawn(desk, row, "again", "ann") == []
    assert desk.rows("SELECT count(*) FROM open.fault WHERE kind = 'orientation_suspect'") == [(1,)]
    meant = desk.take_back(folder, "again", as_drawn=True)
    assert meant.counts["new"] == 1
    assert [one.severity for one in meant.imported.all_faults] == [Severity.WARNING]


def lopsided(folder: Path) -> SidecarRow:
    """The largest finding that overlaps none of its mirror images."""
    found = []
    for row in rows_of(folder):
        labels = labels_at(path_of(folder, row)) > 0
        mirrors = (labels[::-1], labels[::-1, :, ::-1])
        if not any((labels & mirror).any() for mirror in mirrors):
            found.append((np.count_nonzero(labels), row))
    return max(found, key=lambda each: each[0])[1]


def test_what_was_empty_is_held_against_the_ct(desk: Desk) -> None:
    shown = {row.key: labels_at(path_of(desk.hand_out("again", "bob").out, row)) for row in rows_of(handed(desk))}
    desk.add_people("cleo")
    folder = desk.hand_out("again", "cleo", correct=False).out
    for row in rows_of(folder):
        assert not labels_at(path_of(folder, row)).any()
        save_labels(path_of(folder, row), shown[row.key][::-1])
    submit(folder)
    report = desk.take_back(folder, "again")
    suspects = [one for one in report.imported.all_faults if one.kind is FaultKind.ORIENTATION_SUSPECT]
    assert suspects
    assert all("i mirrored, its labels fit the CT far better" in one.message for one in suspects)
    for row in rows_of(folder):
        save_labels(path_of(folder, row), shown[row.key])
    assert not desk.take_back(folder, "again").imported.left_out


def shifted(affine: Any) -> Any:
    moved = affine.copy()
    moved[:3, 3] += 4.0
    return moved


def mirrored(affine: Any) -> Any:
    turned = affine.copy()
    turned[:3, 0] *= -1
    return turned


FRAMES = {"shifted": shifted, "mirrored": mirrored, "lost": lambda _affine: np.eye(4)}


@pytest.mark.parametrize("how", FRAMES)
def test_another_affine_is_refused_with_how_far_it_is(desk: Desk, how: str) -> None:
    folder = handed(desk)
    row = with_labels(folder)
    path = path_of(folder, row)
    save_labels(path, labels_at(path), FRAMES[how](nib.load(path).affine))
    only(folder, row)
    (told,) = desk.take_back(folder, "again").imported.all_faults
    assert told.severity is Severity.LEFT_OUT
    assert (told.kind, "mm apart" in told.message) == (FaultKind.FRAME_DIFFERS, True)
    assert drawn(desk, row, "again", "ann") == []


def test_other_shapes_and_values_are_refused(desk: Desk) -> None:
    folder = handed(desk)
    rows = rows_of(folder)
    first, second, third = (path_of(folder, row) for row in rows[:3])
    save_labels(first, labels_at(first)[:-1])
    image = nib.load(second)
    nib.Nifti1Image(np.full(image.shape, 0.5, np.float32), image.affine).to_filename(second)
    third.write_bytes(b"no image")
    submit(folder)
    report = desk.take_back(folder, "again")
    kinds = [FaultKind.SHAPE_DIFFERS, FaultKind.NOT_INTEGRAL, FaultKind.NOT_NIFTI]
    assert sorted(one.kind for one in report.imported.all_faults if one.severity is Severity.LEFT_OUT) == sorted(kinds)
    assert report.counts["left_out"] == 3
    assert report.counts["new"] == len(rows) - 3


def test_an_empty_file_says_that_nothing_is_there(desk: Desk) -> None:
    folder = handed(desk)
    row = with_labels(folder)
    save_labels(path_of(folder, row), np.zeros(nib.load(path_of(folder, row)).shape))
    only(folder, row)
    report = desk.take_back(folder, "again")
    assert [one.kind for one in report.imported.all_faults] == [FaultKind.EMPTY_FINDING]
    assert [one[1:3] for one in drawn(desk, row, "again", "ann")] == [("submitted", 0)]


def test_readers_are_blind_and_do_not_supersede_each_other(desk: Desk) -> None:
    ann, bob = handed(desk), desk.hand_out("again", "bob").out
    row = with_labels(ann)
    labels = labels_at(path_of(ann, row)).copy()
    labels[tuple(np.argwhere(labels)[0])] = 0
    save_labels(path_of(ann, row), labels)
    submit(ann)
    submit(bob)
    desk.take_back(ann, "again")
    desk.execute("UPDATE open.annotation SET state = 'accepted' WHERE round_id = 2 AND annotator_id = 1")
    desk.take_back(bob, "again")
    states = desk.rows(
        "SELECT pseudonym, state::text, count(*) FROM open.annotation "
        "JOIN person p ON p.id = annotator_id GROUP BY 1, 2"
    )
    assert sorted(states) == [("ann", "accepted", len(rows_of(ann))), ("bob", "submitted", len(rows_of(bob)))]
    desk.add_people("cleo")
    later = desk.hand_out("again", "cleo").out
    assert np.array_equal(labels_at(path_of(later, row)), labels_at(path_of(bob, row)))


def test_what_was_accepted_is_not_taken_away(desk: Desk) -> None:
    folder = handed(desk)
    row = with_labels(folder)
    only(folder, row)
    desk.take_back(folder, "again")
    desk.execute("UPDATE open.annotation SET state = 'accepted' WHERE round_id = 2")
    labels = labels_at(path_of(folder, row)).copy()
    labels[tuple(np.argwhere(labels)[0])] = 0
    save_labels(path_of(folder, row), labels)
    (told,) = desk.take_back(folder, "again").imported.all_faults
    assert "were accepted in this round" in told.message
    assert [one[:2] for one in drawn(desk, row, "again", "ann")] == [(1, "accepted")]


def test_a_dry_run_tells_all_and_takes_nothing(desk: Desk) -> None:
    folder = handed(desk)
    submit(folder)
    before = desk.rows("SELECT count(*) FROM import_run"), len(list(desk.arrays.iter_arrays()))
    report = desk.take_back(folder, "again", dry_run=True)
    assert report.counts["new"] == len(rows_of(folder))
    assert desk.rows("SELECT count(*) FROM open.annotation WHERE round_id = 2") == [(0,)]
    assert (desk.rows("SELECT count(*) FROM import_run"), len(list(desk.arrays.iter_arrays()))) == before
    assert report.to_json()["annotations"] == desk.take_back(folder, "again").to_json()["annotations"]


def test_a_closed_round_takes_nothing(desk: Desk) -> None:
    folder = handed(desk)
    desk.execute("UPDATE round SET closed_at = now() WHERE name = 'again'")
    with pytest.raises(SourceError, match="was closed on"):
        desk.take_back(folder, "again")
    with pytest.raises(SourceError, match="was closed on"):
        desk.hand_out("again", "bob")
    with pytest.raises(NotFound, match="there are: again, first"):
        desk.take_back(folder, "never")
