"""Voxels to millimetres: the CT's affine, with x and y negated."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.frames import boxes_lps_mm, centroid_lps_mm, spacing_mm, voxel_volume_mm3, voxels_lps_mm

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

SCAN = np.array([[-0.5, 0, 0, 10], [0, -0.5, 0, 20], [0, 0, 3, -30], [0, 0, 0, 1]])

floats = st.floats(-500, 500)


def test_an_lps_scan_grows_with_its_indices() -> None:
    assert voxels_lps_mm([0, 0, 0], SCAN).tolist() == [-10, -20, -30]
    assert voxels_lps_mm([[2, 4, 1], [0, 0, 1]], SCAN).tolist() == [[-9, -18, -27], [-10, -20, -27]]


def test_centroids_come_in_the_arrays_order() -> None:
    np.testing.assert_array_equal(centroid_lps_mm([[1, 4, 2]], SCAN), voxels_lps_mm([[2, 4, 1]], SCAN))


def test_spacing_and_volume_of_an_oblique_scan() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.7, 0.8, 2.5])
    np.testing.assert_allclose(spacing_mm(affine), [0.7, 0.8, 2.5])
    np.testing.assert_allclose(voxel_volume_mm3(affine), 0.7 * 0.8 * 2.5)


@unhurried
@given(st.tuples(floats, floats, floats), st.integers(0, 1000))
def test_there_and_back(point: tuple[float, float, float], seed: int) -> None:
    affine = np.eye(4)
    affine[:3] = np.random.default_rng(seed).normal(size=(3, 4)) + 4 * np.eye(3, 4)
    ras = voxels_lps_mm(point, affine) * [-1, -1, 1]
    back = np.linalg.solve(affine, np.append(ras, 1))[:3]
    np.testing.assert_allclose(back, point, atol=1e-6)


def test_no_points_give_no_positions() -> None:
    assert centroid_lps_mm(np.empty((0, 3)), SCAN).shape == (0, 3)


@pytest.mark.parametrize("affine", [np.eye(3), np.zeros((4, 4)), np.full((4, 4), np.nan)])
def test_an_affine_that_cannot_be_used_is_refused(affine: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="affine"):
        voxel_volume_mm3(affine)


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\)"):
        voxels_lps_mm([1, 2], SCAN)


@settings(max_examples=50, deadline=None)
@given(
    low=st.tuples(*[st.integers(0, 30)] * 3),
    size=st.tuples(*[st.integers(1, 30)] * 3),
    seed=st.integers(0, 2**31),
)
def test_a_box_in_mm_is_the_one_around_its_corners(
    low: tuple[int, int, int], size: tuple[int, int, int], seed: int
) -> None:
    affine = np.eye(4)
    affine[:3] = np.random.default_rng(seed).normal(size=(3, 4))
    high = np.add(low, size)
    faces = np.array([np.subtract(low, 0.5), np.subtract(high, 0.5)])[:, ::-1]
    corners = voxels_lps_mm(
        [[faces[a, 0], faces[b, 1], faces[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)], affine
    )
    least, greatest = boxes_lps_mm([low], [high], affine)
    np.testing.assert_allclose(least[0], corners.min(axis=0), atol=1e-9)
    np.testing.assert_allclose(greatest[0], corners.max(axis=0), atol=1e-9)
