"""Where volumes and masks are found: flat, and below folders as CT-RATE lays them out."""

from pathlib import Path

import pytest

from ingest.places import Places, ct_rate_path
from schema.collection import ScanName

NAME = ScanName.parse("valid_12_b_2.nii.gz")


@pytest.mark.parametrize(
    "place",
    [
        "valid_12_b_2.nii.gz",
        "valid_12_b_2.nii",
        "valid_12/valid_12_b/valid_12_b_2.nii.gz",
        "valid_fixed/valid_12/valid_12_b/valid_12_b_2.nii.gz",
        "dataset/valid_fixed/valid_12/valid_12_b/valid_12_b_2.nii.gz",
    ],
)
def test_a_volume_is_found_in_every_layout(tmp_path: Path, place: str) -> None:
    places = Places(tmp_path / "masks", tmp_path / "volumes")
    assert places.find_volume(NAME) is None
    path = tmp_path / "volumes" / place
    path.parent.mkdir(parents=True)
    path.touch()
    assert places.find_volume(NAME) == path


def test_masks_and_volumes_lie_beside_the_dataset_unless_named(tmp_path: Path) -> None:
    beside = Places.beside(tmp_path / "dataset.json", None, None)
    assert (beside.masks, beside.volumes) == (tmp_path / "segmentations", tmp_path / "volumes")
    named = Places.beside(tmp_path / "dataset.json", tmp_path / "m", None)
    assert (named.masks, named.volumes) == (tmp_path / "m", tmp_path / "volumes")


def test_the_path_within_ct_rate() -> None:
    assert ct_rate_path(NAME) == "dataset/valid_fixed/valid_12/valid_12_b/valid_12_b_2.nii.gz"
