"""Exact Euclidean distances to a mask, by SciPy on the CPU or by CuPy on a device: one text for both."""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""NumPy's array, or CuPy's."""


def distances_mm(mask_zyx: Array, spacing_zyx_mm: tuple[float, float, float], ndimage: Any) -> Array:
    """How far each voxel's centre is from the nearest centre of the mask's voxels, in mm.

    CuPy's transform (Parallel Banding: Cao et al. 2010, doi:10.1145/1730804.1730818) compares candidates in single
    precision where spacings differ, and takes 16 bytes for each voxel of a cube of the mask's longest side.

    Args:
        mask_zyx: bool (z,y,x), an array of the library that `ndimage` belongs to.
        spacing_zyx_mm: between voxels along z, y and x; axes at right angles.
        ndimage: `scipy.ndimage` or `cupyx.scipy.ndimage`.

    Returns:
        float64 (z,y,x) of the same library: 0 in the mask, infinite everywhere without one.
    """
    if not mask_zyx.any():
        return np.full_like(mask_zyx, np.inf, dtype=np.float64)
    return ndimage.distance_transform_edt(~mask_zyx, sampling=spacing_zyx_mm)
