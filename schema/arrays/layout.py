"""How volumes and labels lie in Zarr v3: chunks, shards, codecs, attributes. Any Zarr v3 reader opens them.

Concurrency is left to Zarr's own settings (`ZARR_ASYNC__CONCURRENCY`, `ZARR_THREADING__MAX_WORKERS`): its defaults,
ten chunks in flight a process, were as fast as any other value tried.
"""

from collections.abc import Sequence
from os import SEEK_END
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec

from schema.arrays.box import Index, align_box, box_slices
from schema.arrays.digest import FORMAT
from schema.arrays.runs import LabelRuns

CHUNK = 64
"""Voxels along each side of a chunk."""
AXES = ("z", "y", "x")
SHARD_INDEX_ENTRY = np.dtype([("offset", "<u8"), ("length", "<u8")])
CHECKSUM_BYTES = 4
NO_CHUNK = 2**64 - 1
"""The offset that a shard's index gives a chunk that was left out."""


def write_volume(path: Path, volume_zyx: NDArray[np.int16], digest: str) -> None:
    """Write a volume (z, y, x), int16, as a new Zarr array at `path`: one shard, blosc-zstd 3 with bitshuffle."""
    array = zarr.create_array(
        path,
        shape=volume_zyx.shape,
        dtype="int16",
        chunks=(CHUNK,) * 3,
        shards=_shard_shape(volume_zyx.shape),
        compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=2)],
        fill_value=0,
        dimension_names=AXES,
        attributes={"groundct": {"format": FORMAT, "digest": digest}},
        config={"write_empty_chunks": False},
    )
    array[...] = volume_zyx


def write_labels(path: Path, findings: Sequence[LabelRuns], shape_zyx: Index, digest: str) -> None:
    """Write labels as a new Zarr array (finding, z, y, x) at `path`: a shard a finding, zstd 3, no empty chunks.

    One finding's box of chunks is dense in memory at a time.
    """
    dtype = labels_dtype(findings)
    array = zarr.create_array(
        path,
        shape=(len(findings), *shape_zyx),
        dtype=dtype,
        chunks=(1, *(CHUNK,) * 3),
        shards=(1, *_shard_shape(shape_zyx)),
        compressors=[ZstdCodec(level=3, checksum=True)],
        fill_value=0,
        dimension_names=("finding", *AXES),
        attributes={"groundct": {"format": FORMAT, "digest": digest, "findings": [each.digest() for each in findings]}},
        config={"write_empty_chunks": False},
    )
    for index, finding in enumerate(findings):
        box = finding.box_zyx()
        if box is not None:
            aligned = align_box(box, CHUNK, shape_zyx)
            array[(index, *box_slices(aligned))] = finding.to_dense(aligned, dtype)


def labels_dtype(findings: Sequence[LabelRuns]) -> type[np.uint8 | np.uint16]:
    """The narrowest of uint8 and uint16 for all labels; ValueError when one is above 65535."""
    greatest = max((int(each.runs[:, 4].max(initial=0)) for each in findings), default=0)
    if greatest > np.iinfo(np.uint16).max:
        raise ValueError(f"labels up to 65535 can be stored, but one is {greatest}")
    return np.uint8 if greatest <= np.iinfo(np.uint8).max else np.uint16


def has_shard(path: Path, finding: int | None = None) -> bool:
    """Whether that file is there with something in it; Zarr reads an empty one as zeros."""
    shard = shard_path(path, finding)
    return shard.is_file() and shard.stat().st_size > 0


def shard_path(path: Path, finding: int | None = None) -> Path:
    """The file with a volume's voxels, or with one finding's labels; absent when all of them are 0."""
    lead = () if finding is None else (str(finding),)
    return path.joinpath("c", *lead, "0", "0", "0")


def filled_box(path: Path, finding: int, shape_zyx: Index) -> tuple[Index, Index] | None:
    """The half-open box (z, y, x) around the chunks that one finding's shard holds; None when it holds none.

    Read from the index at the shard's end, which Zarr itself checks as soon as a chunk is read.

    Raises:
        FileNotFoundError: the finding has no shard.
        ValueError: the file is too short to hold an index.
    """
    grid = [-(-size // CHUNK) for size in shape_zyx]
    chunks = int(np.prod(grid))
    with shard_path(path, finding).open("rb") as shard:
        length = chunks * SHARD_INDEX_ENTRY.itemsize + CHECKSUM_BYTES
        shard.seek(max(0, shard.seek(0, SEEK_END) - length))
        index = np.frombuffer(shard.read()[:-CHECKSUM_BYTES], SHARD_INDEX_ENTRY).reshape(grid)
    filled = np.argwhere(index["offset"] != NO_CHUNK)
    if not len(filled):
        return None
    z0, y0, x0 = (int(start) * CHUNK for start in filled.min(axis=0))
    z1, y1, x1 = (int(stop) * CHUNK + CHUNK for stop in filled.max(axis=0))
    return align_box(((z0, y0, x0), (z1, y1, x1)), CHUNK, shape_zyx)


def stored_attributes(array: "zarr.Array[Any]") -> dict[str, Any]:
    """GroundCT's own attributes of an array; empty when it has none."""
    found = array.attrs.get("groundct")
    return dict(found) if isinstance(found, dict) else {}


def _shard_shape(shape_zyx: Sequence[int]) -> tuple[int, ...]:
    return tuple(-(-size // CHUNK) * CHUNK for size in shape_zyx)
