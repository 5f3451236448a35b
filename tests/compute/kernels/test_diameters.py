"""Diameters against all pairs of the mesh's corners, under changes that must not matter, and at their limits."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.diameters import in_plane_diameters, max_diameter_mm
from compute.kernels.runs import label_runs

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

CUBIC = np.eye(3)
FLAT = np.diag([3.0, 0.7, 0.7])
SKEW = np.array([[0.3, -0.2, 2.5], [0.1, 0.8, 0.0], [0.7, 0.2, 0.1]])


def max_diameter(mask: Mask, steps_mm: Floats) -> float:
    return max_diameter_mm(label_runs(mask.view(np.uint8)), mask.shape[1], steps_mm)


def in_plane(mask: Mask, steps_mm: Floats) -> tuple[float, float, int]:
    return in_plane_diameters(label_runs(mask.view(np.uint8)), mask.shape[1], steps_mm)


def corners_of(mask: Mask, axes: tuple[int, ...]) -> Floats:
    """The middles (z,y,x) of all faces across the axes between inside and outside."""
    padded = np.pad(mask, 1)
    middles = [np.argwhere(np.diff(padded, axis=axis)) - 1 + 0.5 * np.eye(3)[axis] for axis in axes]
    return np.concatenate(middles)


def measure_plainly(mask: Mask, steps_mm: Floats) -> float:
    corners_mm = corners_of(mask, (0, 1, 2)) @ steps_mm
    return float(np.linalg.norm(corners_mm[:, None] - corners_mm, axis=2).max())


def measure_slice_plainly(mask: Mask, z: int, steps_mm: Floats) -> tuple[float, float]:
    """The longest pair of a slice's corners, and of all chords across such pairs the longest.

    A chord runs from a corner to where any line between two corners meets the plane through it.
    """
    corners_mm = corners_of(mask[z : z + 1], (1, 2)) @ steps_mm
    pairs = corners_mm[:, None] - corners_mm
    lengths = np.linalg.norm(pairs, axis=2)
    tied = pairs[lengths > lengths.max() - 1e-9]
    return float(lengths.max()), max(chord_plainly(corners_mm, pair / lengths.max()) for pair in tied)


def chord_plainly(corners_mm: Floats, direction: Floats) -> float:
    along = corners_mm @ direction
    start, stop = (n.ravel() for n in np.meshgrid(*[np.arange(len(along))] * 2, indexing="ij"))
    rising = along[stop] - along[start] > 1e-9
    start, stop = start[rising], stop[rising]
    longest = 0.0
    for here, corner_mm in zip(along, corners_mm, strict=True):
        share = (here - along[start]) / (along[stop] - along[start])
        crossed = (share > -1e-9) & (share < 1 + 1e-9)
        met_mm = corners_mm[start] + share[:, None] * (corners_mm[stop] - corners_mm[start])
        longest = max(longest, np.linalg.norm(met_mm[crossed] - corner_mm, axis=1).max())
    return float(longest)


def draw(seed: int) -> Mask:
    random = np.random.default_rng(seed)
    mask = random.random(random.integers(1, 7, 3)) < random.uniform(0.02, 0.9)
    mask[tuple(random.integers(0, mask.shape))] = True
    return np.asarray(mask)


@pytest.mark.parametrize("steps_mm", [CUBIC, FLAT, SKEW])
def test_equals_all_pairs_of_corners_on_200_random_shapes(steps_mm: Floats) -> None:
    for seed in range(200):
        assert max_diameter(draw(seed), steps_mm) == pytest.approx(measure_plainly(draw(seed), steps_mm), rel=1e-12)


@pytest.mark.parametrize("steps_mm", [CUBIC, FLAT, SKEW])
def test_equals_all_chords_of_slices_on_random_shapes(steps_mm: Floats) -> None:
    for seed in range(70):
        mask = draw(seed)
        found = {z: measure_slice_plainly(mask, z, steps_mm) for z in np.flatnonzero(mask.any(axis=(1, 2)))}
        greatest = max(long for long, _ in found.values())
        short = max(short for long, short in found.values() if long > greatest - 1e-9)
        long_mm, short_mm, z = in_plane(mask, steps_mm)
        assert (long_mm, short_mm) == pytest.approx((greatest, short), rel=1e-9)
        assert z == next(z for z, both in found.items() if both == pytest.approx((greatest, short), rel=1e-9))


@unhurried
@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_turning_and_padding_change_no_greatest_diameter(seed: int, axes: list[int], flips: tuple[bool, ...]) -> None:
    mask = draw(seed)
    turned = np.pad(np.flip(mask.transpose(axes), np.flatnonzero(flips)), ((2, 0), (0, 3), (1, 2)))
    steps_mm = SKEW[axes] * np.where(flips, -1, 1)[:, None]
    assert max_diameter(turned, steps_mm) == pytest.approx(max_diameter(mask, SKEW), rel=1e-13)


@unhurried
@given(st.integers(0, 2**32 - 1), st.booleans(), st.tuples(*[st.booleans()] * 3), st.sampled_from([CUBIC, FLAT, SKEW]))
def test_turning_and_padding_within_the_plane_change_no_axis(
    seed: int, swapped: bool, flips: tuple[bool, ...], steps_mm: Floats
) -> None:
    axes = [0, 2, 1] if swapped else [0, 1, 2]
    turned = np.pad(np.flip(draw(seed).transpose(axes), np.flatnonzero(flips)), ((2, 0), (0, 3), (1, 2)))
    turned_steps_mm = steps_mm[axes] * np.where(flips, -1, 1)[:, None]
    assert in_plane(turned, turned_steps_mm)[:2] == pytest.approx(in_plane(draw(seed), steps_mm)[:2], rel=1e-12)


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_one_axis_bounds_the_next(seed: int) -> None:
    mask = draw(seed)
    long_mm, short_mm, z = in_plane(mask, SKEW)
    assert 0 < short_mm <= long_mm <= max_diameter(mask, SKEW) * (1 + 1e-12)
    assert mask[z].any()


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_holes_change_nothing(seed: int) -> None:
    mask = draw(seed)
    hollow = mask.copy()
    hollow[1:-1, 1:-1, 1:-1] &= ~mask[1:-1, 1:-1, :-2] | ~mask[1:-1, 1:-1, 2:]
    assert max_diameter(hollow, SKEW) == max_diameter(mask, SKEW)
    assert in_plane(hollow, SKEW) == in_plane(mask, SKEW)


def test_a_disc_is_no_wider_than_long() -> None:
    for radius in range(3, 40):
        disc = np.square(np.indices((1, 80, 80)) - [[[[0]]], [[[40]]], [[[40]]]]).sum(axis=0) < radius**2
        long_mm, short_mm, _ = in_plane(disc, FLAT)
        assert 0.99 * long_mm <= short_mm <= long_mm


def test_one_voxel() -> None:
    one = np.ones((1, 1, 1), np.bool_)
    assert max_diameter(one, np.diag([3.0, 0.7, 0.9])) == pytest.approx(3, rel=1e-14)
    assert in_plane(one, np.diag([3.0, 0.7, 0.9])) == pytest.approx((0.9, 0.7, 0), rel=1e-14)


def test_a_row_of_voxels() -> None:
    row = np.ones((1, 1, 10), np.bool_)
    assert max_diameter(row, CUBIC) == 10
    assert in_plane(row, CUBIC) == (10, 1, 0)


def test_of_tied_slices_the_one_with_the_longer_chord_counts() -> None:
    mask = np.zeros((4, 5, 9), np.bool_)
    mask[:, 2] = True
    mask[2:, 1:4, 4] = True
    assert in_plane(mask, CUBIC) == (9, 3, 2)
    assert in_plane(mask[::-1], CUBIC) == (9, 3, 0)


def test_of_tied_pairs_the_one_with_the_longer_chord_counts() -> None:
    # Both legs of an upright triangle are longest; a voxel beside it makes the hull wider across one of them.
    mask = np.zeros((1, 9, 9), np.bool_)
    mask[0, 0, 4] = mask[0, 8, 2] = mask[0, 8, 6] = mask[0, 4, 7] = True
    corners_mm = corners_of(mask, (1, 2))
    short, longer = sorted(chord_plainly(corners_mm, np.array([0, 9, x]) / 85**0.5) for x in (-2, 2))
    assert longer > 1.1 * short
    assert in_plane(mask, CUBIC)[:2] == pytest.approx((85**0.5, longer), rel=1e-12)
    assert in_plane(mask[:, :, ::-1], CUBIC)[:2] == pytest.approx((85**0.5, longer), rel=1e-12)


def test_only_the_volume_s_height_divides_rows_into_slices() -> None:
    mask = np.zeros((2, 3, 4), np.bool_)
    mask[0, 2], mask[1, 0] = True, True
    assert max_diameter(mask, FLAT) == pytest.approx(measure_plainly(mask, FLAT), rel=1e-14)


def test_no_voxels_have_no_diameter() -> None:
    nothing = np.empty((0, 4), np.int32)
    with pytest.raises(ValueError, match=r"\(0, 4\)"):
        max_diameter_mm(nothing, 5, CUBIC)
    with pytest.raises(ValueError, match=r"\(0, 4\)"):
        in_plane_diameters(nothing, 5, CUBIC)
