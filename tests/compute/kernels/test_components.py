"""Counts of connected components against SciPy's labelling, label by label."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from compute.kernels.components import component_counts, component_roots
from compute.kernels.runs import LABEL, label_runs
from compute.kernels.volumes import Ints

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Array = npt.NDArray[np.generic]


def count(labels: Array) -> tuple[Ints, Ints]:
    return component_counts(label_runs(labels), labels.shape[1])


def count_plainly(labels: Array) -> list[list[int]]:
    structures = [ndimage.generate_binary_structure(3, reach) for reach in (1, 2, 3)]
    present = np.unique(labels[labels > 0])
    return [[ndimage.label(labels == label, structure)[1] for structure in structures] for label in present]


def test_equals_scipy_on_200_random_shapes() -> None:
    random = np.random.default_rng(5)
    for _ in range(200):
        shape = tuple(random.integers(1, (8, 9, 90)))
        dense = random.uniform(0.02, 0.9)
        labels = (random.random(shape) < dense) * random.integers(1, random.integers(2, 5), shape).astype(np.uint16)
        present, counts = count(labels)
        np.testing.assert_array_equal(present, np.unique(labels[labels > 0]))
        assert counts.tolist() == count_plainly(labels)


@unhurried
@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_turning_and_padding_change_nothing(seed: int, axes: list[int], flips: tuple[bool, ...]) -> None:
    labels = np.random.default_rng(seed).choice(np.array([0, 0, 1, 2], np.uint8), (5, 6, 7))
    turned = np.pad(np.flip(labels.transpose(axes), np.flatnonzero(flips)), 1)
    np.testing.assert_array_equal(count(turned)[1], count(labels)[1])


@pytest.mark.parametrize(
    ("second", "counts"),
    [((0, 0, 1), [1, 1, 1]), ((0, 1, 1), [2, 1, 1]), ((1, 1, 1), [2, 2, 1]), ((0, 0, 2), [2, 2, 2])],
)
def test_two_voxels(second: tuple[int, int, int], counts: list[int]) -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    labels[0, 0, 0] = labels[second] = 4
    assert count(labels)[1].tolist() == [counts]


def test_the_end_of_a_slice_does_not_touch_the_next() -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 2], labels[1, 0] = 1, 1
    assert count(labels)[1].tolist() == [[2, 2, 2]]


def test_nothing_labelled_gives_no_rows() -> None:
    present, counts = count(np.zeros((2, 2, 2), np.uint8))
    assert present.shape == (0,)
    assert counts.shape == (0, 3)


def test_roots_name_the_component_of_every_run() -> None:
    labels = (np.random.default_rng(2).random((9, 10, 11)) < 0.4).astype(np.uint8)
    runs = label_runs(labels)
    roots = component_roots(runs, 10)
    assert (runs[:, LABEL] == 1).all()
    assert len(np.unique(roots)) == ndimage.label(labels)[1]
    np.testing.assert_array_equal(roots[roots], roots)
