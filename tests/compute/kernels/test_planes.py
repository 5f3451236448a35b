"""Planes that are labelled throughout."""

import numpy as np
import pytest

from compute.kernels.planes import filled_planes


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("index", [0, 2, -1])
def test_a_filled_plane_is_named(axis: int, index: int) -> None:
    labels = (np.random.default_rng(0).random((5, 6, 7)) < 0.3).astype(np.uint8)
    np.moveaxis(labels, axis, 0)[index] = 3
    assert filled_planes(labels) == [(axis, index % labels.shape[axis])]


def test_one_voxel_short_is_no_plane() -> None:
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[2] = 1
    labels[2, 5, 6] = 0
    assert filled_planes(labels) == []


def test_every_plane_of_a_filled_volume() -> None:
    assert len(filled_planes(np.ones((5, 6, 7), np.uint16))) == 18


def test_a_crop_is_measured_by_its_volume() -> None:
    crop = np.ones((1, 6, 7), np.uint8)
    assert filled_planes(crop, origin_zyx=(3, 0, 0), shape_zyx=(9, 6, 7)) == [(0, 3)]
    assert filled_planes(crop, origin_zyx=(3, 1, 0), shape_zyx=(9, 8, 7)) == []


def test_nothing_labelled_and_nothing_at_all() -> None:
    assert filled_planes(np.zeros((5, 6, 7), np.uint8)) == []
    assert filled_planes(np.zeros((0, 6, 7), np.uint8)) == []


def test_a_crop_that_leaves_the_volume_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 6, 7\) at \(9, 0, 0\).*\(9, 6, 7\)"):
        filled_planes(np.ones((1, 6, 7), np.uint8), origin_zyx=(9, 0, 0), shape_zyx=(9, 6, 7))
