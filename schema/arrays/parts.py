"""From voxels to the parts that are stored: `zarr.json` and shards."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schema.arrays.box import Index
from schema.arrays.layout import CHUNK, chunk_grid, labels_document, labels_dtype, shard_name, volume_document
from schema.arrays.loops import fill_runs, mark_chunks
from schema.arrays.place import METADATA, Parts
from schema.arrays.runs import DenseLabels, LabelRuns
from schema.arrays.shards import CHUNK_SHAPE, chunks_of, encode_shard


def volume_parts(volume_zyx: NDArray[np.int16], shape_zyx: Index, digest: str) -> Parts:
    """The parts of a volume (z, y, x), int16; it is not copied as a whole."""

    def chunk_at(chunk: Index) -> NDArray[np.int16]:
        z, y, x = (n * CHUNK for n in chunk)
        return _padded(volume_zyx[z : z + CHUNK, y : y + CHUNK, x : x + CHUNK])

    shard = encode_shard(chunk_grid(shape_zyx), list(chunks_of(((0, 0, 0), shape_zyx))), chunk_at)
    return {METADATA: [volume_document(shape_zyx, digest)], **({shard_name(None): shard} if shard else {})}


def labels_parts(findings: Sequence[LabelRuns], leaves: Sequence[str], shape_zyx: Index, digest: str) -> Parts:
    """The parts of labels (finding, z, y, x); `leaves` are the findings' digests. Only chunks with labels get dense."""
    dtype = labels_dtype(findings)
    parts = {METADATA: [labels_document(shape_zyx, dtype, digest, leaves)]}
    for n, finding in enumerate(findings):
        if shard := _labels_shard(finding, shape_zyx, dtype):
            parts[shard_name(n)] = shard
    return parts


def _labels_shard(finding: LabelRuns, shape_zyx: Index, dtype: str) -> list[bytes]:
    grid = chunk_grid(shape_zyx)
    marks = np.zeros(grid, np.bool_)
    mark_chunks(marks, finding.runs, CHUNK)
    planes = np.searchsorted(finding.runs[:, 0], np.arange(grid[0] + 1) * CHUNK)

    def chunk_at(chunk: Index) -> DenseLabels:
        z, y, x = chunk
        dense = np.zeros(CHUNK_SHAPE, dtype)
        fill_runs(dense, finding.runs[planes[z] : planes[z + 1]], z * CHUNK, y * CHUNK, x * CHUNK)
        return dense

    filled = [(z, y, x) for z, y, x in np.argwhere(marks).tolist()]
    return encode_shard(grid, filled, chunk_at)


def _padded(part: NDArray[np.int16]) -> NDArray[np.int16]:
    if part.shape == CHUNK_SHAPE:
        return np.ascontiguousarray(part, "<i2")
    whole = np.zeros(CHUNK_SHAPE, "<i2")
    z, y, x = part.shape
    whole[:z, :y, :x] = part
    return whole
