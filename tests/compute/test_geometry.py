"""Entities of drawn labels, whose measures are known beforehand."""

from typing import Any
from uuid import UUID, uuid5

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import Range

from compute.geometry import MEASURED, EntityMeasures, measure_arrays, measure_finding
from compute.quantities import ScanFrame
from schema.arrays.box import Box, box_slices
from schema.arrays.runs import LabelRuns
from schema.finding import Side
from schema.identity import entity_id

unhurried = settings(deadline=None, max_examples=40)  # the first example compiles

SHAPE = (20, 30, 40)
ANNOTATION = UUID(int=7)
AFFINE = np.array([[-2.0, 0, 0, 40], [0, -2, 0, 10], [0, 0, 5, -100], [0, 0, 0, 1]])
"""i runs to the left and j to the back, 2 x 2 x 5 mm."""


def blocks() -> NDArray[np.uint16]:
    """Label 3 is a block of 2 x 3 x 4 voxels (k, j, i); label 700 two voxels that meet at a corner."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[5:7, 10:13, 30:34] = 3
    labels[0, 0, 0] = labels[1, 1, 1] = 700
    return labels


def frame(image: NDArray[np.int16], midline: float = 0.0) -> ScanFrame:
    def read(box: Box) -> NDArray[np.int16]:
        return image[box_slices(box)]

    return ScanFrame(read, AFFINE, midline)


def test_nothing_drawn_has_no_entities() -> None:
    assert measure_finding(LabelRuns.empty(SHAPE), None) == []


def test_voxels_boxes_and_components_need_no_volume() -> None:
    block, corner = measure_finding(LabelRuns.from_dense(blocks()), None)
    assert (block.label, corner.label) == (3, 700)
    assert block.entity == {"voxels": 24, "box_i": Range(30, 34), "box_j": Range(10, 13), "box_k": Range(5, 7)}
    assert [block.geometry[f"centroid_{axis}"] for axis in "ijk"] == [31.5, 11.0, 5.5]
    assert [corner.geometry[f"components{n}"] for n in (6, 18, 26)] == [2, 2, 1]
    assert [block.geometry[f"components{n}"] for n in (6, 18, 26)] == [1, 1, 1]
    known = {"centroid_i", "centroid_j", "centroid_k", "components6", "components18", "components26"}
    present = {name for name, value in block.geometry.items() if value is not None}
    assert present == {*known, "kernel_version", "settings", "device"}


def test_millimetres_and_intensities_come_from_the_volume() -> None:
    image = np.full(SHAPE, -700, np.int16)
    image[5, 10:13, 30:34] = 40
    image[6, 10:13, 30:34] = 60
    (block, _) = measure_finding(LabelRuns.from_dense(blocks()), frame(image))
    position = [block.geometry[f"{axis}_lps_mm"] for axis in "xyz"]
    assert position == pytest.approx([-(40 - 2 * 31.5), -(10 - 2 * 11), -100 + 5 * 5.5])
    assert block.geometry["volume_mm3"] == pytest.approx(24 * 20)
    intensities = [block.geometry[f"hu_{name}"] for name in ("mean", "std", "min", "max", "median")]
    assert intensities == pytest.approx([50, 10, 40, 60, 50])


def test_everything_that_is_stored_is_measured_of_a_block() -> None:
    image = np.random.default_rng(0).integers(-900, 200, SHAPE).astype(np.int16)
    (block, corner) = measure_finding(LabelRuns.from_dense(blocks()), frame(image))
    assert {name for name, value in block.geometry.items() if value is None} == set()
    assert set(block.geometry) == {*MEASURED, "kernel_version", "settings", "device"}
    assert block.geometry["settings"] == '{"entropy_bin_hu": 25, "shell_mm": 5.0}'
    assert corner.geometry["volume_mm3"] == pytest.approx(40)


def test_what_one_voxel_cannot_have_is_none() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[4, 5, 6] = 1
    (voxel,) = measure_finding(LabelRuns.from_dense(labels), frame(np.zeros(SHAPE, np.int16)))
    missing = {name for name, value in voxel.geometry.items() if value is None}
    axes = {"major_axis_mm", "minor_axis_mm", "least_axis_mm", "elongation", "flatness"}
    assert missing == axes | {"major_axis_x", "major_axis_y", "major_axis_z"}


@unhurried
@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_turning_the_array_with_its_affine_changes_no_measure(
    seed: int, axes: list[int], flips: tuple[bool, ...]
) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random((7, 8, 9)) < 0.3).astype(np.uint8) * random.integers(1, 3, (7, 8, 9)).astype(np.uint8)
    image = random.integers(-1000, 500, labels.shape).astype(np.int16)
    turned_labels, turned_image = (np.flip(each.transpose(axes), np.flatnonzero(flips)) for each in (labels, image))
    turned_affine = AFFINE @ _index_map(labels.shape, axes, flips)
    one = measure_arrays(labels, image, AFFINE, midline_lps_mm=0)
    other = measure_arrays(turned_labels, turned_image, turned_affine, midline_lps_mm=0)
    assert [each.label for each in one] == [each.label for each in other]
    for before, after in zip(one, other, strict=True):
        assert_same(before, after, set(MEASURED) - PLACES - {"long_axis_mm", "short_axis_mm"})


PLACES = {"centroid_i", "centroid_j", "centroid_k", "long_axis_k"}
"""What counts along the array's axes. The long and the short axis lie in slices of constant k: others after a turn."""


def assert_same(before: EntityMeasures, after: EntityMeasures, names: set[str]) -> None:
    assert after.geometry["side"] == before.geometry["side"]
    for name in names - {"side"}:
        assert after.geometry[name] == pytest.approx(before.geometry[name], rel=1e-7, abs=1e-7), name


def _index_map(shape: tuple[int, ...], axes: list[int], flips: tuple[bool, ...]) -> NDArray[np.float64]:
    """From [i,j,k] of the turned array to [i,j,k] of the first one."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for new, (old, flipped) in enumerate(zip(axes, flips, strict=True)):
        matrix[2 - old, 2 - new] = -1 if flipped else 1
        matrix[2 - old, 3] = shape[old] - 1 if flipped else 0
    return matrix


@unhurried
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(7, 16)] * 3), st.permutations([1, 2, 3]))
def test_moving_and_renaming_change_nothing_but_places(seed: int, to: tuple[int, int, int], names: list[int]) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice(np.array([0, 0, 1, 2, 3], np.uint8), (6, 7, 8))
    image = random.integers(-1000, 500, labels.shape).astype(np.int16)
    one = {each.label: each for each in _measure_at((7, 7, 7), labels, image)}
    other = _measure_at(to, np.array([0, *names], np.uint16)[labels], image)
    assert len(one) == len(other)
    for after in other:
        assert_same(one[names.index(after.label) + 1], after, set(MEASURED) - PLACES)


def _measure_at(origin: tuple[int, int, int], labels: NDArray[Any], image: NDArray[np.int16]) -> list[EntityMeasures]:
    """Measure a crop that stands at the origin in a larger array; the affine keeps it in its place in the patient."""
    box = tuple(slice(start, start + size) for start, size in zip(origin, labels.shape, strict=True))
    whole, air = np.zeros((30, 31, 32), labels.dtype), np.full((30, 31, 32), -1000, np.int16)
    whole[box], air[box] = labels, image
    affine = AFFINE.copy()
    affine[:3, 3] -= AFFINE[:3, :3] @ origin[::-1]
    return measure_arrays(whole, air, affine, midline_lps_mm=0)


@unhurried
@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 9)] * 3))
def test_dask_gives_the_same_for_any_chunks(seed: int, chunks: tuple[int, int, int]) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice(np.array([0, 0, 0, 1, 2, 3], np.uint8), (6, 7, 8))
    image = random.integers(-1000, 500, labels.shape).astype(np.int16)
    plain = measure_arrays(labels, image, AFFINE)
    with dask.config.set(scheduler="synchronous"):
        chunked = measure_arrays(da.from_array(labels, chunks=chunks), da.from_array(image, chunks=(3, 4, 5)), AFFINE)
    assert chunked == plain


def test_arrays_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 5\)"):
        measure_arrays(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 5), np.int16), AFFINE)
    assert measure_arrays(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 4), np.int16), AFFINE) == []


@pytest.mark.parametrize(
    ("midline", "side"),
    [(0.0, Side.LEFT), (12.9, Side.LEFT), (13.1, Side.MIDLINE), (32.9, Side.MIDLINE), (33.1, Side.RIGHT)],
)
def test_the_side_is_told_against_the_midline(midline: float, side: Side) -> None:
    (block, _) = measure_finding(LabelRuns.from_dense(blocks()), frame(np.zeros(SHAPE, np.int16), midline))
    assert block.geometry["x_lps_mm"] == pytest.approx(23)
    assert block.geometry["box_min_x_lps_mm"] < 23 < block.geometry["box_max_x_lps_mm"]
    assert block.geometry["side"] == side


def test_rows_carry_keys_that_follow_from_the_annotation() -> None:
    (block, _) = measure_finding(LabelRuns.from_dense(blocks()), None)
    entity, geometry = block.rows(ANNOTATION)
    assert entity["id"] == geometry["entity_id"] == entity_id(ANNOTATION, 3) == uuid5(ANNOTATION, "entity/3")
    assert (entity["annotation_id"], entity["label"]) == (ANNOTATION, 3)
