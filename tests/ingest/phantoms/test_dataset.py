"""The layout of the folder, and that it depends on the seed alone."""

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ingest.phantoms import (
    ABNORMALITIES,
    ABNORMALITIES_NAME,
    CODES,
    EXPECTED_NAME,
    MASKS,
    METADATA_NAME,
    SECOND_MASKS,
    VOLUMES,
    make_dataset,
)

SMALL = {"shape": (48, 48, 32), "spacing_mm": (7.0, 7.0, 7.0)}


def read_all(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    make_dataset(folder, scans=3, **SMALL)
    return read_all(folder)


def test_equal_seeds_give_equal_bytes(small, tmp_path):
    make_dataset(tmp_path, scans=3, **SMALL)
    assert read_all(tmp_path) == small


def test_another_seed_gives_other_voxels_and_words(small, tmp_path):
    make_dataset(tmp_path, scans=3, seed=1, faults=False, second=False, **SMALL)
    other = read_all(tmp_path)
    name = f"{VOLUMES}/train_1_a_1.nii.gz"
    assert other[name] != small[name]
    assert other["dataset.json"] != small["dataset.json"]


def test_a_scan_is_the_same_for_any_number_of_scans_and_faults(small, tmp_path):
    make_dataset(tmp_path, scans=1, faults=["not_finite"], second=False, **SMALL)
    voxels = {name: content for name, content in read_all(tmp_path).items() if name.endswith(".nii.gz")}
    assert len(voxels) == 4
    assert all(small[name] == content for name, content in voxels.items())


def test_a_kind_that_cannot_be_planted_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot plant"):
        make_dataset(tmp_path, faults=["bad_weather"])


def test_cases_have_the_published_keys(written):
    whole = {"name", "findings", "entity_counts", "shape", "pixels", "categories", "protocol"}
    assert set(written.first) == {"train", "val", "test"}
    for split, cases in written.first.items():
        clean = [case for case in cases if case["name"] not in written.faulty]
        wanted = whole - {"entity_counts", "pixels"} if split == "test" else whole
        assert clean
        assert all(set(case) == wanted for case in clean)
        assert all(list(case["findings"]) == [str(n) for n in range(len(case["findings"]))] for case in clean)


def test_protocols_follow_the_splits(written):
    protocols = {split: {case["protocol"] for case in cases} for split, cases in written.first.items()}
    assert protocols == {"train": {"protocol1", "protocol2"}, "val": {"val"}, "test": {"test"}}


def test_names_have_the_habits_of_ct_rate(written):
    names = [scan.name.removesuffix(".nii.gz").split("_") for scan in written.expected.scans if scan.kept]
    train = [name.name for name in written.expected.scans if name.split == "train"]
    people = {(prefix, number) for prefix, number, *_ in names}
    assert any(name.startswith("valid_") for name in train)
    assert {("train", "1"), ("valid", "1")} <= people
    assert ["train", "1", "a", "1"] in names
    assert ["train", "1", "a", "2"] in names
    assert ["train", "1", "b", "1"] in names


def test_only_the_planted_patient_is_in_two_splits(written):
    splits: dict[str, set[str]] = {}
    for scan in written.expected.scans:
        splits.setdefault("_".join(scan.name.split("_")[:2]), set()).add(scan.split)
    leaked = [fault.scan for fault in written.expected.faults if fault.kind == "patient_in_two_splits"]
    assert [patient for patient, found in splits.items() if len(found) > 1] == ["_".join(leaked[0].split("_")[:2])]


def test_all_categories_are_there(written):
    clean = [scan for scan in written.expected.scans if scan.name not in written.faulty]
    assert {finding.category for scan in clean for finding in scan.findings} == set(CODES)
    assert any(finding.side == "MIDLINE" for scan in clean for finding in scan.findings)
    assert any(finding.side == "BILATERAL" for scan in clean for finding in scan.findings)


def test_masks_are_channel_first_without_a_frame(written):
    dtypes = set()
    for scan in written.expected.scans:
        if scan.name in written.faulty:
            continue
        image = nib.load(written.folder / MASKS / scan.name)
        dtypes.add(image.get_data_dtype().name)
        assert image.shape == (len(scan.findings), *scan.shape)
        assert np.array_equal(image.affine, np.eye(4))
        assert image.header.get_zooms()[:3] == (1, 1, 1)
    assert dtypes == {"uint8", "int16", "float32"}


def test_volumes_are_int16_in_several_frames(written):
    clean = [scan for scan in written.expected.scans if scan.name not in written.faulty]
    for scan in clean:
        image = nib.load(written.folder / VOLUMES / scan.name)
        assert image.get_data_dtype() == np.int16
        assert image.shape == scan.shape
        assert "".join(nib.aff2axcodes(image.affine)) == scan.orientation
        assert np.allclose(image.header.get_zooms(), scan.spacing_mm)
        assert np.allclose(image.affine, scan.affine_ras)
    assert {scan.orientation for scan in clean} == {"LPS", "RAS", "LAS"}
    assert len({scan.spacing_mm for scan in clean}) > 3


def test_train_masks_are_partial_and_the_others_exhaustive(written):
    clean = [scan for scan in written.expected.scans if scan.name not in written.faulty]
    partial = [f for scan in clean if scan.split == "train" for f in scan.findings]
    whole = [f for scan in clean if scan.split != "train" for f in scan.findings]
    assert max(len(finding.entities) for finding in partial) == 3
    assert any(finding.painted > 3 for finding in partial)
    assert all(len(finding.entities) == finding.painted for finding in whole)
    assert max(finding.painted for finding in whole) > 5


def test_some_labels_have_gaps(written):
    labels = [[e.label for e in f.entities] for scan in written.expected.scans for f in scan.findings if f.entities]
    assert any(found != list(range(1, len(found) + 1)) for found in labels)


def test_no_scan_says_the_same_twice(written):
    for cases in written.first.values():
        for case in cases:
            texts = list(case.get("findings", []))
            assert len(texts) == len(set(texts))


def test_tables_have_a_row_for_every_scan(written):
    names = {path.name for path in (written.folder / VOLUMES).iterdir()}
    with (written.folder / METADATA_NAME).open(encoding="utf-8") as file:
        metadata = list(csv.DictReader(file))
    with (written.folder / ABNORMALITIES_NAME).open(encoding="utf-8") as file:
        labels = list(csv.DictReader(file))
    assert names <= {row["VolumeName"] for row in metadata}
    assert metadata[0]["PatientAge"].endswith("Y")
    assert tuple(labels[0])[1:] == ABNORMALITIES
    assert len(ABNORMALITIES) == 18
    assert {row[name] for row in labels for name in ABNORMALITIES} == {"0", "1"}


def test_the_second_release_shares_and_adds(written):
    second = written.expected.second
    names = {split: [case["name"] for case in cases] for split, cases in written.second.items()}
    assert {change.kind for change in second.changes} == {"text", "category", "order"}
    assert [fault.kind for fault in second.faults] == ["changed_since"] * 2
    assert len(second.scans) == sum(len(found) for found in names.values())
    assert set(second.new) & set(names["val"])
    without = [name for name in names["test"] if not (written.folder / SECOND_MASKS / name).exists()]
    assert without == [name for name in second.new if name in names["test"]]
    assert all((written.folder / VOLUMES / name).exists() for name in second.new)
    assert not any((written.folder / MASKS / name).exists() for name in second.new)


def test_the_second_release_differs_as_documented(written):
    first = {case["name"]: case for cases in written.first.values() for case in cases}
    second = {case["name"]: case for cases in written.second.values() for case in cases}
    changed = {change.scan for change in written.expected.second.changes}
    assert {name for name in first.keys() & second.keys() if first[name] != second[name]} == changed
    order = next(change for change in written.expected.second.changes if change.kind == "order").scan
    assert list(first[order]["pixels"].values()) == list(second[order]["pixels"].values())[::-1]
    pixels = np.count_nonzero(np.asanyarray(nib.load(written.folder / SECOND_MASKS / order).dataobj), axis=(1, 2, 3))
    assert list(second[order]["pixels"].values()) == pixels.tolist()


def test_the_truth_is_written_too(written):
    text = (written.folder / EXPECTED_NAME).read_text(encoding="utf-8")
    assert text == written.expected.to_json()
    assert json.loads(text)["totals"] == written.expected.totals
