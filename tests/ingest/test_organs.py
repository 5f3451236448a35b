"""Organ masks: whose they are, how they lie in their scan, what is stored, and what is left out."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import sqlalchemy as sa
from nibabel.orientations import apply_orientation, inv_ornt_aff
from numpy.typing import NDArray

from compute.location import OrganFrame, locate_finding
from ingest.faults import CaseLeftOut
from ingest.frames import ScanGrid, place_file
from ingest.options import ImportOptions
from ingest.organs import OrganOptions, OrganReport, import_organs
from ingest.organs.places import match_scan
from ingest.phantoms import JSON_NAME, make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.import_run import FaultKind, Severity
from schema.integrity import collect_garbage, verify
from schema.location import Location
from schema.organ import OrganScheme, organ_schemes

SHAPE = (56, 60, 58)
TOTAL = organ_schemes()["totalsegmentator-v2"]
LUNGS = organ_schemes()["lungs"]
LOBES = {10: "lung_upper_lobe_left", 11: "lung_lower_lobe_left", 12: "lung_upper_lobe_right"}

Labels = NDArray[Any]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(folder, scans=3, seed=3, faults=False, second=False, shape=SHAPE)
    return folder


@pytest.fixture
def archive(database: Database, arrays: ArrayStore, dataset: Path) -> tuple[Database, ArrayStore]:
    """Three scans with their volumes."""
    import_dataset(database, arrays, ImportOptions(dataset / JSON_NAME, round="r", workers=1))
    return database, arrays


@pytest.fixture
def scans(dataset: Path) -> dict[str, NDArray[np.float64]]:
    """Affine by scan."""
    paths = sorted((dataset / "volumes").rglob("*.nii.gz"))
    return {path.name.removesuffix(".nii.gz"): nib.load(path).affine for path in paths}


@pytest.fixture
def run(archive: tuple[Database, ArrayStore], tmp_path: Path) -> Callable[..., OrganReport]:
    """Imports what lies in `organs`, in this process unless said otherwise."""

    def imported(scheme: OrganScheme = TOTAL, **options: Any) -> OrganReport:
        return import_organs(*archive, OrganOptions(tmp_path / "organs", scheme, **({"workers": 1} | options)))

    return imported


def draw(seed: int = 0) -> NDArray[np.uint8]:
    """Three lobes and a liver, (i,j,k), that touch and look alike from no two sides."""
    organs = np.zeros(SHAPE, np.uint8)
    organs[4:18, 5:30, 3:20], organs[4:18, 5:30, 20:31] = 11, 10
    organs[22:35, 8:30, 6:30], organs[20:35, 30:40, 2:9] = 12, 5
    organs[5 + seed, 6, 4] = 10
    return organs


def save(path: Path, organs: Labels, affine: NDArray[np.float64], **header: Any) -> Path:
    """Write a file; the header's sform and codes may be anything, so they go in as bytes."""
    image = nib.Nifti1Image(organs, affine)
    image.set_qform(header.get("qform", affine))
    content = bytearray(image.to_bytes())
    content[252:256] = np.array([header.get("qform_code", 1), header.get("sform_code", 1)], "<i2").tobytes()
    content[280:328] = header.get("sform", affine)[:3].astype("<f4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction(Role.OWNER) as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def counts(report: OrganReport) -> dict[str, int]:
    return {state: n for state, n in report.to_json()["scans"].items() if n}


def stored(archive: tuple[Database, ArrayStore], scan: str) -> NDArray[Any]:
    """The labels (i,j,k) that the row of a scan names."""
    database, arrays = archive
    query = f"SELECT digest FROM organ_mask JOIN scan s ON s.id = scan_id WHERE name = '{scan}'"
    ((digest,),) = rows(database, query)
    return arrays.read_labels(digest, "labels", 0).T


def flat(folder: Path, scan: str) -> Path:
    return folder / f"{scan}_seg.nii.gz"


def ct_rate(folder: Path, scan: str) -> Path:
    patient, study = scan.rsplit("_", 2)[0], scan.rsplit("_", 1)[0]
    return folder / "ts_seg" / "ts_total" / "train_fixed" / patient / study / f"{scan}.nii.gz"


def in_folder(folder: Path, scan: str) -> Path:
    return folder / scan / "segmentation.nii"


@pytest.mark.parametrize("layout", [flat, ct_rate, in_folder])
def test_maps_of_labels_come_in_once(
    archive: Any, run: Any, scans: Any, tmp_path: Path, layout: Callable[[Path, str], Path]
) -> None:
    for n, (scan, affine) in enumerate(scans.items()):
        save(layout(tmp_path / "organs", scan), draw(n), affine)
    first = run()
    assert (counts(first), first.all_faults) == ({"new": 3}, [])
    for n, scan in enumerate(scans):
        np.testing.assert_array_equal(stored(archive, scan), draw(n))
    before = rows(archive[0], "SELECT * FROM organ_mask ORDER BY id")
    assert counts(run()) == {"unchanged": 3}
    assert rows(archive[0], "SELECT * FROM organ_mask ORDER BY id") == before
    ((names, scheme),) = set(rows(archive[0], "SELECT names::text, scheme FROM organ_mask"))
    assert scheme == "totalsegmentator-v2"
    assert json.loads(names)["14"] == "lung_lower_lobe_right"
    assert verify(*archive, lambda *_: None).problems == ()
    assert collect_garbage(*archive, grace=timedelta(0), dry_run=True).removable == ()


def test_a_file_for_each_organ_is_the_same_mask(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    one, other, _ = scans
    organs = draw()
    for value, name in {**LOBES, 5: "liver"}.items():
        drawn = ((organs == value) * (255 if value == 5 else 1)).astype(np.uint8)
        save(tmp_path / "organs" / one / f"{name}.nii.gz", drawn, scans[one])
    save(tmp_path / "organs" / one / "body.nii.gz", organs, scans[one])
    save(tmp_path / "organs" / f"{other}.nii.gz", organs, scans[other])
    report = run()
    assert counts(report) == {"new": 2}
    (told,) = report.all_faults
    assert (told.kind, told.severity, told.scan) == (FaultKind.UNKNOWN_LABEL, Severity.WARNING, one)
    assert "body.nii.gz" in told.message
    ((digest,),) = set(rows(archive[0], "SELECT digest FROM organ_mask"))
    np.testing.assert_array_equal(archive[1].read_labels(digest, "labels", 0).T, organs)


def test_of_two_organs_at_one_voxel_the_lower_label_has_it(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    scan, affine = next(iter(scans.items()))
    lung, liver = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    lung[5:20, 5:20, 5:20], liver[18:30, 5:20, 5:20] = 1, 1
    save(tmp_path / "organs" / scan / "lung_upper_lobe_left.nii.gz", lung, affine)
    save(tmp_path / "organs" / scan / "liver.nii.gz", liver, affine)
    (told,) = run().all_faults
    assert (told.kind, told.severity) == (FaultKind.ORGANS_OVERLAP, Severity.WARNING)
    assert told.message.startswith(f"{2 * 15 * 15} voxels")
    np.testing.assert_array_equal(stored(archive, scan), np.where(liver, 5, lung * 10))


def test_lungs_alone_and_a_scheme_of_ones_own(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    scan, affine = next(iter(scans.items()))
    save(tmp_path / "organs" / f"{scan}_lungs.nii.gz", (draw() >= 10).astype(np.float32), affine)
    own = OrganScheme.parse("own", {"1": "both lungs"})
    assert [counts(run(scheme)) for scheme in (LUNGS, own, LUNGS)] == [{"new": 1}, {"new": 1}, {"unchanged": 1}]
    assert rows(archive[0], "SELECT scheme, names::text FROM organ_mask ORDER BY id") == [
        ("lungs", '{"1": "lung"}'),
        ("own", '{"1": "both lungs"}'),
    ]
    assert counts(run(replace(own, names={1: "lung"}))) == {"changed": 1}


def test_every_pure_turn_of_the_axes_comes_back_to_the_scan(tmp_path: Path) -> None:
    affine = np.array([[-0.7, 0.1, 0, 40], [0.05, -0.8, 0.2, -7], [0, 0.1, 1.5, 3], [0, 0, 0, 1]])
    scan = ScanGrid(SHAPE, affine)
    labels = LabelRuns.from_dense(np.ascontiguousarray(draw().T))
    for order, flips in product(permutations(range(3)), product((1, -1), repeat=3)):
        turn = np.array(list(zip(order, flips, strict=True)), float)
        turned = apply_orientation(draw(), turn)
        path = save(tmp_path / "turned.nii", turned, affine @ inv_ornt_aff(turn, SHAPE))
        placement = place_file(path, scan)
        assert placement.place(LabelRuns.from_dense(np.ascontiguousarray(turned.T))) == labels
        notes = [(one.kind, one.severity) for one in placement.faults]
        as_it_is = order == (0, 1, 2) and flips == (1, 1, 1)
        assert notes == ([] if as_it_is else [(FaultKind.FRAME_DIFFERS, Severity.NOTE)])


def test_a_turned_mask_is_stored_as_the_scan_lies(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    scan, affine = next(iter(scans.items()))
    turn = np.array([[1, -1], [0, 1], [2, -1]], float)
    save(tmp_path / "organs" / f"{scan}.nii.gz", apply_orientation(draw(), turn), affine @ inv_ornt_aff(turn, SHAPE))
    report = run()
    (note,) = report.all_faults
    assert (counts(report), note.severity) == ({"new": 1}, Severity.NOTE)
    assert "it is turned by its affine" in note.message
    np.testing.assert_array_equal(stored(archive, scan), draw())
    assert run().all_faults == [note]


AFFINE = np.diag([-0.8, -0.8, 1.5, 1.0])
GOOD: dict[str, tuple[dict[str, Any], int]] = {
    "as it is": ({}, 0),
    "no sform": ({"sform_code": 0}, 1),
    "an sform of zeros": ({"sform": np.zeros((4, 4))}, 1),
    "an sform of NaN": ({"sform": np.full((4, 4), np.nan)}, 1),
    "a wrong qform beside a right sform": ({"qform": np.eye(4)}, 0),
    "a hair's breadth away": ({"sform": AFFINE + 0.04 * np.eye(4, k=3)}, 0),
    "voxels a hair larger": ({"sform": AFFINE * [[1.0009], [1.0009], [1.0009], [1]]}, 0),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_frame_that_is_the_scans(tmp_path: Path, case: str) -> None:
    header, notes = GOOD[case]
    placement = place_file(save(tmp_path / "organs.nii.gz", draw(), AFFINE, **header), ScanGrid(SHAPE, AFFINE))
    assert [(one.kind, one.severity) for one in placement.faults] == [(FaultKind.FRAME_DIFFERS, Severity.NOTE)] * notes
    labels = LabelRuns.from_dense(np.ascontiguousarray(draw().T))
    assert placement.place(labels) == labels


def moved(**changes: Any) -> NDArray[np.float64]:
    affine = AFFINE.copy()
    affine[:3, 3] += changes.get("by", 0)
    affine[:3, :3] *= changes.get("scale", 1)
    affine[:3, :3] = changes.get("turn", np.eye(3)) @ affine[:3, :3]
    return affine


BAD: dict[str, tuple[NDArray[np.float64], dict[str, Any], str]] = {
    "identity": (np.eye(4), {}, "voxels of 1 x 1 x 1 mm for 0.8 x 0.8 x 1.5 mm"),
    "half a voxel away": (moved(by=0.4), {}, "elsewhere: corners 0.6928 to 0.6928 mm apart"),
    "other voxels": (moved(scale=1.01), {}, "elsewhere"),
    "turned by a degree": (
        moved(turn=np.array([[np.cos(0.017), -np.sin(0.017), 0], [np.sin(0.017), np.cos(0.017), 0], [0, 0, 1]])),
        {},
        "elsewhere",
    ),
    "no frame at all": (AFFINE, {"sform_code": 0, "qform_code": 0}, "neither an sform nor a qform"),
    "a qform of elsewhere and no sform": (moved(by=[5, 0, 0]), {"sform_code": 0}, "elsewhere"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_frame_that_is_another_is_left_out(tmp_path: Path, case: str) -> None:
    affine, header, message = BAD[case]
    path = save(tmp_path / "organs.nii.gz", draw(), affine, **header)
    with pytest.raises(CaseLeftOut) as raised:
        place_file(path, ScanGrid(SHAPE, AFFINE))
    (told,) = raised.value.faults
    assert (told.kind, told.severity, told.path) == (FaultKind.FRAME_DIFFERS, Severity.LEFT_OUT, str(path))
    assert message in told.message


def spoiled(name: str, path: Path, affine: NDArray[np.float64]) -> None:
    organs = draw()
    if name == "shape":
        save(path, organs[:-1], affine)
    elif name == "four axes":
        save(path, organs[None], affine)
    elif name == "fraction":
        save(path, organs + np.float32(0.5), affine)
    elif name == "below zero":
        save(path, organs.astype(np.int16) - 1, affine)
    elif name == "not a number":
        save(path, np.where(organs == 5, np.float32(np.nan), organs), affine)
    elif name == "too large":
        save(path, organs.astype(np.int32) * 14_000, affine)
    elif name == "cut off":
        save(path, organs, affine)
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(b"no organs at all"))


TOLD = """
SELECT f.kind::text, f.scan, r.state::text FROM open.fault f JOIN import_run r ON r.id = f.run_id
WHERE r.kind = 'organs'"""


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("shape", FaultKind.SHAPE_DIFFERS),
        ("four axes", FaultKind.SHAPE_DIFFERS),
        ("fraction", FaultKind.NOT_INTEGRAL),
        ("below zero", FaultKind.NEGATIVE_LABEL),
        ("not a number", FaultKind.NOT_FINITE),
        ("too large", FaultKind.WRONG_TYPE),
        ("cut off", FaultKind.UNREADABLE_FILE),
        ("no NIfTI", FaultKind.NOT_NIFTI),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_others_come_in(
    archive: Any, run: Any, scans: Any, tmp_path: Path, what: str, kind: FaultKind
) -> None:
    wrong, right, _ = scans
    spoiled(what, tmp_path / "organs" / f"{wrong}.nii.gz", scans[wrong])
    save(tmp_path / "organs" / f"{right}.nii.gz", draw(), scans[right])
    report = run()
    assert counts(report) == {"new": 1, "left_out": 1}
    (told,) = report.all_faults
    assert (told.kind, told.severity, told.scan, told.finding) == (kind, Severity.LEFT_OUT, wrong, None)
    assert told.path is not None
    assert told.path.endswith(f"{wrong}.nii.gz")
    assert rows(archive[0], TOLD) == [(kind.value, wrong, "done")]
    save(tmp_path / "organs" / f"{wrong}.nii.gz", draw(), scans[wrong])
    assert counts(run()) == {"new": 1, "unchanged": 1}


def test_labels_without_a_name_and_an_empty_mask_are_warned_of_each_time(run: Any, scans: Any, tmp_path: Path) -> None:
    strange, empty, _ = scans
    save(tmp_path / "organs" / f"{strange}.nii.gz", draw() + np.uint8(110) * (draw() == 12), scans[strange])
    save(tmp_path / "organs" / f"{empty}.nii.gz", np.zeros(SHAPE, np.uint8), scans[empty])
    for expected in ({"new": 2}, {"unchanged": 2}):
        report = run()
        assert counts(report) == expected
        kinds = {one.scan: (one.kind, one.severity) for one in report.all_faults}
        assert kinds == {
            strange: (FaultKind.UNKNOWN_LABEL, Severity.WARNING),
            empty: (FaultKind.EMPTY_FINDING, Severity.WARNING),
        }
        assert any("no name for 122" in one.message for one in report.all_faults)


def test_a_scan_without_a_volume_is_taken_by_its_shape_until_the_volume_comes(
    database: Database, arrays: ArrayStore, dataset: Path, scans: Any, tmp_path: Path
) -> None:
    options = ImportOptions(dataset / JSON_NAME, round="r", volumes=tmp_path, workers=1)
    import_dataset(database, arrays, options)
    scan, affine = next(iter(scans.items()))
    path = save(tmp_path / "organs" / f"{scan}.nii.gz", draw(), np.eye(4))
    taken = OrganOptions(tmp_path / "organs", TOTAL, workers=1)
    report = import_organs(database, arrays, taken)
    (told,) = report.all_faults
    assert (counts(report), told.kind, told.severity) == ({"new": 1}, FaultKind.MISSING_VOLUME, Severity.WARNING)
    import_dataset(database, arrays, replace(options, volumes=dataset / "volumes"))
    report = import_organs(database, arrays, taken)
    assert (counts(report), [one.kind for one in report.all_faults]) == ({"left_out": 1}, [FaultKind.FRAME_DIFFERS])
    save(path, draw(), affine)
    report = import_organs(database, arrays, taken)
    assert (counts(report), report.all_faults) == ({"unchanged": 1}, [])


def test_the_same_voxels_in_a_newer_file_change_nothing(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    scan, affine = next(iter(scans.items()))
    path = save(tmp_path / "organs" / f"{scan}.nii.gz", draw(), affine)
    run()
    (before,) = rows(archive[0], "SELECT id, digest FROM organ_mask")
    save(path, draw().astype(np.int32), affine)
    assert counts(run()) == {"unchanged": 1}
    assert rows(archive[0], "SELECT id, digest FROM organ_mask") == [before]


def test_a_changed_mask_takes_its_place_and_what_was_located_by_it_goes(
    archive: Any, run: Any, scans: Any, tmp_path: Path
) -> None:
    database, arrays = archive
    for scan, affine in scans.items():
        save(tmp_path / "organs" / f"{scan}.nii.gz", draw(), affine)
    run()
    located = locate_all(database, arrays)
    assert set(located) == set(scans)
    changed, *others = scans
    save(tmp_path / "organs" / f"{changed}.nii.gz", draw(1), scans[changed])
    assert counts(run()) == {"changed": 1, "unchanged": 2}
    left = dict(rows(database, LOCATED))
    assert left == {scan: located[scan] for scan in others}
    np.testing.assert_array_equal(stored(archive, changed), draw(1))


LOCATED = """
SELECT s.name, count(*) FROM open.location l JOIN organ_mask m ON m.id = organ_mask_id
JOIN scan s ON s.id = m.scan_id GROUP BY s.name"""


def locate_all(database: Database, arrays: ArrayStore) -> dict[str, int]:
    """Locate every entity in every mask of its scan, as the API's role, and count them by scan."""
    query = """
      SELECT a.id, l.digest, a.array_index, m.id, m.digest, m.names, v.affine_ras, v.body_midline_lps_mm
      FROM open.annotation a JOIN open.label_array l ON l.id = a.label_array_id
      JOIN organ_mask m ON m.scan_id = a.scan_id JOIN volume v ON v.scan_id = a.scan_id"""
    with database.transaction() as session:
        for annotation, digest, index, mask, organs, names, affine, midline in session.execute(sa.text(query)).all():
            frame = OrganFrame.of(arrays.read_runs(organs, "labels", 0), names, np.array(affine).reshape(4, 4), midline)
            for measures in locate_finding(arrays.read_runs(digest, "labels", index), frame):
                row = measures.row(annotation, mask)
                session.execute(sa.insert(Location).values(**row))
    return dict(rows(database, LOCATED))


def test_hidden_scans_are_located_in_hidden(
    database: Database, arrays: ArrayStore, dataset: Path, scans: Any, tmp_path: Path
) -> None:
    import_dataset(database, arrays, ImportOptions(dataset / JSON_NAME, round="r", release="a", workers=1))
    for scan, affine in scans.items():
        save(tmp_path / "organs" / f"{scan}.nii.gz", draw(), affine)
    options = OrganOptions(tmp_path / "organs", TOTAL, workers=1)
    import_organs(database, arrays, options)
    located = locate_all(database, arrays)
    split = json.loads((dataset / JSON_NAME).read_text())
    hidden = {case["name"].removesuffix(".nii.gz") for case in split["train"]}
    import_dataset(
        database,
        arrays,
        ImportOptions(dataset / JSON_NAME, round="r", release="b", hide=frozenset({"train"}), workers=1),
    )
    assert dict(rows(database, LOCATED)) == {scan: n for scan, n in located.items() if scan not in hidden}
    assert dict(rows(database, LOCATED.replace("open.", "hidden."))) == {scan: located[scan] for scan in hidden}
    save(tmp_path / "organs" / f"{min(hidden)}.nii.gz", draw(2), scans[min(hidden)])
    assert counts(import_organs(database, arrays, options))["changed"] == 1
    assert min(hidden) not in dict(rows(database, LOCATED.replace("open.", "hidden.")))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train_1_a_1", ("train_1_a_1", "")),
        ("train_1_a_1_lungs", ("train_1_a_1", "_lungs")),
        ("train_1_a_1.seg", ("train_1_a_1", ".seg")),
        ("train_1_a_12_seg", ("train_1_a_12", "_seg")),
        ("train_1_a_13", (None, "train_1_a_13")),
        ("train_1_a", (None, "train_1_a")),
        ("lungs_train_1_a_1", (None, "lungs_train_1_a_1")),
    ],
)
def test_a_name_is_the_longest_known_scan_that_it_begins_with(name: str, found: tuple[str | None, str]) -> None:
    assert match_scan(name, {"train_1_a_1", "train_1_a_12"}) == found


def test_what_cannot_be_told_apart_is_left_out_and_strangers_are_counted(run: Any, scans: Any, tmp_path: Path) -> None:
    numbered, doubled, nameless = scans
    organs = tmp_path / "organs"
    save(organs / f"{numbered}_2.nii.gz", draw(), scans[numbered])
    for ending in ("nii", "nii.gz"):
        save(organs / f"{doubled}.{ending}", draw(), scans[doubled])
    for other in ("a", "b"):
        save(organs / nameless / f"{other}.nii.gz", draw(), scans[nameless])
    save(organs / "train_999_a_1.nii.gz", draw(), np.eye(4))
    for organ in ("liver", "spleen"):
        save(organs / "train_998_a_1" / f"{organ}.nii.gz", draw(), np.eye(4))
    (organs / "._hidden.nii.gz").write_bytes(b"")
    (organs / "loop").symlink_to(organs)
    report = run()
    assert counts(report) == {"left_out": 3, "unknown": 2}
    assert report.to_json()["unknown"] == ["train_998_a_1", "train_999_a_1"]
    assert {(one.kind, one.scan) for one in report.all_faults} == {
        (FaultKind.BAD_NAME, None),
        (FaultKind.DUPLICATE_SCAN, doubled),
        (FaultKind.BAD_NAME, nameless),
    }


def test_workers_give_what_one_process_gives(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    for n, (scan, affine) in enumerate(scans.items()):
        save(tmp_path / "organs" / f"{scan}.nii.gz", draw(n), affine)
    told: list[tuple[int, int]] = []
    database, arrays = archive
    options = OrganOptions(tmp_path / "organs", TOTAL, workers=2)
    assert counts(import_organs(database, arrays, options, lambda *done: told.append(done))) == {"new": 3}
    assert told == [(1, 3), (2, 3), (3, 3)]
    for n, scan in enumerate(scans):
        np.testing.assert_array_equal(stored(archive, scan), draw(n))


def test_an_import_that_is_interrupted_is_completed_by_the_next(
    archive: Any, run: Any, scans: Any, tmp_path: Path
) -> None:
    for scan, affine in scans.items():
        save(tmp_path / "organs" / f"{scan}.nii.gz", draw(), affine)

    def interrupt(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    database, arrays = archive
    with pytest.raises(KeyboardInterrupt):
        import_organs(database, arrays, OrganOptions(tmp_path / "organs", TOTAL, workers=1), interrupt)
    assert counts(run()) == {"new": 1, "unchanged": 2}
    assert rows(database, "SELECT state::text FROM import_run WHERE kind = 'organs' ORDER BY id") == [
        ("failed",),
        ("done",),
    ]


def test_a_dry_run_looks_at_headers_and_writes_nothing(archive: Any, run: Any, scans: Any, tmp_path: Path) -> None:
    good, elsewhere, cut = scans
    save(tmp_path / "organs" / f"{good}.nii.gz", draw(), scans[good])
    save(tmp_path / "organs" / f"{elsewhere}.nii.gz", draw(), scans[elsewhere] + np.eye(4, k=3))
    path = save(tmp_path / "organs" / f"{cut}.nii.gz", draw(), scans[cut])
    path.write_bytes(path.read_bytes()[:-100])
    arrays = sorted(os.listdir(Path(archive[1].url) / "labels"))
    report = run(dry_run=True)
    assert counts(report) == {"new": 2, "left_out": 1}
    assert rows(archive[0], "SELECT id FROM organ_mask") == []
    assert rows(archive[0], "SELECT id FROM import_run WHERE kind = 'organs'") == []
    assert sorted(os.listdir(Path(archive[1].url) / "labels")) == arrays
    assert counts(run()) == {"new": 1, "left_out": 2}
    assert counts(run(dry_run=True)) == {"unchanged": 1, "new": 1, "left_out": 1}


def located(database: Database, arrays: ArrayStore) -> dict[tuple[int, int], dict[str, Any]]:
    """What is stored of each entity, by finding and label."""
    locate_all(database, arrays)
    query = """
      SELECT f.source_index, e.label, to_jsonb(l) FROM open.location l JOIN open.entity e ON e.id = entity_id
      JOIN open.annotation a ON a.id = annotation_id JOIN finding f ON f.id = a.finding_id"""
    return {(finding, label): row for finding, label, row in rows(database, query)}


def test_the_real_lungs(database: Database, arrays: ArrayStore, shared_data: Path) -> None:
    real = shared_data / "rex_real"
    import_dataset(database, arrays, ImportOptions(real / "dataset.json", round="real", workers=1))
    report = import_organs(database, arrays, OrganOptions(real / "organs", LUNGS, workers=1))
    assert (counts(report), report.all_faults) == ({"new": 1}, [])
    found = located(database, arrays)
    assert len(found) == 13
    tumour = found[0, 1]
    assert tumour["lung_border_mm"] == 0.0
    assert tumour["left_share"] == tumour["lung_share"] == tumour["shares"]["lung"] > 0
    assert tumour["right_share"] == 0.0
    mask = np.asarray(nib.load(real / "segmentations" / "train_90001_a_1.nii.gz").dataobj)
    lungs = np.asarray(nib.load(real / "organs" / "train_90001_a_1_lungs.nii.gz").dataobj) > 0
    for (finding, label), row in found.items():
        assert row["lung_share"] == pytest.approx(lungs[mask[finding] == label].mean(), abs=1e-12)
    assert counts(import_organs(database, arrays, OrganOptions(real / "organs", LUNGS, workers=1))) == {"unchanged": 1}


def test_the_real_organs_of_total_segmentator(
    database: Database, arrays: ArrayStore, shared_data: Path, tmp_path: Path
) -> None:
    example = shared_data / "organs_example"
    organs = nib.load(example / "example_seg.nii.gz")
    labels = np.asarray(organs.dataobj)
    mask = np.zeros((1, *labels.shape), np.uint8)
    mask[0, 20:60, 30:70, 5:25] = 1
    save(tmp_path / "segmentations" / "train_1_a_1.nii.gz", mask, np.eye(4))
    (tmp_path / "volumes").mkdir()
    (tmp_path / "volumes" / "train_1_a_1.nii.gz").symlink_to(example / "example_ct_sm.nii.gz")
    case = {"name": "train_1_a_1.nii.gz", "findings": {"0": "a box"}, "entity_counts": {"0": 1}}
    case |= {"shape": list(labels.shape), "pixels": {"0": int(mask.sum())}, "categories": {"0": "2d"}}
    dataset = tmp_path / "dataset.json"
    dataset.write_text(json.dumps({"train": [case | {"protocol": "protocol1"}], "val": [], "test": []}))
    import_dataset(database, arrays, ImportOptions(dataset, round="r", workers=1))
    (tmp_path / "organs").mkdir()
    (tmp_path / "organs" / "train_1_a_1_seg.nii.gz").symlink_to(example / "example_seg.nii.gz")
    report = import_organs(database, arrays, OrganOptions(tmp_path / "organs", TOTAL, workers=1))
    assert (counts(report), report.all_faults) == ({"new": 1}, [])
    np.testing.assert_array_equal(stored((database, arrays), "train_1_a_1"), labels)
    (row,) = located(database, arrays).values()
    inside = labels[mask[0] > 0]
    expected = {TOTAL.names[n]: (inside == n).mean() for n in np.unique(inside).tolist() if n}
    assert row["shares"] == pytest.approx(expected, abs=1e-12)
    assert len(expected) > 3
    lung = (inside >= 10) & (inside <= 14)
    assert row["lung_share"] == pytest.approx(lung.mean(), abs=1e-12)
