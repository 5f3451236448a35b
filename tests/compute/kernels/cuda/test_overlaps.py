"""What a device counts of two label arrays is what the CPU counts."""

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.cuda.devices import THREADS, Device
from compute.kernels.cuda.overlaps import count_overlaps_on
from compute.kernels.overlaps import Overlaps, count_overlaps
from compute.kernels.runs import label_runs


def draw(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    filled = random.random(shape) < random.choice([0.0, 0.05, 0.5, 1.0], p=[0.05, 0.35, 0.4, 0.2])
    return np.where(filled, random.choice(np.array([1, 2, 2, 9, 60000], np.uint16), shape), 0).astype(np.uint16)


def assert_equal(one: Overlaps, other: Overlaps) -> None:
    for name, mine in vars(one).items():
        assert mine.dtype == np.int64
        np.testing.assert_array_equal(mine, getattr(other, name), err_msg=name)


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_equals_the_cpu_on_100_pairs(first: int, device: Device) -> None:
    for seed in range(first, first + 20):
        random = np.random.default_rng(seed)
        shape = tuple(random.integers(1, (7, 9, 80), endpoint=True).tolist())
        pair = [label_runs(draw(random, shape)) for _ in range(2)]
        assert_equal(count_overlaps_on(*pair, device), count_overlaps(*pair))


def test_more_runs_than_threads(device: Device) -> None:
    truth, prediction = np.zeros((3, 40, 64), np.uint8), np.ones((3, 40, 64), np.uint8)
    truth[..., ::2] = 1
    pair = label_runs(truth), label_runs(prediction)
    assert len(pair[0]) > 4 * THREADS
    assert_equal(count_overlaps_on(*pair, device), count_overlaps(*pair))
    assert_equal(count_overlaps_on(*pair[::-1], device), count_overlaps(*pair[::-1]))
