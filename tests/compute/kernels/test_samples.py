"""Samples inside and around a finding: where they may be, and that they come again."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from compute.kernels.runs import label_runs
from compute.kernels.samples import sample_inside_and_shell

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles


@unhurried
@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_inside_is_labelled_and_the_shell_is_around(seed: int, limit: int) -> None:
    volume = np.zeros((14, 15, 16), np.uint8)
    volume[4:9, 0:6, 10:16] = np.random.default_rng(seed).choice(np.array([0, 0, 0, 1, 7], np.uint8), (5, 6, 6))
    samples = sample_inside_and_shell(label_runs(volume), (14, 15, 16), limit=limit, seed=seed)
    around = ndimage.binary_dilation(volume > 0, np.ones((7, 7, 7))) & (volume == 0)
    assert (volume[tuple(samples.inside_zyx.T)] > 0).all()
    assert around[tuple(samples.shell_zyx.T)].all()
    for voxels in (samples.inside_zyx, samples.shell_zyx):
        assert len(np.unique(voxels, axis=0)) == len(voxels) <= limit
    assert samples.voxels == (volume > 0).sum()
    assert len(samples.inside_zyx) == min(limit, samples.voxels)


def test_the_same_seed_gives_the_same_voxels() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = 1
    runs = label_runs(labels)
    one, again, other = (sample_inside_and_shell(runs, (20, 20, 20), limit=50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.inside_zyx, again.inside_zyx)
    np.testing.assert_array_equal(one.shell_zyx, again.shell_zyx)
    assert (one.inside_zyx != other.inside_zyx).any()


def test_nothing_labelled_and_everything_labelled() -> None:
    empty = sample_inside_and_shell(label_runs(np.zeros((4, 4, 4), np.uint8)), (4, 4, 4))
    assert (empty.inside_zyx.shape, empty.shell_zyx.shape, empty.voxels) == ((0, 3), (0, 3), 0)
    filled = sample_inside_and_shell(label_runs(np.ones((4, 4, 4), np.uint8)), (4, 4, 4))
    assert (len(filled.inside_zyx), filled.shell_zyx.shape) == (64, (0, 3))
