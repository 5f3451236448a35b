"""Principal axes against NumPy's covariance of voxel positions, under turns, and where axes are not defined."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.axes import Axes, principal_axes
from compute.kernels.moments import label_moments
from compute.kernels.runs import label_runs

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Labels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

SKEW = np.array([[0.3, -0.2, 2.5], [0.1, 0.8, 0.0], [0.7, 0.2, 0.1]])


def axes_of(labels: Labels, steps_mm: Floats) -> Axes:
    moments = label_moments(label_runs(labels), labels.shape[1])
    return principal_axes(moments.voxels, moments.second_moments_zyx, steps_mm)


def axes_of_points(*points: tuple[int, int, int]) -> Axes:
    labels = np.zeros(np.max(points, axis=0) + 1, np.uint8)
    labels[tuple(np.transpose(points))] = 1
    return axes_of(labels, np.eye(3))


def draw(seed: int) -> Labels:
    random = np.random.default_rng(seed)
    return random.choice(np.array([0, 0, 1, 2], np.uint8), random.integers(3, 8, 3))


def lengths(axes: Axes) -> Floats:
    return np.stack([axes.major_mm, axes.minor_mm, axes.least_mm], axis=1)


def test_equals_numpy_on_200_random_shapes() -> None:
    for seed in range(200):
        labels = draw(seed)
        axes = axes_of(labels, SKEW)
        for row, label in enumerate(np.unique(labels[labels > 0])):
            values, vectors = np.linalg.eigh(np.cov((np.argwhere(labels == label) @ SKEW).T))
            length = 4 * np.sqrt(np.maximum(values[::-1], 0))
            np.testing.assert_allclose(lengths(axes)[row], length, rtol=1e-10, atol=1e-6)
            np.testing.assert_allclose(axes.elongation[row], length[1] / length[0], rtol=1e-10, atol=1e-6)
            np.testing.assert_allclose(axes.flatness[row], length[2] / length[0], rtol=1e-10, atol=1e-6)
            assert abs(vectors[:, 2] @ axes.major_lps[row]) == pytest.approx(1, abs=1e-9)


@unhurried
@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_turning_and_padding_change_nothing(seed: int, order: list[int], flips: tuple[bool, ...]) -> None:
    labels = draw(seed)
    turned = np.pad(np.flip(labels.transpose(order), np.flatnonzero(flips)), ((2, 0), (0, 3), (1, 2)))
    steps_mm = SKEW[order] * np.where(flips, -1, 1)[:, None]
    one, other = axes_of(labels, SKEW), axes_of(turned, steps_mm)
    np.testing.assert_allclose(lengths(other), lengths(one), rtol=1e-10, atol=1e-6)
    np.testing.assert_allclose(other.major_lps, one.major_lps, atol=1e-6)


def test_a_long_box() -> None:
    axes = axes_of(np.ones((3, 5, 9), np.uint8), np.diag([1.0, 1.0, -2.0]))
    variance = np.array([4 * (9**2 - 1) / 12, (5**2 - 1) / 12, (3**2 - 1) / 12]) * 135 / 134
    np.testing.assert_allclose(lengths(axes)[0], 4 * np.sqrt(variance), rtol=1e-12)
    np.testing.assert_allclose(axes.major_lps, [[0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize(
    ("end", "direction"), [((0, 2, 2), (0, 1, 1)), ((2, -2, 0), (1, -1, 0)), ((3, 0, -4), (-3, 0, 4))]
)
def test_the_sign_of_the_direction(end: tuple[int, int, int], direction: tuple[float, ...]) -> None:
    points = np.array([(0, 0, 0), end])
    found = axes_of_points(*(points - points.min(axis=0)).tolist())
    np.testing.assert_allclose(found.major_lps[0], direction / np.linalg.norm(direction), atol=1e-12)


def test_rounding_does_not_choose_the_sign() -> None:
    for last in range(1, 30):
        line = np.zeros((last + 1,) * 3, np.uint8)
        line[(np.arange(last + 1),) * 3] = 1
        for step in (0.3, 0.7, 0.9):
            direction = axes_of(line, np.diag([step, -step, step])).major_lps
            np.testing.assert_allclose(direction, [np.array([1, -1, 1]) / 3**0.5], atol=1e-12)


def test_one_voxel_has_no_axes() -> None:
    axes = axes_of_points((1, 2, 3))
    assert np.isnan(np.concatenate([*vars(axes).values()], axis=None)).all()


def test_a_line_has_one_axis_only() -> None:
    axes = axes_of_points((0, 0, 0), (1, 2, 3), (2, 4, 6))
    np.testing.assert_allclose(lengths(axes), [[4 * 14**0.5, 0, 0]], rtol=1e-12)
    assert (axes.elongation[0], axes.flatness[0]) == (0, 0)


def test_a_plane_has_no_least_axis() -> None:
    axes = axes_of_points((0, 0, 0), (1, 2, 3), (5, 1, 0))
    assert axes.least_mm[0] == axes.flatness[0] == 0
    assert axes.elongation[0] > 0


def test_one_voxel_off_a_great_plane_counts() -> None:
    labels = np.zeros((2, 400, 400), np.uint8)
    labels[0], labels[1, 0, 0] = 1, 1
    assert axes_of(labels, np.eye(3)).least_mm[0] == pytest.approx(4 / 160001**0.5, rel=1e-2)


@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 5, 5)])
def test_equal_axes_have_no_direction(shape: tuple[int, int, int]) -> None:
    axes = axes_of(np.ones(shape, np.uint8), np.eye(3))
    assert axes.elongation[0] == pytest.approx(1, rel=1e-12)
    assert np.isnan(axes.major_lps).all()


def test_no_entities_give_no_rows() -> None:
    axes = principal_axes(np.empty(0, np.int64), np.empty((0, 3, 3)), np.eye(3))
    assert lengths(axes).shape == axes.major_lps.shape == (0, 3)
