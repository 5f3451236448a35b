"""From voxels to millimetres: a NIfTI affine read as LPS positions, spacings and volumes.

`affine_ras` is the CT's own 4 x 4 matrix from [i,j,k] to RAS millimetres, never the mask's. LPS is RAS with x and y
negated: x grows to the patient's left, y to the back, z to the head. Orientation codes are nibabel's work.
"""

import numpy as np
import numpy.typing as npt

from compute.kernels.volumes import Floats

_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


def voxels_lps_mm(points_ijk: npt.ArrayLike, affine_ras: npt.ArrayLike) -> Floats:
    """LPS positions in mm, shape (...,3), of points (...,3) in voxels; whole numbers are the centres of voxels.

    Raises:
        ValueError: points without a last axis of three, or an affine that is not a finite, invertible 4 x 4.
    """
    points = np.asarray(points_ijk, np.float64)
    if points.shape[-1:] != (3,):
        raise ValueError(f"points must be (...,3), not of shape {points.shape}")
    affine = check_affine(affine_ras)
    ras = points @ affine[:3, :3].T + affine[:3, 3]
    lps: Floats = ras * _RAS_TO_LPS
    return lps


def centroid_lps_mm(centroid_zyx: npt.ArrayLike, affine_ras: npt.ArrayLike) -> Floats:
    """LPS positions in mm, shape (...,3), of centroids (...,3) given in the array's order z, y, x = k, j, i.

    Raises:
        ValueError: as `voxels_lps_mm`.
    """
    return voxels_lps_mm(np.asarray(centroid_zyx, np.float64)[..., ::-1], affine_ras)


def boxes_lps_mm(min_zyx: npt.ArrayLike, max_zyx: npt.ArrayLike, affine_ras: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The smallest boxes along the patient's axes around boxes of voxels, outer faces included.

    Args:
        min_zyx: (...,3), first voxels.
        max_zyx: (...,3), one past the last ones.
        affine_ras: (4,4).

    Returns:
        The least and the greatest x, y, z in LPS mm, (...,3) each.

    Raises:
        ValueError: as `voxels_lps_mm`.
    """
    low, high = np.asarray(min_zyx, np.float64), np.asarray(max_zyx, np.float64)
    centre = centroid_lps_mm((low + high - 1) / 2, affine_ras)
    reach: Floats = (high - low) / 2 @ np.abs(steps_zyx_lps_mm(affine_ras))
    return centre - reach, centre + reach


def steps_zyx_lps_mm(affine_ras: npt.ArrayLike) -> Floats:
    """Shape (3,3), in mm: the rows are the LPS vectors from a voxel to its next neighbour along z, y and x.

    Raises:
        ValueError: the affine is not a finite, invertible 4 x 4.
    """
    steps: Floats = (check_affine(affine_ras)[:3, :3].T * _RAS_TO_LPS)[::-1]
    return steps


def plane_distances_mm(steps_mm: Floats) -> Floats:
    """How far apart neighbouring planes of constant z, y and x are: what is n planes away is at least n times that.

    Args:
        steps_mm: (3,3), rows the vectors in mm from a voxel to the next along z, y and x.
    """
    distances: Floats = 1 / np.linalg.norm(np.linalg.inv(steps_mm), axis=0)
    return distances


def spacing_mm(affine_ras: npt.ArrayLike) -> Floats:
    """Distances in mm, shape (3,), between neighbouring voxels along i, j and k.

    Raises:
        ValueError: the affine is not a finite, invertible 4 x 4.
    """
    spacing: Floats = np.linalg.norm(check_affine(affine_ras)[:3, :3], axis=0)
    return spacing


def voxel_volume_mm3(affine_ras: npt.ArrayLike) -> float:
    """The volume of one voxel in mm³: the affine's determinant, which holds under shear too.

    Raises:
        ValueError: the affine is not a finite, invertible 4 x 4.
    """
    return float(abs(np.linalg.det(check_affine(affine_ras)[:3, :3])))


def check_affine(affine_ras: npt.ArrayLike) -> Floats:
    """The same affine as float64 (4,4).

    Raises:
        ValueError: another shape, numbers that are not finite, or a matrix that flattens space.
    """
    affine = np.asarray(affine_ras, np.float64)
    if affine.shape != (4, 4):
        raise ValueError(f"an affine must be (4,4), not of shape {affine.shape}")
    if not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        raise ValueError(f"an affine of shape (4,4) must be finite and invertible: {affine.tolist()}")
    return affine
