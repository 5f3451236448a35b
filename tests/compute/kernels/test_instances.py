"""Instances are scipy's components of the array (i,j,k), under scipy's names."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from compute.kernels.instances import component_instances, kept_labels
from compute.kernels.runs import LABEL, ROW, START, STOP, Runs, label_runs

unhurried = settings(deadline=None, max_examples=80)  # the first example compiles


def paint(runs: Runs, shape_zyx: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    depth, height, width = shape_zyx
    rows = np.zeros((depth * height, width), np.int64)
    for run in runs:
        rows[run[ROW], run[START] : run[STOP]] = run[LABEL]
    return rows.reshape(shape_zyx)


@unhurried
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 12)] * 3),
    st.sampled_from([6, 18, 26]),
    st.integers(0, 5),
    st.sampled_from([None, 1, 3, 10]),
)
def test_they_are_scipys(
    seed: int, shape: tuple[int, int, int], connectivity: int, min_voxels: int, cap: int | None
) -> None:
    random = np.random.default_rng(seed)
    predicted = (random.random(shape) < random.random() / 2).astype(np.uint8) * random.integers(1, 3, shape)
    zyx = np.ascontiguousarray(predicted.T.astype(np.uint8))
    depth, height, width = zyx.shape
    runs = component_instances(
        label_runs(zyx), (depth, height, width), connectivity=connectivity, min_voxels=min_voxels, cap=cap
    )
    structure = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity])
    named, count = ndimage.label(predicted > 0, structure)
    small = [n for n in range(1, count + 1) if (named == n).sum() < min_voxels]
    named, count = ndimage.label((predicted > 0) & ~np.isin(named, small), structure)
    largest = sorted(range(1, count + 1), key=lambda n: -(named == n).sum())[:cap]
    np.testing.assert_array_equal(paint(runs, (depth, height, width)).T, np.where(np.isin(named, largest), named, 0))


def test_labels_are_sifted_as_they_are() -> None:
    labels = np.zeros((1, 4, 9), np.uint8)
    labels[0, 0, :5], labels[0, 1, :5], labels[0, 2, :2], labels[0, 3, :8] = 7, 3, 9, 4
    runs = label_runs(labels)
    assert set(kept_labels(runs)[:, LABEL]) == {3, 4, 7, 9}
    assert set(kept_labels(runs, min_voxels=3)[:, LABEL]) == {3, 4, 7}
    assert set(kept_labels(runs, min_voxels=5)[:, LABEL]) == {3, 4, 7}
    assert set(kept_labels(runs, min_voxels=3, cap=2)[:, LABEL]) == {3, 4}
    assert set(kept_labels(runs, cap=1)[:, LABEL]) == {4}


@pytest.mark.parametrize("cap", [None, 3])
def test_nothing_is_no_instance(cap: int | None) -> None:
    nothing = label_runs(np.zeros((2, 3, 4), np.uint8))
    assert component_instances(nothing, (2, 3, 4), connectivity=26, cap=cap).shape == (0, 4)
    assert kept_labels(nothing, min_voxels=2, cap=cap).shape == (0, 4)
