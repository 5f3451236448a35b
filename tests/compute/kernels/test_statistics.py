"""Statistics of labels against plain definitions, under changes that must not matter, and at their limits."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compute.kernels.statistics import LabelStatistics, label_statistics

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Array = npt.NDArray[np.generic]

shapes = arrays.array_shapes(min_dims=3, max_dims=3, max_side=9)
seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, shape: tuple[int, ...], values: list[int], dtype: str = "uint16") -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    labels = random.choice(np.array([0, *values], dtype), shape)
    return labels, random.integers(-2000, 3000, shape).astype(np.int16)


def check_row(statistics: LabelStatistics, row: int, labels: Array, image: Array) -> None:
    voxels = np.argwhere(labels == statistics.label[row])
    hu = image[labels == statistics.label[row]].astype(np.float64)
    assert statistics.voxels[row] == len(voxels)
    np.testing.assert_array_equal(statistics.box_min_zyx[row], voxels.min(axis=0))
    np.testing.assert_array_equal(statistics.box_max_zyx[row], voxels.max(axis=0) + 1)
    np.testing.assert_allclose(statistics.centroid_zyx[row], voxels.mean(axis=0), rtol=1e-14)
    covariance = np.cov(voxels.T, bias=True) if len(voxels) > 1 else np.zeros((3, 3))
    np.testing.assert_allclose(statistics.second_moments_zyx[row], covariance, rtol=1e-12, atol=1e-12)
    found = statistics.hu
    assert found is not None
    assert (found.min[row], found.max[row]) == (hu.min(), hu.max())
    np.testing.assert_allclose([found.mean[row], found.std[row]], [hu.mean(), hu.std()], rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(
        [found.p05[row], found.median[row], found.p95[row]], np.percentile(hu, [5, 50, 95]), rtol=1e-12, atol=1e-9
    )


def assert_same(one: LabelStatistics, other: LabelStatistics) -> None:
    for name in ("label", "voxels", "box_min_zyx", "box_max_zyx", "centroid_zyx", "second_moments_zyx"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.hu is None) == (other.hu is None)
    if one.hu is not None and other.hu is not None:
        for name, values in vars(one.hu).items():
            np.testing.assert_array_equal(values, getattr(other.hu, name), err_msg=name)


def test_equals_the_definitions_on_200_random_shapes() -> None:
    random = np.random.default_rng(7)
    for seed in range(200):
        shape = tuple(random.integers(1, (9, 12, 150)))
        values = [[1], [3, 2], [1, 60000], [65535, 4, 9]][seed % 4]
        labels, image = draw(seed, shape, values, "uint8" if seed % 4 < 2 else "uint16")
        statistics = label_statistics(labels, image)
        np.testing.assert_array_equal(statistics.label, np.unique(labels[labels > 0]))
        for row in range(len(statistics.label)):
            check_row(statistics, row, labels, image)


@pytest.mark.parametrize(
    "part", [np.s_[3:4, 5:6, 6:7], np.s_[2], np.s_[:, -1], np.s_[:, :, 0], np.s_[:], np.s_[0, 0, 0]]
)
def test_single_voxels_planes_and_borders(part: tuple[slice, ...]) -> None:
    labels, image = np.zeros((6, 7, 130), np.uint8), draw(0, (6, 7, 130), [1])[1]
    labels[part] = 255
    check_row(label_statistics(labels, image), 0, labels, image)


@pytest.mark.parametrize("shape", [(4, 5, 6), (0, 5, 6), (4, 0, 6), (4, 5, 0)])
def test_nothing_labelled_gives_no_rows(shape: tuple[int, ...]) -> None:
    statistics = label_statistics(np.zeros(shape, np.uint8), np.zeros(shape, np.int16))
    assert len(statistics.label) == 0
    assert statistics.centroid_zyx.shape == (0, 3)
    assert statistics.second_moments_zyx.shape == (0, 3, 3)
    assert statistics.hu is not None
    assert statistics.hu.median.shape == (0,)


def test_without_an_image_there_is_no_hu() -> None:
    assert label_statistics(np.ones((1, 1, 1), np.uint8)).hu is None


def test_96_labels_of_many_hu() -> None:
    labels, image = draw(3, (20, 30, 40), list(range(1, 97)), "uint8")
    image[0, 0, :2] = -32768, 32767
    labels[0, 0, :2] = 5
    statistics = label_statistics(labels, image)
    assert len(statistics.label) == 96
    check_row(statistics, 4, labels, image)


def test_more_voxels_than_one_slab_holds() -> None:
    labels, image = np.zeros((20, 512, 512), np.uint8), np.full((20, 512, 512), -700, np.int16)
    labels[:, 100:300, 7:500], image[17:] = 9, 50
    statistics = label_statistics(labels, image)
    assert statistics.voxels.tolist() == [20 * 200 * 493]
    assert statistics.centroid_zyx.tolist() == [[9.5, 199.5, 253.0]]
    assert statistics.second_moments_zyx[0, 1, 1] == (200**2 - 1) / 12
    assert statistics.hu is not None
    assert statistics.hu.mean[0] == (17 * -700 + 3 * 50) / 20


@unhurried
@given(shapes, seeds)
def test_renumbering_changes_only_the_numbers(shape: tuple[int, ...], seed: int) -> None:
    labels, image = draw(seed, shape, [1, 2, 3])
    one, other = (
        label_statistics(labels, image),
        label_statistics(np.array([0, 7, 300, 65535], np.uint16)[labels], image),
    )
    np.testing.assert_array_equal(np.array([0, 7, 300, 65535])[one.label], other.label)
    assert_same(LabelStatistics(**{**vars(one), "label": other.label}), other)


@unhurried
@given(shapes, seeds, st.tuples(*[st.integers(0, 5)] * 3))
def test_padding_changes_nothing_once_the_origin_is_told(
    shape: tuple[int, ...], seed: int, pad: tuple[int, int, int]
) -> None:
    labels, image = draw(seed, shape, [1, 2])
    width = [(each, 2) for each in pad]
    padded = label_statistics(np.pad(labels, width), np.pad(image, width))
    assert_same(label_statistics(labels, image, origin_zyx=pad), padded)


@unhurried
@given(shapes, seeds, st.integers(0, 2))
def test_flipping_mirrors_places_and_keeps_hu(shape: tuple[int, ...], seed: int, axis: int) -> None:
    labels, image = draw(seed, shape, [1, 2])
    one = label_statistics(labels, image)
    other = label_statistics(np.flip(labels, axis), np.flip(image, axis))
    np.testing.assert_array_equal(one.box_min_zyx[:, axis], shape[axis] - other.box_max_zyx[:, axis])
    np.testing.assert_allclose(one.centroid_zyx[:, axis], shape[axis] - 1 - other.centroid_zyx[:, axis], atol=1e-12)
    assert one.hu is not None
    assert other.hu is not None
    np.testing.assert_array_equal(one.hu.p95, other.hu.p95)
    np.testing.assert_array_equal(one.hu.std, other.hu.std)


def test_views_read_only_arrays_and_masks_are_taken_as_they_are() -> None:
    labels, image = draw(1, (8, 9, 200), [1], "uint8")
    crop = np.s_[1:7, 2:, 3:190]
    expected = label_statistics(labels[crop].copy(), image[crop].copy())
    assert_same(label_statistics(labels[crop], image[crop]), expected)
    assert_same(label_statistics(labels[crop] > 0, image[crop]), expected)
    labels.flags.writeable = False
    assert_same(label_statistics(labels[crop], image[crop]), expected)


@pytest.mark.parametrize(
    ("labels", "image", "says"),
    [
        (np.zeros((2, 3), np.uint8), None, r"\(2, 3\)"),
        (np.zeros((2, 3, 4), np.int64), None, r"int64 \(shape \(2, 3, 4\)\)"),
        (np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 5), np.int16), r"\(2, 3, 4\).*\(2, 3, 5\)"),
        (np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.float32), "float32"),
    ],
)
def test_what_cannot_be_used_is_named(labels: Array, image: Array | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        label_statistics(labels, image)
