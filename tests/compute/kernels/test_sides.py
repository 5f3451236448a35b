"""The body's midline on drawn bodies with known answers, and the rules of sides."""

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from compute.kernels.frames import voxels_lps_mm
from compute.kernels.sides import FindingSide, Side, body_midline_lps_mm, side_of, side_of_finding

LPS = np.array([[-1.5, 0, 0, 200], [0, -1.5, 0, 200], [0, 0, 2, 0], [0, 0, 0, 1.0]])


def draw_chest(shape: tuple[int, int, int] = (40, 200, 220), *, centre: float = 0.45) -> npt.NDArray[np.int16]:
    """A body off the middle, two lungs, and under it a table that is wider than the body."""
    z, y, x = np.ogrid[[slice(extent) for extent in shape]]
    depth, height, width = shape
    image = np.full(shape, -1000, np.int16)
    image[((y - 0.45 * height) / (0.3 * height)) ** 2 + ((x - centre * width) / (0.38 * width)) ** 2 + 0 * z < 1] = 40
    for side in (-0.17, 0.17):
        across = ((x - (centre + side) * width) / (0.12 * width)) ** 2
        image[((y - 0.45 * height) / (0.2 * height)) ** 2 + across + ((z - depth / 2) / depth) ** 2 < 1] = -850
    image[:, int(0.85 * height) : int(0.88 * height), int(0.5 * width) :] = 300
    return image


def midline_plainly(image: npt.NDArray[np.int16], affine: npt.NDArray[np.float64]) -> float:
    pieces, _ = ndimage.label(image > -500)
    voxels = np.argwhere(pieces == np.bincount(pieces[pieces > 0]).argmax())
    return float(np.median(voxels_lps_mm(voxels[:, ::-1], affine)[:, 0]))


@pytest.mark.parametrize("shape", [(40, 200, 220), (10, 300, 300), (260, 140, 60)])
def test_midline_of_a_body_beside_its_table(shape: tuple[int, int, int]) -> None:
    image = draw_chest(shape)
    assert abs(body_midline_lps_mm(image, LPS) - midline_plainly(image, LPS)) <= 1.5


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_midline_of_every_voxel_order(axes: tuple[int, int, int]) -> None:
    image = draw_chest((30, 150, 160))
    affine = LPS.copy()
    affine[:, :3] = LPS[:, :3][:, [2 - axis for axis in axes][::-1]]
    turned = image.transpose(axes)
    assert abs(body_midline_lps_mm(turned, affine) - midline_plainly(image, LPS)) <= 2


def test_midline_of_an_oblique_scan() -> None:
    image = draw_chest((30, 150, 160))
    affine = LPS.copy()
    affine[:3, :3] = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]]) @ LPS[:3, :3]
    assert abs(body_midline_lps_mm(image, affine) - midline_plainly(image, affine)) <= 1.5


def test_midline_without_a_body_is_the_middle_of_the_volume() -> None:
    empty = np.full((5, 6, 7), -1000, np.int16)
    assert body_midline_lps_mm(empty, LPS) == 1.5 * 3 - 200


def test_an_image_without_voxels_has_no_midline() -> None:
    with pytest.raises(ValueError, match=r"\(0, 6, 7\)"):
        body_midline_lps_mm(np.zeros((0, 6, 7), np.int16), LPS)


@pytest.mark.parametrize(
    ("x", "side"), [(15.1, "LEFT"), (15, "MIDLINE"), (5, "MIDLINE"), (-5, "MIDLINE"), (-5.1, "RIGHT")]
)
def test_side_of_a_point(x: float, side: Side) -> None:
    assert side_of(x, 5) == side


@pytest.mark.parametrize(
    ("sides", "side"),
    [
        ([], None),
        (["LEFT", "LEFT"], "LEFT"),
        (["RIGHT"], "RIGHT"),
        (["MIDLINE"], "MIDLINE"),
        (["MIDLINE", "LEFT"], "LEFT"),
        (["RIGHT", "MIDLINE", "LEFT"], "BILATERAL"),
    ],
)
def test_side_of_a_finding(sides: list[Side], side: FindingSide | None) -> None:
    assert side_of_finding(sides) == side
