"""The orientation audit on a drawn chest: right masks pass, turned ones are named."""

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.orientation import audit_orientation
from compute.kernels.readings import AS_STORED, Reading, readings_of
from compute.kernels.runs import label_runs
from compute.kernels.samples import VoxelSamples, sample_inside_and_shell

SHAPE = (32, 80, 80)


def draw_ball(centre_zyx: tuple[int, int, int], radius: int) -> npt.NDArray[np.bool_]:
    z, y, x = np.ogrid[[slice(extent) for extent in SHAPE]]
    return np.asarray(sum((at - of) ** 2 for at, of in zip((z, y, x), centre_zyx, strict=True)) < radius**2)


def draw_case() -> tuple[npt.NDArray[np.int16], list[VoxelSamples]]:
    """A body with two lungs; a dense lesion in one, a dark one in the other."""
    z, y, x = np.ogrid[[slice(extent) for extent in SHAPE]]
    image = np.full(SHAPE, -1000, np.int16)
    image[((y - 38) / 26) ** 2 + ((x - 41) / 36) ** 2 + 0 * z < 1] = 30
    for middle in (25, 57):
        image[((y - 36) / 18) ** 2 + ((x - middle) / 12) ** 2 + ((z - 15) / 22) ** 2 < 1] = -850
    masks = [draw_ball((10, 30, 54), 5), draw_ball((21, 43, 26), 6)]
    for mask, hu in zip(masks, (40, -980), strict=True):
        image[mask] = hu
    image += np.random.default_rng(0).normal(0, 15, SHAPE).astype(np.int16)
    return image, [sample(mask) for mask in masks]


def sample(labels_zyx: npt.NDArray[np.generic]) -> VoxelSamples:
    depth, height, width = labels_zyx.shape
    return sample_inside_and_shell(label_runs(labels_zyx), (depth, height, width))


def turn(samples: VoxelSamples, reading: Reading) -> VoxelSamples:
    """What would be sampled had the mask been stored that way."""
    return VoxelSamples(reading.of(samples.inside_zyx, SHAPE), reading.of(samples.shell_zyx, SHAPE), samples.voxels)


def undoes(reading: Reading, other: Reading) -> bool:
    voxels = np.array([[3, 10, 21], [30, 2, 70], [9, 66, 5]])
    return bool((reading.of(other.of(voxels, SHAPE), SHAPE) == voxels).all())


def test_a_right_mask_is_not_suspect() -> None:
    image, samples = draw_case()
    audit = audit_orientation(image, samples)
    assert not audit.suspect
    assert audit.stored.reading == AS_STORED
    assert audit.stored.score > 0.8
    assert len(audit.readings) == 16


@pytest.mark.parametrize("stored", readings_of(SHAPE)[1:], ids=lambda reading: reading.name)
def test_a_turned_mask_is_suspect_and_named(stored: Reading) -> None:
    image, samples = draw_case()
    audit = audit_orientation(image, [turn(each, stored) for each in samples])
    assert audit.suspect
    assert audit.best_other is not None
    assert undoes(audit.best_other.reading, stored)


def test_the_share_in_air_is_told() -> None:
    image, samples = draw_case()
    assert audit_orientation(image, samples[:1]).stored.air_share == 0
    assert audit_orientation(image, samples[1:]).stored.air_share == 1


def test_a_mask_that_fits_nowhere_is_not_suspect() -> None:
    image, _ = draw_case()
    nowhere = np.zeros(SHAPE, np.uint8)
    nowhere[4:20, 30:44, 38:42] = 1
    assert not audit_orientation(image, [sample(nowhere)]).suspect


def test_without_voxels_there_is_no_verdict() -> None:
    image, _ = draw_case()
    audit = audit_orientation(image, [sample(np.zeros(SHAPE, np.uint8))])
    assert (audit.suspect, audit.stored.score) == (False, 0)


def test_one_voxel_has_no_other_reading() -> None:
    samples = sample(np.ones((1, 1, 1), np.uint8))
    audit = audit_orientation(np.zeros((1, 1, 1), np.int16), [samples])
    assert (audit.best_other, audit.suspect) == (None, False)


def test_samples_of_another_volume_are_refused() -> None:
    image, samples = draw_case()
    with pytest.raises(ValueError, match=r"\(16, 80, 80\)"):
        audit_orientation(image[:16], samples)


@pytest.mark.parametrize(
    ("shape", "count"), [((3, 4, 5), 8), ((3, 5, 5), 16), ((4, 4, 4), 48), ((1, 4, 5), 4), ((1, 1, 4), 2)]
)
def test_readings_that_keep_the_shape(shape: tuple[int, int, int], count: int) -> None:
    readings = readings_of(shape)
    assert len(readings) == count
    assert readings[0] == AS_STORED
    names = {reading.name for reading in readings}
    assert len(names) == count
    voxels = np.argwhere(np.ones(shape))
    for reading in readings:
        assert len(np.unique(reading.of(voxels, shape), axis=0)) == len(voxels)


def test_names_in_words() -> None:
    assert AS_STORED.name == "as stored"
    assert Reading((1, 0, 2), (False, False, True)).name == "i and j swapped, k mirrored"
    assert Reading((0, 1, 2), (True, True, True)).name == "i, j and k mirrored"
    assert Reading((1, 2, 0), (False, False, False)).name == "i, j, k read as j, k, i"


def test_a_reading_in_its_own_words() -> None:
    swapped = Reading((1, 0, 2), (True, False, False))  # image i = mask j from the end, image j = mask i
    assert swapped.of(np.array([[2, 10, 4]]), SHAPE).tolist() == [[2, 4, 69]]
