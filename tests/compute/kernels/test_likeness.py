"""Which reading, or which move, makes two masks alike: found for what was mirrored, swapped or moved, exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.kernels.likeness import LIMIT, likeness_of_moves, likeness_of_readings
from compute.kernels.readings import AS_STORED, readings_of
from compute.kernels.runs import label_runs

SHAPE = (9, 9, 9)


def mask(voxels: list[tuple[int, int, int]]) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint8)
    labels[tuple(np.array(voxels).T)] = 1
    return labels


@given(
    st.lists(st.tuples(*[st.integers(0, 8)] * 3), min_size=1, max_size=30),
    st.sampled_from(readings_of(SHAPE)),
)
def test_the_reading_by_which_one_was_made_is_found(voxels: list[tuple[int, int, int]], reading: object) -> None:
    read = mask(voxels)
    meant = mask([tuple(each) for each in reading.of(np.argwhere(read), SHAPE)])
    found = {each.reading: each.iou for each in likeness_of_readings(label_runs(read), label_runs(meant), SHAPE)}
    assert next(iter(found)) == AS_STORED
    assert found[reading] == 1
    overlap = np.count_nonzero(read & meant) / np.count_nonzero(read | meant)
    assert found[AS_STORED] == pytest.approx(overlap)


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=20), st.tuples(*[st.integers(0, 4)] * 3))
def test_a_move_is_found(voxels: list[tuple[int, int, int]], move: tuple[int, int, int]) -> None:
    there = mask([tuple(np.add(each, move[::-1])) for each in voxels])
    found = likeness_of_moves(label_runs(mask(voxels)), label_runs(there), SHAPE)
    if move == (0, 0, 0):
        assert found is None or found.iou < 1
    else:
        assert found is not None
        assert (found.voxels_ijk, found.iou) == (move, 1)


def test_of_a_large_mask_some_voxels_stand_for_all() -> None:
    labels = np.zeros((60, 60, 60), np.uint8)
    labels[5:45, 5:45, 5:45] = 1
    other = np.roll(labels, 10, axis=2)
    assert np.count_nonzero(labels) > LIMIT
    stored, *_ = likeness_of_readings(label_runs(labels), label_runs(other), labels.shape)
    assert stored.iou == pytest.approx(30 / 50, abs=0.01)


def test_nothing_is_like_nothing_alone() -> None:
    nothing, something = label_runs(np.zeros(SHAPE, np.uint8)), label_runs(mask([(1, 2, 3)]))
    assert {each.iou for each in likeness_of_readings(nothing, nothing, SHAPE)} == {1}
    assert {each.iou for each in likeness_of_readings(nothing, something, SHAPE)} == {0}
    assert {each.iou for each in likeness_of_readings(something, nothing, SHAPE)} == {0}
    assert likeness_of_moves(nothing, something, SHAPE) is None
