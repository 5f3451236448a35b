"""The smallest box around every label, from runs."""

import numpy as np

from compute.kernels.runs import LABEL, ROW, START, STOP, Runs
from compute.kernels.volumes import Ints


def label_boxes(runs: Runs, height: int) -> dict[int, tuple[Ints, Ints]]:
    """Label to its first voxel and one past its last one, z, y, x, each of shape (3,), ascending; no runs give none.

    Args:
        runs: (n,4), of a volume with `height` rows a slice.
    """
    labels, group = np.unique(runs[:, LABEL], return_inverse=True)
    z, y = np.divmod(runs[:, ROW].astype(np.int64), height)
    low = np.full((len(labels), 3), np.iinfo(np.int64).max)
    high = np.zeros((len(labels), 3), np.int64)
    np.minimum.at(low, group, np.stack([z, y, runs[:, START]], axis=1))
    np.maximum.at(high, group, np.stack([z + 1, y + 1, runs[:, STOP]], axis=1))
    return {int(label): (low[n], high[n]) for n, label in enumerate(labels)}
