"""Several drawings of one volume, laid over each other."""

from collections.abc import Sequence

import numpy as np

from compute.kernels.borders import union_runs
from compute.kernels.runs import ROW, START, STOP, Runs
from compute.kernels.volumes import Ints


def summed_votes(drawings: Sequence[Runs], weights: Sequence[int]) -> Runs:
    """Give runs of equal sums: of every voxel that a drawing labels, the weights of those that do, whatever the labels.

    Args:
        drawings: (n,4) each, in the frame of the whole volume; at least one, which may be empty.
        weights: one for each, above 0.

    Returns:
        (m,4), in order, with the sum in place of the label.
    """
    edges = np.concatenate([_edges(union_runs(runs), weight) for runs, weight in zip(drawings, weights, strict=True)])
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    sums = np.cumsum(edges[:, 2])[:-1]
    begin, end = edges[:-1], edges[1:]
    kept = (sums > 0) & (begin[:, 1] < end[:, 1])
    parts = (begin[kept, 0], begin[kept, 1], end[kept, 1], sums[kept])
    return np.stack(parts, axis=1).astype(np.int32)


def _edges(runs: Runs, weight: int) -> Ints:
    """(row, x, weight) where each run begins and (row, x, -weight) where it ends."""
    begin = np.stack([runs[:, ROW], runs[:, START], np.full(len(runs), weight)], axis=1)
    end = np.stack([runs[:, ROW], runs[:, STOP], np.full(len(runs), -weight)], axis=1)
    return np.concatenate([begin, end]).astype(np.int64)
