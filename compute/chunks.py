"""Label arrays in memory, in Dask or in Zarr, as the runs that everything is measured from."""

from itertools import product
from typing import Any

import dask
import numpy as np
from dask.array import Array as DaskArray

from compute.kernels.runs import Runs, join_runs, label_runs, place_runs
from compute.kernels.volumes import check_labels
from schema.arrays.box import Index, parse_shape


def array_runs(labels_zyx: Any) -> Runs:
    """The runs of a label array (z, y, x), uint8, uint16 or bool, 0 = background.

    A Dask array is read chunk by chunk on Dask's scheduler; how it is chunked makes no difference. Anything else that
    NumPy can read is read whole.

    Raises:
        ValueError: not three axes, or another dtype.
    """
    if not isinstance(labels_zyx, DaskArray):
        return label_runs(check_labels(np.asarray(labels_zyx)))
    shape = parse_shape(labels_zyx.shape)
    chunks = product(*(_starts(sizes) for sizes in labels_zyx.chunks))
    blocks = labels_zyx.to_delayed().ravel()
    parts = [dask.delayed(_chunk_runs)(block, start, shape) for block, start in zip(blocks, chunks, strict=True)]
    return join_runs(dask.compute(*parts))


def _starts(sizes: tuple[int, ...]) -> list[int]:
    return [sum(sizes[:n]) for n in range(len(sizes))]


def _chunk_runs(chunk: Any, origin_zyx: Index, volume_zyx: Index) -> Runs:
    runs = label_runs(check_labels(chunk))
    return place_runs(runs, chunk.shape, origin_zyx=origin_zyx, volume_zyx=volume_zyx)
