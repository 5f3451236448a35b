"""Known edits are named as what they are, and every entity stands in one change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compute.kernels.changes import ADDED, REMOVED, Change, difference_runs, entity_changes
from compute.kernels.runs import label_runs, run_lengths
from compute.kernels.volumes import Labels

SHAPE = (6, 14, 30)
STEPS = np.diag([3.0, 1.0, 0.5])
HEIGHT = SHAPE[1]
VOLUMES = arrays(np.uint8, (3, 4, 6), elements=st.sampled_from([0, 0, 0, 1, 2, 3]))


def draw(*boxes: tuple[int, tuple[slice, slice, slice]]) -> Labels:
    labels = np.zeros(SHAPE, np.uint8)
    for label, box in boxes:
        labels[box] = label
    return labels


def told(before: Labels, after: Labels) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    changes = entity_changes(label_runs(before), label_runs(after), HEIGHT, STEPS)
    return [(change.change, change.before, change.after) for change in changes]


A = (1, np.s_[1:3, 2:6, 2:8])
B = (2, np.s_[3:5, 8:12, 12:20])


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (draw(A, B), [(Change.SAME, (1,), (1,)), (Change.SAME, (2,), (2,))]),
        (draw((7, A[1]), B), [(Change.RELABELLED, (1,), (7,)), (Change.SAME, (2,), (2,))]),
        (draw(B), [(Change.REMOVED, (1,), ()), (Change.SAME, (2,), (2,))]),
        (
            draw(A, B, (3, np.s_[0:1, 0:2, 25:28])),
            [(Change.SAME, (1,), (1,)), (Change.SAME, (2,), (2,)), (Change.ADDED, (), (3,))],
        ),
        (draw((1, np.s_[1:3, 3:7, 2:8]), B), [(Change.MOVED, (1,), (1,)), (Change.SAME, (2,), (2,))]),
        (draw((1, np.s_[1:3, 2:6, 22:28]), B), [(Change.MOVED, (1,), (1,)), (Change.SAME, (2,), (2,))]),
        (draw((1, np.s_[1:3, 2:6, 2:7]), B), [(Change.CHANGED, (1,), (1,)), (Change.SAME, (2,), (2,))]),
        (
            draw(A, (2, np.s_[3:5, 8:12, 12:15]), (3, np.s_[3:5, 8:12, 16:20])),
            [(Change.SAME, (1,), (1,)), (Change.SPLIT, (2,), (2, 3))],
        ),
        (draw((1, np.s_[1:5, 2:12, 2:20])), [(Change.MERGED, (1, 2), (1,))]),
        (draw(), [(Change.REMOVED, (1,), ()), (Change.REMOVED, (2,), ())]),
    ],
)
def test_known_edits(after: Labels, expected: list[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> None:
    assert told(draw(A, B), after) == expected


def test_figures_of_a_change() -> None:
    before, after = draw(A), draw((1, np.s_[1:3, 2:6, 4:10]))
    (change,) = entity_changes(label_runs(before), label_runs(after), HEIGHT, STEPS)
    assert (change.voxels_before, change.voxels_after) == (48, 48)
    assert change.dice == pytest.approx(2 * 32 / 96)
    assert change.shift_mm == pytest.approx(1.0)
    (unknown,) = entity_changes(label_runs(before), label_runs(after), HEIGHT, None)
    assert unknown.shift_mm is None


@given(VOLUMES, VOLUMES)
@settings(deadline=None)  # the first one compiles
def test_every_entity_stands_in_one_change(before: Labels, after: Labels) -> None:
    changes = entity_changes(label_runs(before), label_runs(after), before.shape[1], None)
    for side, labels in (("before", before), ("after", after)):
        listed = [label for change in changes for label in getattr(change, side)]
        assert sorted(listed) == [label for label in np.unique(labels).tolist() if label]
        counted = sum(getattr(change, f"voxels_{side}") for change in changes)
        assert counted == np.count_nonzero(labels)


@given(VOLUMES)
@settings(deadline=None)
def test_a_drawing_is_the_same_as_itself(labels: Labels) -> None:
    changes = entity_changes(label_runs(labels), label_runs(labels), labels.shape[1], None)
    assert {change.change for change in changes} <= {Change.SAME}


@given(VOLUMES, VOLUMES)
@settings(deadline=None)  # the first one compiles
def test_the_voxels_that_differ(before: Labels, after: Labels) -> None:
    runs = difference_runs(label_runs(before), label_runs(after))
    expected = REMOVED * ((before > 0) & (after == 0)) + ADDED * ((after > 0) & (before == 0))
    assert np.array_equal(runs, label_runs(expected.astype(np.uint8)))
    assert run_lengths(runs).sum() == np.count_nonzero(expected)
