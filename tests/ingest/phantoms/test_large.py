"""The slab-wise writer, at a small size, against the files it wrote."""

import json

import nibabel as nib
import numpy as np
import pytest

from ingest.phantoms import write_large_case

COUNTS = {"2e": 2, "2d": 5, "1c": 3, "2a": 4}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    truth = write_large_case(folder, shape=(80, 72, 60), spacing_mm=(4.4, 4.4, 4.2), counts=COUNTS)
    return folder, truth


def test_the_mask_holds_the_truth(case):
    folder, truth = case
    mask = np.asanyarray(nib.load(folder / "segmentations" / truth.name).dataobj)
    volume = np.asanyarray(nib.load(folder / "volumes" / truth.name).dataobj)
    assert mask.shape == (len(COUNTS), 80, 72, 60)
    assert mask.dtype == np.uint8
    for channel, finding in zip(mask, truth.findings, strict=True):
        assert [e.label for e in finding.entities] == np.unique(channel[channel > 0]).tolist()
        for entity in finding.entities:
            place = np.argwhere(channel == entity.label)
            assert entity.voxels == len(place)
            assert entity.box_min == tuple(place.min(axis=0))
            assert entity.box_max == tuple(place.max(axis=0) + 1)
            assert entity.hu_mean == pytest.approx(volume[tuple(place.T)].mean())


def test_the_counts_asked_for_are_there(case):
    _, truth = case
    assert {f.category: len(f.entities) for f in truth.findings} == COUNTS


def test_the_json_declares_it(case):
    folder, truth = case
    entry = json.loads((folder / "dataset.json").read_text())["val"][0]
    assert entry["shape"] == [80, 72, 60]
    assert entry["entity_counts"] == {str(f.index): len(f.entities) for f in truth.findings}
    assert entry["pixels"] == {str(f.index): f.voxels for f in truth.findings}


def test_equal_seeds_give_equal_bytes(case, tmp_path):
    folder, truth = case
    write_large_case(tmp_path, shape=(80, 72, 60), spacing_mm=(4.4, 4.4, 4.2), counts=COUNTS)
    for part in ("volumes", "segmentations"):
        assert (tmp_path / part / truth.name).read_bytes() == (folder / part / truth.name).read_bytes()
