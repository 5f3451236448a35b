"""A few voxels that stand for a finding: some of those inside it, and some of the shell around it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compute.kernels.runs import ROW, START, STOP, Runs, labels_at, run_lengths
from compute.kernels.volumes import Ints, Triple

SHELL_VOXELS = 3
"""How far the shell reaches from the labelled voxels, along each axis."""

_DRAWS_A_SAMPLE = 4  # about half of the steps away from a run's end lead outside, and some coincide


@dataclass(frozen=True)
class VoxelSamples:
    """Voxels of one finding, int64 (n,3) and (m,3) in the order z,y,x of the whole volume, each voxel once."""

    inside_zyx: Ints
    shell_zyx: Ints
    voxels: int
    """Labelled voxels in all, of which `inside_zyx` are some."""


def sample_inside_and_shell(runs: Runs, shape_zyx: Triple, *, limit: int = 2000, seed: int = 0) -> VoxelSamples:
    """Up to `limit` labelled voxels, uniformly chosen, and up to `limit` background voxels at most 3 away from them.

    The shell's are reached by random steps of up to 3 voxels an axis from the ends of runs, so they are not uniform:
    closer ones come more often. The same arguments give the same voxels.

    Args:
        runs: (n,4), in the frame of the whole volume.
        shape_zyx: the volume's shape, which the shell does not leave.
        limit: of each kind.
        seed: of NumPy's default generator.

    Returns:
        Both empty without labels; an empty shell where nothing is left around them.
    """
    random = np.random.default_rng(seed)
    if len(runs) == 0:
        return VoxelSamples(_no_voxels(), _no_voxels(), voxels=0)
    inside = voxels_inside(runs, shape_zyx[1], limit, random)
    around = _around(runs, shape_zyx[1], limit, random)
    within = around[((around >= 0) & (around < shape_zyx)).all(axis=1)]
    shell = _some(within[labels_at(runs, within, shape_zyx) == 0], limit, random)
    return VoxelSamples(inside, shell, voxels=int(run_lengths(runs).sum()))


def voxels_inside(runs: Runs, height: int, limit: int, random: np.random.Generator) -> Ints:
    """Up to `limit` voxels (n,3) z, y, x of a table of at least one run, each as likely as any other."""
    ends = np.cumsum(run_lengths(runs), dtype=np.int64)
    total = int(ends[-1])
    rank = random.choice(total, min(limit, total), replace=False, shuffle=False)
    run = np.searchsorted(ends, rank, side="right")
    return _voxels(runs[run, ROW], height, runs[run, STOP] - (ends[run] - rank))


def _no_voxels() -> Ints:
    return np.empty((0, 3), np.int64)


def _around(runs: Runs, height: int, limit: int, random: np.random.Generator) -> Ints:
    """Random steps away from random ends of runs, without those that came twice."""
    draws = _DRAWS_A_SAMPLE * limit
    run = runs[random.integers(len(runs), size=draws)]
    x = np.where(random.integers(2, size=draws), run[:, START], run[:, STOP] - 1)
    steps = random.integers(-SHELL_VOXELS, SHELL_VOXELS + 1, size=(draws, 3))
    return _each_once(_voxels(run[:, ROW], height, x) + steps)


def _each_once(zyx: Ints) -> Ints:
    """Each voxel once, in scanning order. One number a voxel sorts many times faster than rows of three."""
    lowest = zyx.min(axis=0)
    extents = zyx.max(axis=0) - lowest + 1
    place = np.unique(np.ravel_multi_index(tuple((zyx - lowest).T), tuple(extents)))
    voxels: Ints = np.stack(np.unravel_index(place, tuple(extents)), axis=1) + lowest
    return voxels


def _voxels(row: npt.NDArray[np.int32], height: int, x: npt.NDArray[np.integer]) -> Ints:
    return np.stack([row // height, row % height, x], axis=1).astype(np.int64)


def _some(zyx: Ints, limit: int, random: np.random.Generator) -> Ints:
    return random.choice(zyx, min(limit, len(zyx)), replace=False, axis=0, shuffle=False)
