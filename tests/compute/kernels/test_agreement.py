"""Agreement of readers equals a plain computation over dense arrays; a majority is what most labelled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from compute.kernels.agreement import majority, pair_agreement
from compute.kernels.runs import label_runs
from compute.kernels.volumes import Labels

SHAPE = (3, 4, 6)
STEPS = np.diag([3.0, 1.0, 0.5])
VOLUMES = arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 0, 1, 2]))


def border(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.argwhere(mask & ~ndimage.binary_erosion(np.pad(mask, 1))[1:-1, 1:-1, 1:-1])


def share_within(one: NDArray[np.bool_], other: NDArray[np.bool_], tolerance_mm: float) -> float:
    points = [border(mask) @ STEPS for mask in (one, other)]
    if not (len(points[0]) and len(points[1])):
        return float(len(points[0]) == len(points[1]))
    apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
    near = np.concatenate([apart.min(axis=1), apart.min(axis=0)]) <= tolerance_mm
    return float(near.mean())


@given(VOLUMES, VOLUMES)
@settings(deadline=None)  # the first one compiles
def test_equals_a_plain_computation(one: Labels, other: Labels) -> None:
    found = pair_agreement(label_runs(one), label_runs(other), SHAPE, STEPS, 1.0)
    both = np.count_nonzero(one) + np.count_nonzero(other)
    shared = np.count_nonzero((one > 0) & (other > 0))
    assert found.dice == pytest.approx(2 * shared / both if both else 1.0)
    assert found.surface == pytest.approx(share_within(one > 0, other > 0, 1.0))
    assert found == pair_agreement(label_runs(other), label_runs(one), SHAPE, STEPS, 1.0)


@given(VOLUMES)
@settings(deadline=None)
def test_a_drawing_agrees_with_itself(labels: Labels) -> None:
    found = pair_agreement(label_runs(labels), label_runs(labels), SHAPE, None, 1.0)
    assert (found.dice, found.surface, found.detection) == (1.0, None, 1.0)


@given(st.lists(VOLUMES, min_size=1, max_size=5))
@settings(deadline=None)
def test_a_majority_is_what_most_labelled(drawings: list[Labels]) -> None:
    found = majority([label_runs(labels) for labels in drawings], SHAPE)
    votes = sum((labels > 0).astype(int) for labels in drawings)
    expected, _ = ndimage.label(2 * votes > len(drawings), structure=np.ones((3, 3, 3)))
    # scipy counts along the last axis first, the kernel as a NIfTI array (i, j, k) does.
    assert np.array_equal(label_runs((expected > 0).astype(np.uint8))[:, :3], found[:, :3])
    assert len(np.unique(found[:, 3])) == expected.max()


def test_detection_counts_entities() -> None:
    one, other = np.zeros((2, *SHAPE), np.uint8)
    one[0, 0, :3], one[2, 3, 3:] = 1, 2
    other[0, 0, :3] = 5
    found = pair_agreement(label_runs(one), label_runs(other), SHAPE, None, 1.0)
    assert found.detection == pytest.approx(2 / 3)
