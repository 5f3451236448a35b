"""Counts, boxes, centroids and second moments against plain definitions, and under changes that must not matter."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compute.kernels.moments import Moments, label_moments
from compute.kernels.runs import label_runs, place_runs

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Array = npt.NDArray[np.generic]

shapes = arrays.array_shapes(min_dims=3, max_dims=3, max_side=9)
seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, shape: tuple[int, ...], values: list[int], dtype: str = "uint16") -> Array:
    return np.random.default_rng(seed).choice(np.array([0, *values], dtype), shape)


def measure(labels: Array) -> Moments:
    return label_moments(label_runs(labels), labels.shape[1])


def check_row(moments: Moments, row: int, labels: Array) -> None:
    voxels = np.argwhere(labels == moments.label[row])
    assert moments.voxels[row] == len(voxels)
    np.testing.assert_array_equal(moments.box_min_zyx[row], voxels.min(axis=0))
    np.testing.assert_array_equal(moments.box_max_zyx[row], voxels.max(axis=0) + 1)
    np.testing.assert_allclose(moments.centroid_zyx[row], voxels.mean(axis=0), rtol=1e-14)
    covariance = np.cov(voxels.T, bias=True) if len(voxels) > 1 else np.zeros((3, 3))
    np.testing.assert_allclose(moments.second_moments_zyx[row], covariance, rtol=1e-12, atol=1e-12)


def assert_same(one: Moments, other: Moments) -> None:
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, getattr(other, name), err_msg=name)


def test_equals_the_definitions_on_200_random_shapes() -> None:
    random = np.random.default_rng(7)
    for seed in range(200):
        shape = tuple(random.integers(1, (9, 12, 150)))
        values = [[1], [3, 2], [1, 60000], [65535, 4, 9]][seed % 4]
        labels = draw(seed, shape, values, "uint8" if seed % 4 < 2 else "uint16")
        moments = measure(labels)
        np.testing.assert_array_equal(moments.label, np.unique(labels[labels > 0]))
        for row in range(len(moments.label)):
            check_row(moments, row, labels)


@pytest.mark.parametrize(
    "part", [np.s_[3:4, 5:6, 6:7], np.s_[2], np.s_[:, -1], np.s_[:, :, 0], np.s_[:], np.s_[0, 0, 0]]
)
def test_single_voxels_planes_and_borders(part: tuple[slice, ...]) -> None:
    labels = np.zeros((6, 7, 130), np.uint8)
    labels[part] = 255
    check_row(measure(labels), 0, labels)


@pytest.mark.parametrize("shape", [(4, 5, 6), (0, 5, 6), (4, 5, 0)])
def test_nothing_labelled_gives_no_rows(shape: tuple[int, ...]) -> None:
    moments = measure(np.zeros(shape, np.uint8))
    assert len(moments.label) == 0
    assert moments.centroid_zyx.shape == (0, 3)
    assert moments.second_moments_zyx.shape == (0, 3, 3)


def test_a_filled_volume() -> None:
    labels = np.zeros((20, 512, 512), np.uint8)
    labels[:, 100:300, 7:500] = 9
    moments = measure(labels)
    assert moments.voxels.tolist() == [20 * 200 * 493]
    assert moments.centroid_zyx.tolist() == [[9.5, 199.5, 253.0]]
    assert moments.second_moments_zyx[0, 1, 1] == (200**2 - 1) / 12


@unhurried
@given(shapes, seeds)
def test_renumbering_changes_only_the_numbers(shape: tuple[int, ...], seed: int) -> None:
    labels = draw(seed, shape, [1, 2, 3])
    one, other = measure(labels), measure(np.array([0, 7, 300, 65535], np.uint16)[labels])
    np.testing.assert_array_equal(np.array([0, 7, 300, 65535])[one.label], other.label)
    assert_same(Moments(**{**vars(one), "label": other.label}), other)


@unhurried
@given(shapes, seeds, st.tuples(*[st.integers(0, 5)] * 3))
def test_padding_changes_nothing_once_the_origin_is_told(
    shape: tuple[int, ...], seed: int, pad: tuple[int, int, int]
) -> None:
    labels = draw(seed, shape, [1, 2])
    padded = np.pad(labels, [(each, 2) for each in pad])
    volume = padded.shape[0], padded.shape[1], padded.shape[2]
    placed = place_runs(label_runs(labels), labels.shape, origin_zyx=pad, volume_zyx=volume)
    assert_same(label_moments(placed, padded.shape[1]), measure(padded))


@unhurried
@given(shapes, seeds, st.integers(0, 2))
def test_flipping_mirrors_places(shape: tuple[int, ...], seed: int, axis: int) -> None:
    labels = draw(seed, shape, [1, 2])
    one, other = measure(labels), measure(np.flip(labels, axis))
    np.testing.assert_array_equal(one.box_min_zyx[:, axis], shape[axis] - other.box_max_zyx[:, axis])
    np.testing.assert_allclose(one.centroid_zyx[:, axis], shape[axis] - 1 - other.centroid_zyx[:, axis], atol=1e-12)
