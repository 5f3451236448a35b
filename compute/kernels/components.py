"""Connected components inside every label, by joining runs of neighbouring rows. Memory grows with the runs only."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import LABEL, Runs
from compute.kernels.volumes import Ints

CONNECTIVITIES = (6, 18, 26)

_Steps: TypeAlias = tuple[tuple[int, int, int], ...]

# (dz, dy, reach): rows so far apart join runs that overlap after one of them grew by `reach` voxels at both ends.
# Each connectivity holds the one before it, so its steps come on top.
_FACES: _Steps = ((0, 1, 0), (1, 0, 0))
_EDGES: _Steps = ((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, -1, 0))
_CORNERS: _Steps = ((1, 1, 1), (1, -1, 1))
_STEPS = (_FACES, _EDGES, _CORNERS)


def component_counts(runs: Runs, height: int) -> tuple[Ints, Ints]:
    """How many connected components each label falls into; voxels of different labels never join.

    Args:
        runs: the table of an array's runs.
        height: the array's extent along y.

    Returns:
        The n labels that occur, ascending, shape (n,), and their components under neighbourhoods of 6 (faces),
        18 (and edges) and 26 (and corners) voxels, shape (n,3). Without runs, n = 0.
    """
    present, which = np.unique(runs[:, LABEL], return_inverse=True)
    parent = np.arange(len(runs), dtype=np.int32)
    counts = np.empty((len(present), 3), np.int64)
    for column, steps in enumerate(_STEPS):
        _join(runs, height, steps, parent)
        counts[:, column] = np.bincount(which[_is_root(parent)], minlength=len(present))
    return present.astype(np.int64), counts


def component_roots(runs: Runs, height: int, connectivity: int = 6) -> npt.NDArray[np.int32]:
    """For each of n runs the index of its component's first run, shape (n,).

    Args:
        runs: the table of an array's runs.
        height: the array's extent along y.
        connectivity: 6, 18 or 26.
    """
    parent = np.arange(len(runs), dtype=np.int32)
    for more in _STEPS[: CONNECTIVITIES.index(connectivity) + 1]:
        _join(runs, height, more, parent)
    _flatten(parent)
    return parent


def _join(runs: Runs, height: int, steps: _Steps, parent: npt.NDArray[np.int32]) -> None:
    for step in steps:
        _unite(runs, height, step, parent)


def _is_root(parent: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    return np.equal(parent, np.arange(len(parent)))


@njit(cache=True, nogil=True)
def _unite(runs: Runs, height: int, step: tuple[int, int, int], parent: npt.NDArray[np.int32]) -> None:
    dz, dy, reach = step
    near = 0
    for n in range(len(runs)):
        row, start, stop, label = runs[n]
        if not 0 <= row % height + dy < height:
            continue
        other = row + dz * height + dy
        near = _first_touching(runs, near, other, start - reach)
        m = near
        while m < len(runs) and runs[m, 0] == other and runs[m, 1] < stop + reach:
            if runs[m, 3] == label:
                _link(parent, n, m)
            m += 1


@njit(cache=True, nogil=True)
def _first_touching(runs: Runs, n: int, row: int, x: int) -> int:
    """The first run from n on that stands behind `row`, or in it and ends behind x."""
    while n < len(runs) and (runs[n, 0] < row or (runs[n, 0] == row and runs[n, 2] <= x)):
        n += 1
    return n


@njit(cache=True, nogil=True)
def _link(parent: npt.NDArray[np.int32], n: int, m: int) -> None:
    n, m = _root(parent, n), _root(parent, m)
    parent[max(n, m)] = min(n, m)


@njit(cache=True, nogil=True)
def _root(parent: npt.NDArray[np.int32], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@njit(cache=True, nogil=True)
def _flatten(parent: npt.NDArray[np.int32]) -> None:
    # A parent is never behind its child, so one sweep forwards finds every parent flat already.
    for n in range(len(parent)):
        parent[n] = parent[parent[n]]
