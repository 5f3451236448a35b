"""The instances of a prediction without labels: its connected components, named, sifted by size and capped."""

import numpy as np
import numpy.typing as npt

from compute.kernels.borders import union_runs
from compute.kernels.components import component_roots
from compute.kernels.runs import LABEL, ROW, START, Runs, run_lengths
from compute.kernels.volumes import Ints, Triple


def component_instances(
    runs: Runs, shape_zyx: Triple, *, connectivity: int, min_voxels: int = 0, cap: int | None = None
) -> Runs:
    """The connected components of all labelled voxels, whatever their labels, as labels 1, 2, ...

    Components are named after the size filter, in the order of their first voxels in an array (i,j,k) in C-order,
    where k runs fastest: the order that scipy.ndimage.label gives a NIfTI array. The cap keeps the largest ones under
    the names that they have, of equal ones those named first.

    Args:
        runs: (n,4), in the frame of the whole volume.
        shape_zyx: the volume's shape.
        connectivity: 6, 18 or 26 neighbours.
        min_voxels: components of fewer voxels are dropped.
        cap: how many are kept at most; None: all.

    Returns:
        The runs of what is kept, in the same order; without any, an empty table.
    """
    flat = union_runs(runs)
    component = _numbered(component_roots(flat, shape_zyx[1], connectivity))
    voxels = _voxels(flat, component)
    names = _names(voxels >= max(min_voxels, 1), _first_voxels(flat, component, len(voxels), shape_zyx))
    names[_beyond(cap, names, voxels)] = 0
    flat[:, LABEL] = names[component]
    return flat[flat[:, LABEL] > 0]


def kept_labels(runs: Runs, *, min_voxels: int = 0, cap: int | None = None) -> Runs:
    """The runs of labels of so many voxels at least, and of the largest ones under the cap, of equal ones the lower."""
    labels, index = np.unique(runs[:, LABEL], return_inverse=True)
    voxels = _voxels(runs, index)
    names = np.where(voxels >= min_voxels, labels.astype(np.int64), 0)
    names[_beyond(cap, names, voxels)] = 0
    return runs[names[index] > 0]


def _numbered(roots: npt.NDArray[np.int32]) -> Ints:
    """For each run the number of its component, 0, 1, ... by their first runs."""
    number: Ints = np.cumsum(roots == np.arange(len(roots))) - 1
    return number[roots]


def _voxels(runs: Runs, group: Ints) -> Ints:
    return np.bincount(group, weights=run_lengths(runs)).astype(np.int64)


def _first_voxels(runs: Runs, component: Ints, count: int, shape_zyx: Triple) -> Ints:
    """For each component its first voxel's place in the array (i,j,k), in C-order. It is the start of a run."""
    depth, height, width = shape_zyx
    z, y = np.divmod(runs[:, ROW].astype(np.int64), height)
    place = (runs[:, START] * np.int64(height) + y) * depth + z
    first = np.full(count, width * height * depth, np.int64)
    np.minimum.at(first, component, place)
    return first


def _names(kept: npt.NDArray[np.bool_], first: Ints) -> Ints:
    """1, 2, ... for those that are kept, by their first voxels; 0 for the others."""
    names = np.zeros(len(first), np.int64)
    order = np.flatnonzero(kept)[np.argsort(first[kept])]
    names[order] = np.arange(1, len(order) + 1)
    return names


def _beyond(cap: int | None, names: Ints, voxels: Ints) -> Ints:
    """Those with a name that are smaller than the `cap` largest ones with a name; none without a cap."""
    named = np.flatnonzero(names)
    return named[np.lexsort((names[named], -voxels[named]))][len(named) if cap is None else cap :]
