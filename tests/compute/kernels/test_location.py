"""Where entities lie, against plain definitions on dense arrays; one real lung."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from compute.kernels.borders import border_voxels
from compute.kernels.frames import steps_zyx_lps_mm, voxels_lps_mm
from compute.kernels.location import Location, Organs, locate, lung_border_mm
from compute.kernels.lungs import lung_roles
from compute.kernels.runs import label_runs
from compute.kernels.volumes import Floats

NAMES = {1: "liver", 2: "lung_upper_lobe_left", 3: "lung_lower_lobe_left", 4: "lung_upper_lobe_right", 5: "lung"}
Dense = npt.NDArray[np.uint8]


def organs_of(dense: Dense, affine: Floats | None, midline: float | None, names: dict[int, str] = NAMES) -> Organs:
    return Organs(label_runs(dense), dense.shape, lung_roles(names), affine, midline)  # type: ignore[arg-type]


def plain_location(label: int, mask: Dense, organs: Dense, affine: Floats, midline: float) -> Location:
    """The definitions, word for word, over every voxel of the arrays."""
    entity, lung = mask == label, (organs >= 2) & (organs <= 5)
    voxels = np.argwhere(entity)
    lps = voxels_lps_mm(voxels[:, ::-1], affine)
    under = organs[entity]
    shares = {int(n): float((under == n).sum()) / len(voxels) for n in np.unique(under) if n}
    left = np.isin(under, (2, 3)) | ((under == 5) & (lps[:, 0] > midline))
    right = (under == 4) | ((under == 5) & ~(lps[:, 0] > midline))
    by_lobe = {"left upper lobe": shares.get(2, 0), "left lower lobe": shares.get(3, 0)}
    by_lobe["right upper lobe"] = shares.get(4, 0)
    best = max(by_lobe, key=by_lobe.__getitem__)
    every = voxels_lps_mm(np.argwhere(lung)[:, ::-1], affine)
    low, high = every.min(axis=0), every.max(axis=0)
    place = None
    if (high > low).all():
        place = tuple((voxels_lps_mm(voxels.mean(axis=0)[::-1], affine) - low) / (high - low))
    return Location(
        label,
        shares,
        float(lung[entity].mean()),
        float(left.mean()),
        float(right.mean()),
        best if by_lobe[best] else None,
        by_lobe[best] or None,
        plain_distance_mm(entity, lung, affine),
        place,  # type: ignore[arg-type]
    )


def plain_distance_mm(entity: npt.NDArray[np.bool_], lung: npt.NDArray[np.bool_], affine: Floats) -> float:
    """Every voxel of the entity against every voxel of the border."""
    inner = ndimage.binary_erosion(lung)
    border = voxels_lps_mm(np.argwhere(lung & ~inner)[:, ::-1], affine)
    points = voxels_lps_mm(np.argwhere(entity)[:, ::-1], affine)
    return min(float(np.linalg.norm(border - point, axis=1).min()) for point in points)


def assert_same(found: Location, expected: Location) -> None:
    assert (found.label, found.lobe) == (expected.label, expected.lobe)
    for name in ("shares", "lung_share", "left_share", "right_share", "lobe_share"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-12), name
    assert found.lung_border_mm == pytest.approx(expected.lung_border_mm, abs=1e-9)
    assert found.relative_position == pytest.approx(expected.relative_position, abs=1e-9)


def random_affine(random: np.random.Generator, kind: int) -> Floats:
    """Axis-aligned with flips, rotated, or sheared as a tilted gantry does."""
    steps = np.diag(random.uniform(0.5, 4, 3) * random.choice([-1, 1], 3))
    if kind == 1:
        steps = np.linalg.qr(random.normal(size=(3, 3)))[0] @ steps
    if kind == 2:
        steps[1, 2] += random.uniform(-3, 3)
        steps[0, 2] += random.uniform(-1, 1)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps[:, random.permutation(3)], random.uniform(-200, 200, 3)
    return affine


def smooth(random: np.random.Generator, shape: tuple[int, ...], share: float) -> npt.NDArray[np.bool_]:
    field = ndimage.gaussian_filter(random.normal(size=shape), 1.5)
    return np.asarray(field > np.quantile(field, 1 - share))


def random_case(seed: int) -> tuple[Dense, Dense, Floats, float]:
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(3, 24, 3))
    organs = smooth(random, shape, random.choice([0.1, 0.5, 0.9])) * random.integers(2, 6)
    organs[smooth(random, shape, 0.2) & (organs > 0)] = random.integers(1, 6)
    mask = smooth(random, shape, random.choice([0.03, 0.3])) * 1
    mask[smooth(random, shape, 0.5) & (mask > 0)] = 9
    if not ((organs >= 2) & (organs <= 5)).any():
        organs[0, 0, 0] = 5
    affine = random_affine(random, seed % 3)
    midline = float(voxels_lps_mm((np.array(shape[::-1]) - 1) / 2, affine)[0]) + 0.01
    return mask.astype(np.uint8), organs.astype(np.uint8), affine, midline


@pytest.mark.parametrize("seed", range(200))
def test_random_shapes_lie_where_the_definitions_say(seed: int) -> None:
    mask, dense, affine, midline = random_case(seed)
    found = locate(label_runs(mask), organs_of(dense, affine, midline))
    assert [one.label for one in found] == [n for n in np.unique(mask).tolist() if n]
    for one in found:
        assert_same(one, plain_location(one.label, mask, dense, affine, midline))


@pytest.mark.parametrize("far", [0, 3, 30, 90])
def test_a_small_entity_far_from_the_border_is_measured_through_growing_boxes(far: int) -> None:
    dense = np.zeros((40, 40, 130), np.uint8)
    dense[:, :, :20] = 5
    mask = np.zeros_like(dense)
    mask[20, 20, 19 + far] = 1
    organs = organs_of(dense, np.diag([0.7, 0.7, 1.5, 1]), 0.0)
    assert lung_border_mm(label_runs(mask), organs) == pytest.approx(0.7 * far)


def test_a_border_voxel_deep_within_an_entity_counts() -> None:
    dense, mask = np.zeros((21, 21, 21), np.uint8), np.zeros((21, 21, 21), np.uint8)
    dense[10, 10, 10] = 5
    mask[1:20, 1:20, 1:20] = 1
    (found,) = locate(label_runs(mask), organs_of(dense, np.eye(4), 0.0))
    assert found.lung_border_mm == 0.0
    assert found.relative_position is None


def test_along_oblique_steps_an_inner_voxel_may_be_the_nearest() -> None:
    affine = np.eye(4)
    affine[:3, 1] = [0.95, 0.2, 0]  # j leans on i, so that (1, -1, 0) is the shortest way of all
    mask, dense = np.zeros((3, 9, 9), np.uint8), np.zeros((3, 9, 9), np.uint8)
    mask[:, 3:6, 3:6] = 1
    mask[1, 3, 5] = mask[1, 5, 3] = 0
    dense[1, 3, 5] = 5
    found = lung_border_mm(label_runs(mask), organs_of(dense, affine, 0.0))
    inner = set(map(tuple, np.argwhere(mask).tolist())) - set(map(tuple, border_voxels(label_runs(mask), (3, 9, 9))))
    assert (1, 4, 4) in inner
    assert found == pytest.approx(np.hypot(0.05, 0.2))


def test_without_an_affine_shares_alone_are_told() -> None:
    mask, dense, _, _ = random_case(4)
    for one in locate(label_runs(mask), organs_of(dense, None, None)):
        assert one.lung_share is not None
        assert (one.lung_border_mm, one.relative_position) == (None, None)


def test_lung_without_a_side_and_without_a_midline_has_no_sides() -> None:
    dense = np.full((3, 4, 5), 5, np.uint8)
    mask = np.ones_like(dense)
    (found,) = locate(label_runs(mask), organs_of(dense, np.eye(4), None))
    assert (found.lung_share, found.left_share, found.right_share, found.lobe) == (1.0, None, None, None)
    (found,) = locate(label_runs(mask), organs_of(dense, np.eye(4), -1.5))  # LPS x runs from 0 down to -4
    assert (found.left_share, found.right_share) == (pytest.approx(0.4), pytest.approx(0.6))


def test_no_lung_and_no_entity() -> None:
    dense, mask = np.ones((3, 4, 5), np.uint8), np.ones((3, 4, 5), np.uint8)
    organs = organs_of(dense, np.eye(4), 0.0)
    assert locate(label_runs(mask), organs) == [Location(1, {1: 1.0}, None, None, None, None, None, None, None)]
    assert locate(label_runs(np.zeros_like(mask)), organs) == []
    with pytest.raises(ValueError, match=r"no lung in the organs of shape \(3, 4, 5\)"):
        lung_border_mm(label_runs(mask), organs)


def test_the_place_in_the_lungs_runs_from_right_front_foot_to_left_back_head() -> None:
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])  # i to the left, j to the back, k to the head
    dense = np.zeros((11, 12, 13), np.uint8)
    dense[0:11, 1:12, 2:13] = 5
    mask = np.zeros_like(dense)
    mask[0, 1, 2], mask[10, 11, 12], mask[5, 6, 0] = 1, 2, 3
    found = [one.relative_position for one in locate(label_runs(mask), organs_of(dense, affine, 0.0))]
    assert found == [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), pytest.approx((-0.2, 0.5, 0.5))]


@pytest.fixture(scope="module")
def real(shared_data: Path) -> tuple[Any, Dense, Floats]:
    folder = shared_data / "rex_real"
    name = "train_90001_a_1"
    lungs = nib.load(folder / "organs" / f"{name}_lungs.nii.gz")
    mask = np.asarray(nib.load(folder / "segmentations" / f"{name}.nii.gz").dataobj)
    return mask.transpose(0, 3, 2, 1), np.asarray(lungs.dataobj).T, lungs.affine


def test_the_real_tumour_lies_on_the_left_and_at_the_lung(real: tuple[Any, Dense, Floats]) -> None:
    mask, lungs, affine = real
    midline = float(voxels_lps_mm([255.5, 255.5, 0], affine)[0])
    organs = organs_of(lungs * np.uint8(5), affine, midline)
    (tumour,) = locate(label_runs(np.ascontiguousarray(mask[0])), organs)
    entity, lung = mask[0] > 0, lungs > 0
    lps = voxels_lps_mm(np.argwhere(entity & lung)[:, ::-1], affine)
    assert tumour.lung_share == pytest.approx(lung[entity].mean(), abs=1e-12)
    assert tumour.left_share == pytest.approx((lps[:, 0] > midline).sum() / entity.sum(), abs=1e-12)
    assert tumour.right_share == 0.0
    assert tumour.lung_border_mm == 0.0
    assert tumour.relative_position is not None
    assert tumour.relative_position[0] > 0.5


def test_the_real_entities_are_as_far_from_the_border_as_a_distance_map_says(real: tuple[Any, Dense, Floats]) -> None:
    mask, lungs, affine = real
    organs = organs_of(lungs * np.uint8(5), affine, 0.0)
    border = np.zeros(lungs.shape, bool)
    border[tuple(organs.lung_border_zyx.T)] = True
    spacing = np.linalg.norm(steps_zyx_lps_mm(affine), axis=1)
    distance_mm = ndimage.distance_transform_edt(~border, sampling=spacing)
    found = locate(label_runs(np.ascontiguousarray(mask[1])), organs)
    expected = ndimage.minimum(distance_mm, mask[1], [one.label for one in found])
    assert len(found) == 12
    np.testing.assert_allclose([one.lung_border_mm for one in found], expected, atol=1e-9)
    shares = ndimage.mean(lungs > 0, mask[1], [one.label for one in found])
    np.testing.assert_allclose([one.lung_share for one in found], shares, atol=1e-12)
