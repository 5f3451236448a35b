"""Nearest distances, against the distance of every pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from compute.kernels.nearest import nearest_mm, part_voxels

unhurried = settings(deadline=None, max_examples=100)
OBLIQUE = np.array([[0.1, 0.3, 2.5], [0.0, 0.8, 0.1], [0.7, -0.2, 0.0]])
STRETCHED = np.diag([30.0, 0.5, 0.6])


@unhurried
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([2, 9, 40, 200]),
    st.sampled_from([np.eye(3), OBLIQUE, STRETCHED]),
    st.sampled_from([0, 0, 500]),
)
def test_it_is_the_least_of_all_distances(
    seed: int, count: int, others: int, extent: int, steps_mm: np.ndarray, apart: int
) -> None:
    random = np.random.default_rng(seed)
    ones, twos = random.integers(0, extent, (count, 3)), random.integers(0, extent, (others, 3)) + apart
    expected = cdist(ones @ steps_mm, twos @ steps_mm).min(axis=1)
    found = nearest_mm(part_voxels(ones, steps_mm), part_voxels(twos, steps_mm))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_the_order_is_that_of_the_voxels() -> None:
    voxels = np.array([[40, 0, 0], [0, 0, 3], [0, 0, 1], [40, 0, 7]])
    other = np.zeros((1, 3), np.int64)
    found = nearest_mm(part_voxels(voxels, np.eye(3)), part_voxels(other, np.eye(3)))
    assert found.tolist() == [40, 3, 1, np.sqrt(1649)]
