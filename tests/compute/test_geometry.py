"""Entities of drawn labels, whose measures are known beforehand."""

from uuid import UUID, uuid5

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy.dialects.postgresql import Range

from compute.geometry import ScanFrame, measure_finding
from schema.arrays.box import Box, box_slices
from schema.arrays.runs import LabelRuns
from schema.finding import Side
from schema.identity import entity_id

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
    assert present == {*known, "kernel_version", "device"}


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


@pytest.mark.parametrize(
    ("midline", "side"),
    [(0.0, Side.LEFT), (12.9, Side.LEFT), (13.1, Side.MIDLINE), (32.9, Side.MIDLINE), (33.1, Side.RIGHT)],
)
def test_the_side_is_told_against_the_midline(midline: float, side: Side) -> None:
    (block, _) = measure_finding(LabelRuns.from_dense(blocks()), frame(np.zeros(SHAPE, np.int16), midline))
    assert block.geometry["x_lps_mm"] == pytest.approx(23)
    assert block.geometry["side"] == side


def test_rows_carry_keys_that_follow_from_the_annotation() -> None:
    (block, _) = measure_finding(LabelRuns.from_dense(blocks()), None)
    entity, geometry = block.rows(ANNOTATION)
    assert entity["id"] == geometry["entity_id"] == entity_id(ANNOTATION, 3) == uuid5(ANNOTATION, "entity/3")
    assert (entity["annotation_id"], entity["label"]) == (ANNOTATION, 3)
