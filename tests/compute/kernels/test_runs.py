"""Runs of whole arrays, of labels alone, and of arrays that were cut into parts."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.runs import LABEL, ROW, START, STOP, join_runs, label_runs, labels_at, place_runs, runs_by_label
from compute.kernels.volumes import check_labels

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles


def draw(seed: int) -> npt.NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    return random.choice(np.array([0, 0, 1, 2, 9], np.uint8), tuple(random.integers(1, (7, 9, 90))))


def paint(runs: npt.NDArray[np.int32], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    rows = np.zeros((shape[0] * shape[1], shape[2]), np.uint8)
    for run in runs:
        rows[run[ROW], run[START] : run[STOP]] = run[LABEL]
    return rows.reshape(shape)


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_runs_hold_every_label_and_are_in_order(seed: int) -> None:
    labels = draw(seed)
    runs = label_runs(labels)
    np.testing.assert_array_equal(paint(runs, labels.shape), labels)
    places = runs[:, ROW].astype(np.int64) * labels.shape[2] + runs[:, START]
    assert (np.diff(places) > 0).all()


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_each_label_has_its_own_runs(seed: int) -> None:
    labels = draw(seed)
    parts = runs_by_label(label_runs(labels))
    assert [label for label, _ in parts] == np.unique(labels[labels > 0]).tolist()
    for label, runs in parts:
        np.testing.assert_array_equal(runs, label_runs((labels == label) * np.uint8(label)))


@unhurried
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 8)] * 3))
def test_an_array_in_parts_has_the_runs_of_the_whole(seed: int, steps: tuple[int, int, int]) -> None:
    labels = draw(seed)
    shape = labels.shape[0], labels.shape[1], labels.shape[2]
    parts = []
    for z in range(0, shape[0], steps[0]):
        for y in range(0, shape[1], steps[1]):
            for x in range(0, shape[2], steps[2]):
                part = labels[z : z + steps[0], y : y + steps[1], x : x + steps[2]]
                size = part.shape[0], part.shape[1], part.shape[2]
                parts.append(place_runs(label_runs(part), size, origin_zyx=(z, y, x), volume_zyx=shape))
    shuffled = [parts[n] for n in np.random.default_rng(seed).permutation(len(parts))]
    np.testing.assert_array_equal(join_runs(shuffled), label_runs(labels))


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_labels_are_found_at_voxels(seed: int) -> None:
    labels = draw(seed)
    depth, height, width = labels.shape
    voxels = np.argwhere(np.ones_like(labels))
    found = labels_at(label_runs(labels), voxels, (depth, height, width))
    np.testing.assert_array_equal(found, labels.ravel())


def test_nothing_has_no_runs() -> None:
    empty = label_runs(np.zeros((2, 3, 4), np.uint8))
    assert empty.shape == (0, 4)
    assert runs_by_label(empty) == []
    assert labels_at(empty, np.array([[1, 2, 3]]), (2, 3, 4)).tolist() == [0]
    assert join_runs([]).shape == join_runs([empty]).shape == (0, 4)


def test_views_read_only_arrays_and_masks_are_taken_as_they_are() -> None:
    labels = draw(1)
    crop = np.s_[1:, 2:, 3:]
    expected = label_runs(labels[crop].copy())
    np.testing.assert_array_equal(label_runs(labels[crop]), expected)
    mask = label_runs(check_labels(labels[crop] > 0))
    assert set(mask[:, LABEL]) == {1}
    labels.flags.writeable = False
    np.testing.assert_array_equal(label_runs(labels[crop]), expected)


@pytest.mark.parametrize(
    ("labels", "says"),
    [(np.zeros((2, 3), np.uint8), r"\(2, 3\)"), (np.zeros((2, 3, 4), np.int64), r"int64 \(shape \(2, 3, 4\)\)")],
)
def test_what_cannot_be_used_is_named(labels: npt.NDArray[np.generic], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_labels(labels)
