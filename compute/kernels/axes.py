"""Lengths of the principal axes of entities, their ratios and the direction of the longest, from second moments.

IBSI's length is 4 sqrt(λ), that of an ellipse with this variance; a solid ellipsoid's would be 2 sqrt(5 λ). IBSI's
values are met with the *sample's* covariance, divided by n - 1, as here. pyradiomics divides by n: its lengths are
shorter by sqrt((n - 1) / n), its ratios the same.
"""

from dataclasses import dataclass

import numpy as np

from compute.kernels.volumes import Floats, Ints

# Far above what rounding leaves of an eigenvalue that is 0, far below what one voxel off a plane or a line adds to it.
_FLAT = 1e-13
_SAME = 1e-9


@dataclass(frozen=True)
class Axes:
    """One row for each of n entities. All is NaN for one voxel, which has no covariance.

    Only voxel centres count, not the width of a voxel: where they lie in one plane, the least axis and the flatness are
    0, and where they lie in one line, the minor axis and the elongation too.
    """

    major_mm: Floats
    """(n,), 4 sqrt(λ1): IBSI TDIC, major axis length."""
    minor_mm: Floats
    """(n,), 4 sqrt(λ2): IBSI P9VJ, minor axis length."""
    least_mm: Floats
    """(n,), 4 sqrt(λ3): IBSI 7J51, least axis length."""
    elongation: Floats
    """(n,), sqrt(λ2 / λ1), 1 = not elongated: IBSI Q3CK, elongation."""
    flatness: Floats
    """(n,), sqrt(λ3 / λ1), 1 = not flat: IBSI N17B, flatness."""
    major_lps: Floats
    """(n,3), the unit vector (x,y,z) of the major axis, with its largest component positive (of equal ones the first).
    NaN where the minor axis is as long, as in a ball or a cube: there is no one direction."""


def principal_axes(voxels: Ints, second_moments_zyx: Floats, steps_mm: Floats) -> Axes:
    """The axes of n entities, from the eigenvalues λ1 >= λ2 >= λ3 of the covariance of their voxel centres in mm².

    Args:
        voxels: (n,), counts, at least 1; n may be 0.
        second_moments_zyx: (n,3,3) in voxels squared, divided by the count, as in `Moments`.
        steps_mm: (3,3), rows = the LPS vector in mm of one step along z, y and x.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        sample = np.where(voxels > 1, voxels / (voxels - 1), np.nan)
    covariance_mm2 = steps_mm.T @ second_moments_zyx @ steps_mm
    values, vectors = np.linalg.eigh(covariance_mm2)
    values = np.where(values > _FLAT * values[:, -1:], values, 0) * sample[:, None]
    least, minor, major = 4 * np.sqrt(values.T)
    with np.errstate(invalid="ignore"):
        elongation, flatness = minor / major, least / major
    known = elongation < 1 - _SAME
    return Axes(major, minor, least, elongation, flatness, np.where(known[:, None], _signed(vectors[:, :, -1]), np.nan))


def _signed(vectors: Floats) -> Floats:
    size = np.abs(vectors)
    largest = np.argmax(size >= size.max(axis=1, keepdims=True, initial=0) * (1 - _SAME), axis=1)
    signs: Floats = np.sign(np.take_along_axis(vectors, largest[:, None], axis=1))
    return vectors * signs
