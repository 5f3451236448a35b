"""Border voxels against their plain definition."""

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.borders import border_voxels, union_runs
from compute.kernels.runs import label_runs


def plain_border(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Voxels of the mask of which not all six neighbours are in it; there is nothing outside the array."""
    padded = np.pad(mask, 1)
    inner = mask.copy()
    for axis in range(3):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1]
    return np.argwhere(mask & ~inner)


@pytest.mark.parametrize("seed", range(200))
def test_random_sets_have_the_border_of_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(1, 9, 3))
    labels = (random.random(shape) < random.choice([0.2, 0.7, 0.95])) * random.integers(1, 4, shape)
    found = border_voxels(label_runs(labels.astype(np.uint8)), shape)  # type: ignore[arg-type]
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, plain_border(labels > 0))


def test_a_filled_volume_has_its_faces_for_border() -> None:
    labels = np.ones((5, 6, 7), np.uint8)
    assert len(border_voxels(label_runs(labels), (5, 6, 7))) == 5 * 6 * 7 - 3 * 4 * 5


def test_two_labels_that_touch_are_one_set() -> None:
    labels = np.ones((5, 5, 6), np.uint8)
    labels[:, :, 3:] = 2
    inner = {(2, 2, 2), (2, 2, 3)}
    assert not inner & set(map(tuple, border_voxels(label_runs(labels), (5, 5, 6)).tolist()))
    assert union_runs(label_runs(labels))[0].tolist() == [0, 0, 6, 1]


def test_nothing_has_no_border() -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    assert border_voxels(label_runs(labels), (3, 3, 3)).shape == (0, 3)
