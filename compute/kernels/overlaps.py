"""What two label arrays share: the voxels of each label of either, and of each pair that meets, in one joint pass."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import LABEL, ROW, START, STOP, Runs, run_lengths
from compute.kernels.volumes import Floats, Ints


@dataclass(frozen=True)
class Overlaps:
    """The joint histogram of two label arrays without background: n labels of the truth, m of the prediction."""

    truth_labels: Ints
    """(n,) ascending."""
    truth_voxels: Ints
    """(n,), at least 1 each."""
    prediction_labels: Ints
    """(m,) ascending."""
    prediction_voxels: Ints
    """(m,), at least 1 each."""
    pairs: Ints
    """(p,2) indexes into the labels of the truth and of the prediction, of the pairs that share voxels, ascending."""
    shared_voxels: Ints
    """(p,), at least 1 each."""

    def dice(self, epsilon: float = 0.0) -> Floats:
        """The Dice of each of the p pairs, shape (p,)."""
        truth, prediction = self._voxels_of_pairs()
        return dice(self.shared_voxels, truth, prediction, epsilon)

    def iou(self) -> Floats:
        """The intersection over union of each of the p pairs, shape (p,)."""
        truth, prediction = self._voxels_of_pairs()
        return iou(self.shared_voxels, truth, prediction)

    def _voxels_of_pairs(self) -> tuple[Ints, Ints]:
        return self.truth_voxels[self.pairs[:, 0]], self.prediction_voxels[self.pairs[:, 1]]


def count_overlaps(truth: Runs, prediction: Runs) -> Overlaps:
    """The joint histogram of two tables of runs of the same volume, by merging them once; no voxel is looked at.

    A table without runs has no labels and no pairs.
    """
    truth_labels, truth_index, truth_voxels = _by_label(truth)
    prediction_labels, prediction_index, prediction_voxels = _by_label(prediction)
    met = _meetings(truth, prediction)
    code = truth_index[met[:, 0]] * max(1, len(prediction_labels)) + prediction_index[met[:, 1]]
    codes, which = np.unique(code, return_inverse=True)
    pairs = np.stack(np.divmod(codes, max(1, len(prediction_labels))), axis=1)
    shared = np.bincount(which, weights=met[:, 2], minlength=len(codes)).astype(np.int64)
    return Overlaps(truth_labels, truth_voxels, prediction_labels, prediction_voxels, pairs, shared)


def dice(shared: npt.ArrayLike, one: npt.ArrayLike, other: npt.ArrayLike, epsilon: float = 0.0) -> Floats:
    """2 x shared / (one + other), of voxels of two sets and of what they share; 1 where both sets are empty.

    Args:
        shared: voxels that both sets hold; broadcasts with the others.
        one: voxels of one set.
        other: voxels of the other.
        epsilon: added above and below, as some evaluators do.
    """
    both = np.asarray(one) + np.asarray(other)
    return np.where(both == 0, 1.0, (2 * np.asarray(shared) + epsilon) / (np.where(both == 0, 1, both) + epsilon))


def iou(shared: npt.ArrayLike, one: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    """Shared / (one + other - shared), also called Jaccard's index; 1 where both sets are empty."""
    union = np.asarray(one) + np.asarray(other) - np.asarray(shared)
    return np.where(union == 0, 1.0, np.asarray(shared) / np.where(union == 0, 1, union))


def _by_label(runs: Runs) -> tuple[Ints, Ints, Ints]:
    """The labels that occur, for each run the index of its label, and the voxels of each label."""
    labels, index = np.unique(runs[:, LABEL], return_inverse=True)
    voxels = np.bincount(index, weights=run_lengths(runs), minlength=len(labels)).astype(np.int64)
    return labels.astype(np.int64), index.astype(np.int64), voxels


def _meetings(truth: Runs, prediction: Runs) -> Ints:
    """(k,3): each two runs that share voxels, by their indexes, and how many they share."""
    met: Ints = _merge(truth, prediction, np.empty((len(truth) + len(prediction), 3), np.int64))
    return met


@njit(cache=True, nogil=True)
def _merge(truth: Runs, prediction: Runs, met: Ints) -> Ints:
    # Whichever run ends first meets nothing further, so there are fewer meetings than runs.
    n = m = count = 0
    while n < len(truth) and m < len(prediction):
        row, other = truth[n, ROW], prediction[m, ROW]
        if row == other:
            shared = min(truth[n, STOP], prediction[m, STOP]) - max(truth[n, START], prediction[m, START])
            if shared > 0:
                met[count, 0], met[count, 1], met[count, 2] = n, m, shared
                count += 1
        if row < other or (row == other and truth[n, STOP] <= prediction[m, STOP]):
            n += 1
        else:
            m += 1
    return met[:count]
