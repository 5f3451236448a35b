"""Left and right: the body's midline, the side of an entity and the side of a finding. The words are not read here."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.body import Body, find_body
from compute.kernels.frames import check_affine, voxels_lps_mm
from compute.kernels.runs import START, STOP, Runs, run_lengths
from compute.kernels.volumes import Floats, check_image

Side: TypeAlias = Literal["LEFT", "RIGHT", "MIDLINE"]
FindingSide: TypeAlias = Literal["LEFT", "RIGHT", "BILATERAL", "MIDLINE"]

MIDLINE_WITHIN_MM = 10.0


def body_midline_lps_mm(
    image_zyx: npt.NDArray[np.generic], affine_ras: npt.ArrayLike, *, body: Body | None = None
) -> float:
    """LPS x in mm of the body's midline: the median over the voxels of the largest component above -500 HU.

    Taken on every x of a grid of at least 128 x 128 rows; within a voxel or two of the median over all voxels.
    The volume's middle where nothing is above -500 HU.

    Args:
        image_zyx: (z,y,x) int16 HU.
        affine_ras: the CT's affine from [i,j,k] to RAS mm, in any orientation, oblique too.
        body: of this image, where it was found already.

    Raises:
        ValueError: not three axes, an image without voxels, another dtype, or an affine that cannot be used.
    """
    image, affine = check_image(image_zyx), check_affine(affine_ras)
    if image.size == 0:
        raise ValueError(f"an image of shape {image.shape} has no midline")
    body = body or find_body(image)
    if len(body.runs) == 0:
        middle_ijk = (np.array(image.shape[::-1]) - 1) / 2
        return float(voxels_lps_mm(middle_ijk, affine)[0])
    return float(np.median(_lps_x(body, affine), overwrite_input=True))


def side_of(centroid_x_lps_mm: float, midline_lps_mm: float) -> Side:
    """The patient's side of a point, from LPS x in mm, which grows to the left; MIDLINE up to 10 mm away."""
    offset = centroid_x_lps_mm - midline_lps_mm
    if abs(offset) <= MIDLINE_WITHIN_MM:
        return "MIDLINE"
    return "LEFT" if offset > 0 else "RIGHT"


def side_of_finding(sides: Iterable[Side]) -> FindingSide | None:
    """The side of a finding from those of its entities; None where it has none.

    LEFT and RIGHT together are BILATERAL. An entity in the midline says nothing against a side: MIDLINE and LEFT
    are LEFT; MIDLINE stands only alone.
    """
    seen = set(sides)
    if {"LEFT", "RIGHT"} <= seen:
        return "BILATERAL"
    return next(iter(seen - {"MIDLINE"} or seen), None)


def _lps_x(body: Body, affine: Floats) -> npt.NDArray[np.float32]:
    """LPS x of every voxel of the body's runs; float32 keeps a micrometre and halves the memory."""
    along_i, along_j, along_k = -affine[0, :3]
    at_row = body.rows_zy() @ (along_k, along_j) - affine[0, 3]
    positions: npt.NDArray[np.float32] = _spread(body.runs[:, [START, STOP]], at_row, along_i, _voxels(body.runs))
    return positions


def _voxels(runs: Runs) -> int:
    return int(run_lengths(runs).sum(dtype=np.int64))


@njit(cache=True, nogil=True)
def _spread(spans: Runs, at_row: Floats, along_i: float, voxels: int) -> npt.NDArray[np.float32]:
    positions = np.empty(voxels, np.float32)
    n = 0
    for span in range(len(spans)):
        for x in range(spans[span, 0], spans[span, 1]):
            positions[n] = at_row[span] + along_i * x
            n += 1
    return positions
