"""Distances between surfaces against brute force over eroded masks."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from compute.kernels.borders import border_voxels
from compute.kernels.pair_distances import near_centroids, near_surfaces
from compute.kernels.runs import label_runs
from compute.kernels.surface_distances import SurfaceDistances, surface_distances

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles
SHAPE = (9, 10, 11)
OBLIQUE = np.array([[0.1, 0.4, 2.5], [0.2, 0.8, 0.0], [0.7, -0.1, 0.1]])

Labels = npt.NDArray[np.uint8]


def draw(seed: int, labels: int = 1) -> Labels:
    """A few boxes, of which the later cover the earlier."""
    random = np.random.default_rng(seed)
    drawn = np.zeros(SHAPE, np.uint8)
    for label in range(1, labels + 1):
        for _ in range(2):
            low = random.integers(0, SHAPE)
            drawn[tuple(slice(a, b) for a, b in zip(low, low + random.integers(1, 6, 3), strict=True))] = label
    return drawn


def border(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    return np.argwhere(mask & ~ndimage.binary_erosion(mask, ndimage.generate_binary_structure(3, 1)))


def nearest(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    between = (one[:, None] - other[None]) @ OBLIQUE
    return np.asarray(np.linalg.norm(between, axis=-1).min(axis=1))


def measured(truth: Labels, prediction: Labels) -> SurfaceDistances:
    borders = (border_voxels(label_runs(each), SHAPE) for each in (truth, prediction))
    return surface_distances(*borders, OBLIQUE)


@unhurried
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_every_distance_is_the_least(one: int, other: int) -> None:
    truth, prediction = draw(one), draw(other)
    found = measured(truth, prediction)
    there, back = nearest(border(truth > 0), border(prediction > 0)), nearest(border(prediction > 0), border(truth > 0))
    assert found.truth_to_prediction_mm is not None
    assert found.prediction_to_truth_mm is not None
    np.testing.assert_allclose(found.truth_to_prediction_mm, there, atol=1e-9)
    np.testing.assert_allclose(found.prediction_to_truth_mm, back, atol=1e-9)
    both = np.concatenate([there, back])
    assert found.assd_mm == pytest.approx(both.mean())
    assert found.hd_mm == pytest.approx(both.max())
    assert found.hd95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert found.hd95_pooled_mm == pytest.approx(np.percentile(both, 95))
    assert found.nsd(1.05) == pytest.approx((both <= 1.05).mean())


def test_the_same_set_is_nowhere_apart() -> None:
    found = measured(draw(3), draw(3))
    assert (found.assd_mm, found.hd_mm, found.hd95_mm, found.hd95_pooled_mm, found.nsd(0)) == (0, 0, 0, 0, 1)


def test_what_empty_sets_give() -> None:
    nothing = np.zeros(SHAPE, np.uint8)
    both = measured(nothing, nothing)
    assert (both.assd_mm, both.hd_mm, both.hd95_mm, both.hd95_pooled_mm, both.nsd(1)) == (0, 0, 0, 0, 1)
    for one, other in ((nothing, draw(1)), (draw(1), nothing)):
        found = measured(one, other)
        assert (found.assd_mm, found.hd_mm, found.hd95_mm, found.hd95_pooled_mm, found.nsd(1)) == (*[None] * 4, 0)


def test_the_two_hd95_differ_where_a_small_part_is_far() -> None:
    truth, prediction = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    truth[:, :5, :5] = 1
    prediction[:, :5, :5] = prediction[8, 9, 10] = 1
    found = measured(truth, prediction)
    assert found.hd95_mm == 0
    assert found.hd_mm is not None
    assert found.hd_mm > 3


@unhurried
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from([0.5, 2.0, 5.0]))
def test_near_pairs_are_all_pairs_within_the_limit(one: int, other: int, limit: float) -> None:
    truth, prediction = draw(one, labels=4), draw(other, labels=4)
    surfaces, centroids = [], []
    for t in np.unique(truth[truth > 0]):
        for p in np.unique(prediction[prediction > 0]):
            distances = measured((truth == t).astype(np.uint8), (prediction == p).astype(np.uint8)).assd_mm
            assert distances is not None
            surfaces += [(t, p, distances)] if distances <= limit else []
            between = (np.argwhere(truth == t).mean(axis=0) - np.argwhere(prediction == p).mean(axis=0)) @ OBLIQUE
            centroids += [(t, p, np.linalg.norm(between))] if np.linalg.norm(between) <= limit else []
    runs = label_runs(truth), label_runs(prediction)
    check_equal(near_surfaces(*runs, SHAPE, OBLIQUE, limit), surfaces)
    check_equal(near_centroids(*runs, SHAPE[1], OBLIQUE, limit), centroids)


def check_equal(found: list[tuple[int, int, float]], expected: list[tuple[int, int, float]]) -> None:
    assert [pair[:2] for pair in found] == [pair[:2] for pair in expected]
    np.testing.assert_allclose([pair[2] for pair in found], [pair[2] for pair in expected], atol=1e-9)


def test_nothing_is_near_nothing() -> None:
    nothing, something = label_runs(np.zeros(SHAPE, np.uint8)), label_runs(draw(1))
    for pair in ((nothing, something), (something, nothing)):
        assert near_surfaces(*pair, SHAPE, OBLIQUE, 99) == near_centroids(*pair, SHAPE[1], OBLIQUE, 99) == []
