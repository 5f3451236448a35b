"""Shards: chunks of 64 voxels a side one after another, and behind them an index of where each lies.

This is Zarr's codec `sharding_indexed` for the two chains of codecs that GroundCT stores: read and written here,
chunk by chunk on all cores, because zarr-python needs several times as long for it (see `benchmarks/store.py`).
Tests hold both against zarr-python.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

from schema.arrays.box import Box, Index, box_shape
from schema.arrays.layout import CHUNK, LABELS_LEVEL, VOLUME_LEVEL
from schema.arrays.place import Reach, ReadRange
from schema.arrays.threads import workers

Voxels = NDArray[np.int16 | np.uint8 | np.uint16]
CHUNK_SHAPE = (CHUNK, CHUNK, CHUNK)
INDEX_ENTRY = np.dtype([("offset", "<u8"), ("length", "<u8")])
CHECKSUM_BYTES = 4
NO_CHUNK = 2**64 - 1
"""The offset and the length that the index gives a chunk that was left out."""

_VOLUME_CODEC = Blosc("zstd", clevel=VOLUME_LEVEL, shuffle=Blosc.BITSHUFFLE)
_LABELS_CODEC = Zstd(level=LABELS_LEVEL, checksum=True)


@dataclass(frozen=True)
class Shard:
    """What is known of a stored shard: its name and version, its index (z, y, x) in chunks, the voxels' dtype."""

    name: str
    version: str
    index: NDArray[np.void]
    dtype: "np.dtype[Any]"


def encode_shard(grid: Index, chunks: Iterable[Index], chunk_at: Callable[[Index], Voxels]) -> list[bytes]:
    """The pieces of a shard of `grid` chunks, of which these may hold something; none where nothing does.

    `chunk_at` gives a C-order chunk, padded with 0 to its full size, and is called from several threads.
    """
    index = np.full(grid, NO_CHUNK, np.uint64).astype(INDEX_ENTRY)
    pieces: list[bytes] = []
    offset = 0
    wanted = list(chunks)
    for place, encoded in zip(wanted, workers().map(lambda one: _encode(chunk_at(one)), wanted), strict=True):
        if encoded is not None:
            index[place] = offset, len(encoded)
            pieces.append(encoded)
            offset += len(encoded)
    return [*pieces, _encode_index(index)] if pieces else []


def index_bytes(grid: Index) -> int:
    """The length of the index at a shard's end."""
    return grid[0] * grid[1] * grid[2] * INDEX_ENTRY.itemsize + CHECKSUM_BYTES


def parse_index(content: bytes, grid: Index) -> NDArray[np.void]:
    """The index (z, y, x) at the end of a shard; ValueError where it is too short, or not what was written."""
    entries, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    if len(content) != index_bytes(grid):
        raise ValueError(f"{len(content)} bytes hold no index of {grid} chunks")
    if google_crc32c.value(entries) != int.from_bytes(checksum, "little"):
        raise ValueError("the shard's index does not give its checksum")
    return np.frombuffer(entries, INDEX_ENTRY).reshape(grid)


def filled_box(index: NDArray[np.void]) -> Box | None:
    """The half-open box (z, y, x), in chunks, around those that a shard holds; None when it holds none."""
    filled = np.argwhere(index["offset"] != NO_CHUNK)
    if not len(filled):
        return None
    z0, y0, x0 = filled.min(axis=0).tolist()
    z1, y1, x1 = filled.max(axis=0).tolist()
    return (z0, y0, x0), (z1 + 1, y1 + 1, x1 + 1)


def chunks_of(box: Box) -> Iterator[Index]:
    """The chunks that a box of voxels touches, in C order; none for an empty box."""
    if all(start < stop for start, stop in zip(*box, strict=True)):
        yield from product(*(range(start // CHUNK, -(-stop // CHUNK)) for start, stop in zip(*box, strict=True)))


def read_box(shard: Shard, box: Box, read: ReadRange, reach: Reach) -> Voxels:
    """The voxels (z, y, x) of a box; chunks that were left out are 0."""
    out = np.zeros(box_shape(box), shard.dtype)
    read_chunks(shard, list(chunks_of(box)), read, reach, partial(place_chunk, out, box))
    return out


def place_chunk(out: Voxels, box: Box, chunk: Index, voxels: Voxels) -> None:
    """Copy what of a chunk lies within the box into `out`, which is the box's voxels."""
    inside, target = zip(*map(_overlap, chunk, *box), strict=True)
    out[target] = voxels[inside]


def read_chunks(
    shard: Shard, chunks: Sequence[Index], read: ReadRange, reach: Reach, take: Callable[[Index, Voxels], None]
) -> None:
    """Hand each of the chunks that the shard holds to `take`, from several threads, in full size, read-only."""
    spans = list(_spans(shard.index, chunks, reach))

    def fetch(span: Sequence[tuple[int, int, Index]]) -> None:
        first = span[0][0]
        content = memoryview(read(first, span[-1][0] + span[-1][1]))
        for offset, length, chunk in span:
            take(chunk, _decode(content[offset - first : offset - first + length], shard.dtype))

    if len(spans) < 2:
        for span in spans:
            fetch(span)
    else:
        list(workers(reach.threads).map(fetch, spans))


def _spans(index: NDArray[np.void], chunks: Sequence[Index], reach: Reach) -> Iterator[list[tuple[int, int, Index]]]:
    """Chunks (offset, length, place) that are read together, in the order in which they lie."""
    span: list[tuple[int, int, Index]] = []
    for offset, length, chunk in sorted((*index[chunk].item(), chunk) for chunk in chunks):
        if offset == NO_CHUNK:
            break
        if span and _apart(span[0][0], span[-1][0] + span[-1][1], offset, offset + length, reach):
            yield span
            span = []
        span.append((offset, length, chunk))
    if span:
        yield span


def _apart(first: int, end: int, offset: int, stop: int, reach: Reach) -> bool:
    return offset - end > reach.gap_bytes or stop - first > reach.range_bytes


def _overlap(chunk: int, start: int, stop: int) -> tuple[slice, slice]:
    """Along one axis: what of a chunk lies within start <= n < stop, and where it goes."""
    origin = chunk * CHUNK
    low, high = max(start, origin), min(stop, origin + CHUNK)
    return slice(low - origin, high - origin), slice(low - start, high - start)


def _encode(chunk: Voxels) -> bytes | None:
    if not chunk.any():
        return None
    codec = _VOLUME_CODEC if chunk.dtype == np.int16 else _LABELS_CODEC
    return bytes(codec.encode(chunk))


def _decode(content: memoryview, dtype: "np.dtype[Any]") -> Voxels:
    codec = _VOLUME_CODEC if dtype == np.int16 else _LABELS_CODEC
    return np.frombuffer(codec.decode(content), dtype).reshape(CHUNK_SHAPE)


def _encode_index(index: NDArray[np.void]) -> bytes:
    entries = index.tobytes()
    checksum: int = google_crc32c.value(entries)
    return entries + checksum.to_bytes(CHECKSUM_BYTES, "little")
