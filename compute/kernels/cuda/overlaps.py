"""The joint histogram of two label arrays, on a device: the twin of `compute.kernels.overlaps`."""

import numpy as np
import numpy.typing as npt

from compute.kernels.cuda.devices import THREADS, Device, DeviceArray
from compute.kernels.overlaps import Overlaps
from compute.kernels.runs import LABEL, Runs, run_lengths
from compute.kernels.volumes import Ints


def count_overlaps_on(truth: Runs, prediction: Runs, device: Device) -> Overlaps:
    """As `count_overlaps`, in equal integers; takes 8 bytes of the device for each pair of labels."""
    (truth_labels, truth_runs, truth_voxels), (labels, runs, voxels) = (_by_index(each) for each in (truth, prediction))
    if len(truth) == 0 or len(prediction) == 0:
        return Overlaps(truth_labels, truth_voxels, labels, voxels, np.empty((0, 2), np.int64), np.empty(0, np.int64))
    sizes = np.array([len(truth), len(prediction), len(labels)], np.int64)
    shared = device.zeros(len(truth_labels) * len(labels), np.uint64)
    arrays = [_upload(each, device) for each in (truth_runs, runs, sizes)]
    device.launch("overlap", -(-len(truth) // THREADS), *arrays, shared)
    table = device.download(shared).astype(np.int64).reshape(len(truth_labels), len(labels))
    pairs = np.argwhere(table)
    return Overlaps(truth_labels, truth_voxels, labels, voxels, pairs, table[tuple(pairs.T)])


def _by_index(runs: Runs) -> tuple[Ints, Runs, Ints]:
    """The labels that occur, the runs with the indexes of their labels instead, and the voxels of each label."""
    labels, index = np.unique(runs[:, LABEL], return_inverse=True)
    voxels = np.bincount(index, weights=run_lengths(runs), minlength=len(labels)).astype(np.int64)
    indexed = runs.copy()
    indexed[:, LABEL] = index
    return labels.astype(np.int64), indexed, voxels


def _upload(array: npt.NDArray[np.int32] | Ints, device: Device) -> DeviceArray:
    host = device.empty_host(array.nbytes)
    host[:] = np.ascontiguousarray(array).view(np.uint8).ravel()
    return device.upload(host)
