"""Contrast against the shell, by the distances of all voxels from all voxels."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from compute.kernels.body import BodyOutline
from compute.kernels.runs import LABEL, label_runs
from compute.kernels.shell import ShellContrast, shell_box, shell_contrast

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]
Image = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Triple = tuple[int, int, int]

seeds = st.integers(0, 2**32 - 1)

STRAIGHT = np.diag([3.0, 0.7, 0.7])
SHEARED = np.array([[0.4, -0.9, 2.5], [0.2, 0.8, 0.1], [0.9, 0.3, -0.2]])


def draw(seed: int) -> tuple[Labels, Image]:
    """Some voxels of the labels 1 and 2, up to the borders, in a small volume."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, (7, 9, 12)))
    labels = (random.random(shape) < random.choice([0.02, 0.2, 0.8])).astype(np.uint8)
    labels[labels > 0] = random.integers(1, 3, (labels > 0).sum())
    labels[tuple(random.integers(0, shape))] = 1
    return labels, random.integers(-1024, 400, shape).astype(np.int16)


def near(mask: Mask, steps_mm: Floats, shell_mm: float) -> Mask:
    """Which voxels are so near to one of the mask."""
    places = np.argwhere(np.ones(mask.shape)) @ steps_mm
    away = np.linalg.norm(places[:, None] - places[mask.ravel()], axis=2).min(axis=1)
    return np.asarray(away.reshape(mask.shape) <= shell_mm + 1e-9)


def expect(hu: Image, inside: Image) -> ShellContrast:
    if hu.size == 0:
        return ShellContrast(0, None, None, None)
    return ShellContrast(hu.size, hu.mean(), hu.std(), inside.mean() - hu.mean())


def measure(
    labels: Labels, image: Image, steps_mm: Floats, *, shell_mm: float = 5.0, body: BodyOutline | None = None
) -> ShellContrast:
    """The contrast of label 1, from the crop that has to be read for it."""
    runs = label_runs(labels)
    voxels = np.argwhere(labels == 1)
    (z0, y0, x0), (z1, y1, x1) = voxels.min(axis=0).tolist(), (voxels.max(axis=0) + 1).tolist()
    start, stop = shell_box(
        ((z0, y0, x0), (z1, y1, x1)), shell_mm=shell_mm, steps_mm=steps_mm, shape_zyx=as_triple(labels.shape)
    )
    crop = image[tuple(slice(*ends) for ends in zip(start, stop, strict=True))]
    return shell_contrast(
        runs[runs[:, LABEL] == 1],
        runs,
        crop,
        height=labels.shape[1],
        origin_zyx=start,
        steps_mm=steps_mm,
        shell_mm=shell_mm,
        body=body,
    )


def as_triple(shape: tuple[int, ...]) -> Triple:
    z, y, x = shape
    return z, y, x


def assert_equal(found: ShellContrast, expected: ShellContrast) -> None:
    assert found.voxels == expected.voxels
    if found.voxels == 0:
        assert found == expected
    else:
        assert vars(found) == pytest.approx(vars(expected), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("steps_mm", [STRAIGHT, SHEARED, -SHEARED[[2, 0, 1]]], ids=["straight", "sheared", "turned"])
def test_equals_all_distances_on_random_shapes(steps_mm: Floats) -> None:
    for seed in range(60):
        labels, image = draw(seed)
        shell_mm = (0.5, 1.3, 5.0)[seed % 3]
        shell = near(labels == 1, steps_mm, shell_mm) & (labels == 0)
        found = measure(labels, image, steps_mm, shell_mm=shell_mm)
        assert_equal(found, expect(image[shell], image[labels == 1]))


@unhurried
@given(seeds, st.floats(0.3, 4), st.floats(0.3, 4), st.floats(0.3, 4))
def test_equals_the_distance_transform(seed: int, z: float, y: float, x: float) -> None:
    labels, image = draw(seed)
    away = ndimage.distance_transform_edt(labels != 1, sampling=(z, y, x))
    shell = (away <= 5 + 1e-6) & (labels == 0)
    assert_equal(measure(labels, image, np.diag([z, y, x])), expect(image[shell], image[labels == 1]))


@pytest.mark.parametrize("spacing_mm", [1.0, 0.1, float(np.float32(0.1)), 1 / 3])
def test_voxels_at_the_very_rim_count_whatever_the_rounding(spacing_mm: float) -> None:
    labels = np.zeros((11, 11, 11), np.uint8)
    labels[5, 5, 5] = 1
    found = measure(labels, np.zeros(labels.shape, np.int16), spacing_mm * np.eye(3), shell_mm=round(5 * spacing_mm, 6))
    z, y, x = np.mgrid[-5:6, -5:6, -5:6]
    assert found.voxels == (z**2 + y**2 + x**2 <= 25).sum() - 1


def test_the_shell_ends_at_the_body() -> None:
    labels, image = np.zeros((6, 20, 30), np.uint8), np.zeros((6, 20, 30), np.int16)
    labels[2:4, 6:9, 10:14] = 1
    image[..., :9] = 100
    body = BodyOutline(np.array([[[8, 17], [11, 13], [0, 0]]], np.int16), first_zy=(2, 3), step_zy=(9, 4))
    voxels = np.argwhere(np.ones(labels.shape))
    shell = near(labels == 1, STRAIGHT, 5.0) & (labels == 0) & body.spans(voxels).reshape(labels.shape)
    found = measure(labels, image, STRAIGHT, body=body)
    assert 0 < found.voxels < measure(labels, image, STRAIGHT).voxels
    assert_equal(found, expect(image[shell], image[labels == 1]))


@unhurried
@given(seeds, seeds)
def test_any_body_cuts_off_what_it_does_not_span(seed: int, body_seed: int) -> None:
    labels, image = draw(seed)
    ends = np.random.default_rng(body_seed).integers(0, 14, (3, 2, 2)).astype(np.int16)
    body = BodyOutline(ends, first_zy=(1, 2), step_zy=(2, 3))
    voxels = np.argwhere(np.ones(labels.shape))
    shell = near(labels == 1, SHEARED, 2.0) & (labels == 0) & body.spans(voxels).reshape(labels.shape)
    found = measure(labels, image, SHEARED, shell_mm=2.0, body=body)
    assert_equal(found, expect(image[shell], image[labels == 1]))


@unhurried
@given(seeds)
def test_a_larger_crop_changes_nothing(seed: int) -> None:
    labels, image = draw(seed)
    runs = label_runs(labels)
    whole = shell_contrast(
        runs[runs[:, LABEL] == 1], runs, image, height=labels.shape[1], origin_zyx=(0, 0, 0), steps_mm=SHEARED
    )
    assert whole == measure(labels, image, SHEARED)
    assert whole == measure(labels, np.asfortranarray(image), SHEARED)


def test_other_entities_belong_to_no_shell() -> None:
    labels, image = np.zeros((1, 1, 9), np.uint8), np.arange(9, dtype=np.int16).reshape(1, 1, 9)
    labels[..., 4], labels[..., 5:7] = 1, 2
    assert measure(labels, image, np.eye(3), shell_mm=3).voxels == 4
    labels[labels == 0] = 2
    assert measure(labels, image, np.eye(3), shell_mm=3) == ShellContrast(0, None, None, None)


def test_one_voxel_of_shell() -> None:
    labels, image = np.array([[[1, 0]]], np.uint8), np.array([[[40, -60]]], np.int16)
    assert measure(labels, image, np.eye(3)) == ShellContrast(1, -60.0, 0.0, 100.0)


def test_boxes_reach_as_far_as_the_shell_and_not_beyond_the_volume() -> None:
    box: tuple[Triple, Triple] = (10, 10, 10), (12, 13, 14)
    assert shell_box(box, steps_mm=STRAIGHT, shape_zyx=(99, 99, 99)) == ((9, 3, 3), (13, 20, 21))
    assert shell_box(box, steps_mm=STRAIGHT, shape_zyx=(12, 15, 99)) == ((9, 3, 3), (12, 15, 21))
    assert shell_box(box, shell_mm=12, steps_mm=STRAIGHT, shape_zyx=(99, 99, 99)) == ((6, 0, 0), (16, 30, 31))


def test_an_entity_outside_the_crop_is_refused() -> None:
    runs = label_runs(np.ones((2, 3, 4), np.uint8))
    for shape, origin in (
        ((2, 3, 3), (0, 0, 0)),
        ((1, 3, 4), (0, 0, 0)),
        ((2, 2, 4), (0, 1, 0)),
        ((2, 3, 4), (1, 0, 0)),
    ):
        with pytest.raises(ValueError, match="leave the crop"):
            shell_contrast(runs, runs, np.zeros(shape, np.int16), height=3, origin_zyx=origin, steps_mm=np.eye(3))
