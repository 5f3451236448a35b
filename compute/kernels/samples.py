"""A few voxels that stand for a finding: some of those inside it, and some of the shell around it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compute.kernels.runs import ROW, START, STOP, Runs, label_runs, run_lengths
from compute.kernels.volumes import Ints, Triple, check_inside, check_labels

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


def sample_inside_and_shell(
    labels_zyx: npt.NDArray[np.generic],
    *,
    origin_zyx: Triple = (0, 0, 0),
    shape_zyx: Triple | None = None,
    limit: int = 2000,
    seed: int = 0,
) -> VoxelSamples:
    """Up to `limit` labelled voxels, uniformly chosen, and up to `limit` background voxels at most 3 away from them.

    The shell's are reached by random steps of up to 3 voxels an axis from the ends of runs, so they are not uniform:
    closer ones come more often. The same arguments give the same voxels.

    Args:
        labels_zyx: (z,y,x), uint8, uint16 or bool, 0 = background; the volume, or a crop that holds all its labels.
        origin_zyx: where the crop's first voxel stands in the volume.
        shape_zyx: the volume's shape, which the shell does not leave; the array's own without it.
        limit: of each kind.
        seed: of NumPy's default generator.

    Returns:
        Both empty without labels; an empty shell where nothing is left around them.

    Raises:
        ValueError: not three axes, another dtype, or a crop that leaves the volume.
    """
    labels = check_labels(labels_zyx)
    volume = shape_zyx or labels.shape
    check_inside(labels.shape, origin_zyx=origin_zyx, volume_zyx=volume)
    runs, random = label_runs(labels), np.random.default_rng(seed)
    if len(runs) == 0:
        return VoxelSamples(_no_voxels(), _no_voxels(), voxels=0)
    inside = _inside(runs, labels.shape[1], limit, random)
    shell = _unlabelled(_around(runs, labels.shape[1], limit, random), labels)
    shell += np.array(origin_zyx)
    shell = _some(shell[_is_within(shell, volume)], limit, random)
    return VoxelSamples(inside + np.array(origin_zyx), shell, voxels=int(run_lengths(runs).sum()))


def _no_voxels() -> Ints:
    return np.empty((0, 3), np.int64)


def _inside(runs: Runs, height: int, limit: int, random: np.random.Generator) -> Ints:
    ends = np.cumsum(run_lengths(runs), dtype=np.int64)
    total = int(ends[-1])
    rank = random.choice(total, min(limit, total), replace=False, shuffle=False)
    run = np.searchsorted(ends, rank, side="right")
    return _voxels(runs[run, ROW], height, runs[run, STOP] - (ends[run] - rank))


def _around(runs: Runs, height: int, limit: int, random: np.random.Generator) -> Ints:
    """Random steps away from random ends of runs, without those that came twice."""
    draws = _DRAWS_A_SAMPLE * limit
    run = runs[random.integers(len(runs), size=draws)]
    x = np.where(random.integers(2, size=draws), run[:, START], run[:, STOP] - 1)
    steps = random.integers(-SHELL_VOXELS, SHELL_VOXELS + 1, size=(draws, 3))
    return np.unique(_voxels(run[:, ROW], height, x) + steps, axis=0)


def _voxels(row: npt.NDArray[np.int32], height: int, x: npt.NDArray[np.integer]) -> Ints:
    return np.stack([row // height, row % height, x], axis=1).astype(np.int64)


def _unlabelled(zyx: Ints, labels: npt.NDArray[np.generic]) -> Ints:
    """Those that have no label: outside the crop nothing has one."""
    within = _is_within(zyx, labels.shape)
    known = zyx[within]
    return np.concatenate([zyx[~within], known[labels[tuple(known.T)] == 0]])


def _is_within(zyx: Ints, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    return np.asarray(((zyx >= 0) & (zyx < shape)).all(axis=1))


def _some(zyx: Ints, limit: int, random: np.random.Generator) -> Ints:
    return random.choice(zyx, min(limit, len(zyx)), replace=False, axis=0, shuffle=False)
