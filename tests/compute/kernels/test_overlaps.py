"""The joint histogram against voxel by voxel counts."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.overlaps import count_overlaps, dice, iou
from compute.kernels.runs import label_runs

unhurried = settings(deadline=None, max_examples=80)  # the first example compiles


def draw(seed: int, shape: tuple[int, int, int]) -> npt.NDArray[np.uint16]:
    random = np.random.default_rng(seed)
    filled = random.random(shape) < random.random()
    return np.where(filled, random.choice(np.array([1, 2, 2, 7, 300], np.uint16), shape), 0).astype(np.uint16)


@unhurried
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 9)] * 3))
def test_labels_and_what_they_share(one: int, other: int, shape: tuple[int, int, int]) -> None:
    truth, prediction = draw(one, shape), draw(other, shape)
    found = count_overlaps(label_runs(truth), label_runs(prediction))
    for labels, voxels, array in (
        (found.truth_labels, found.truth_voxels, truth),
        (found.prediction_labels, found.prediction_voxels, prediction),
    ):
        values, counts = np.unique(array[array > 0], return_counts=True)
        assert (labels.tolist(), voxels.tolist()) == (values.tolist(), counts.tolist())
    both = (truth > 0) & (prediction > 0)
    values, counts = np.unique(np.stack([truth[both], prediction[both]], axis=1), axis=0, return_counts=True)
    named = np.stack([found.truth_labels[found.pairs[:, 0]], found.prediction_labels[found.pairs[:, 1]]], axis=1)
    np.testing.assert_array_equal(named, values)
    np.testing.assert_array_equal(found.shared_voxels, counts)


def test_scores_of_pairs() -> None:
    truth, prediction = np.zeros((1, 2, 8), np.uint8), np.zeros((1, 2, 8), np.uint8)
    truth[0, 0, :4], prediction[0, 0, 2:8] = 1, 3
    found = count_overlaps(label_runs(truth), label_runs(prediction))
    assert found.dice().tolist() == [2 * 2 / 10]
    assert found.dice(1e-6).tolist() == [(4 + 1e-6) / (10 + 1e-6)]
    assert found.iou().tolist() == [2 / 8]


@pytest.mark.parametrize(
    ("shared", "one", "other", "expected"), [(0, 0, 0, (1, 1)), (0, 0, 5, (0, 0)), (5, 5, 5, (1, 1))]
)
def test_empty_and_equal_sets(shared: int, one: int, other: int, expected: tuple[float, float]) -> None:
    assert (float(dice(shared, one, other)), float(iou(shared, one, other))) == expected
