"""Our shards against zarr-python's: each reads what the other wrote."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.arrays.box import box_slices
from schema.arrays.layout import chunk_grid, volume_document
from schema.arrays.parts import volume_parts
from schema.arrays.place import Reach
from schema.arrays.shards import (
    NO_CHUNK,
    Shard,
    chunks_of,
    encode_shard,
    filled_box,
    index_bytes,
    parse_index,
    read_box,
)

REACHES = st.builds(Reach, st.just(2), st.integers(1, 10**6), st.integers(0, 10**6))


@st.composite
def volumes_and_boxes(draw):
    shape = tuple(draw(st.integers(1, 140)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    volume = rng.integers(-1000, 1000, shape).astype(np.int16)
    for chunk in chunks_of(((0, 0, 0), shape)):
        if rng.integers(2):
            volume[tuple(slice(n * 64, n * 64 + 64) for n in chunk)] = 0
    starts = [draw(st.integers(0, size)) for size in shape]
    stops = [draw(st.integers(start, size)) for start, size in zip(starts, shape, strict=True)]
    return volume, (tuple(starts), tuple(stops))


def opened(shard, grid, dtype=np.int16):
    index = parse_index(shard[-index_bytes(grid) :], grid)
    return Shard("c/0/0/0", "v", index, np.dtype(dtype)), lambda start, stop: shard[start:stop]


@given(volumes_and_boxes(), REACHES)
@settings(max_examples=40, deadline=None)
def test_any_box_is_what_was_written(case, reach):
    volume, box = case
    parts = volume_parts(volume, volume.shape, "0" * 64)
    expected = volume[box_slices(box)]
    if "c/0/0/0" not in parts:
        assert not volume.any()
        return
    shard, read = opened(b"".join(parts["c/0/0/0"]), chunk_grid(volume.shape))
    np.testing.assert_array_equal(read_box(shard, box, read, reach), expected)


@given(volumes_and_boxes())
@settings(max_examples=15, deadline=None)
def test_zarr_reads_what_we_write_and_we_what_zarr_writes(case):
    volume, box = case
    parts = volume_parts(volume, volume.shape, "0" * 64)
    ours = zarr.storage.MemoryStore({name: as_buffer(b"".join(pieces)) for name, pieces in parts.items()})
    np.testing.assert_array_equal(zarr.open_array(ours, mode="r")[box_slices(box)], volume[box_slices(box)])

    theirs = zarr.storage.MemoryStore({"zarr.json": as_buffer(volume_document(volume.shape, "0" * 64))})
    zarr.open_array(theirs, mode="r+", config={"write_empty_chunks": False})[...] = volume
    if volume.any():
        shard, read = opened(theirs._store_dict["c/0/0/0"].to_bytes(), chunk_grid(volume.shape))
        found = read_box(shard, box, read, Reach(2, 2**20, 2**15))
        np.testing.assert_array_equal(found, volume[box_slices(box)])
    else:
        assert "c/0/0/0" not in theirs._store_dict


def as_buffer(content):
    return zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(content)


def test_a_shard_of_nothing_has_no_pieces():
    assert encode_shard((1, 1, 2), [(0, 0, 1)], lambda _chunk: np.zeros((64, 64, 64), np.uint8)) == []


def test_an_index_says_where_chunks_lie():
    pieces = encode_shard((2, 1, 2), [(1, 0, 0)], lambda _chunk: np.ones((64, 64, 64), np.uint8))
    index = parse_index(pieces[-1], (2, 1, 2))
    assert index[1, 0, 0].item() == (0, len(pieces[0]))
    assert (index["offset"] == NO_CHUNK).sum() == 3
    assert filled_box(index) == ((1, 0, 0), (2, 1, 1))
    assert filled_box(index[:1]) is None


@pytest.mark.parametrize("content", [b"", b"x" * 19, b"x" * 20, b"x" * 21])
def test_what_is_no_index(content):
    with pytest.raises(ValueError, match="index"):
        parse_index(content, (1, 1, 1))


def test_neighbours_are_read_at_once_and_gaps_read_through():
    pieces = encode_shard((1, 1, 4), list(chunks_of(((0, 0, 0), (1, 1, 256)))), noisy_chunk)
    sizes = [len(piece) for piece in pieces[:-1]]
    shard, read = opened(b"".join(pieces), (1, 1, 4), np.uint8)
    box = (0, 0, 0), (64, 64, 256)
    calls = []

    def counted(start, stop):
        calls.append((start, stop))
        return read(start, stop)

    read_box(shard, box, counted, Reach(2, sum(sizes), 0))
    assert calls == [(0, sum(sizes))]
    calls.clear()
    read_box(shard, box, counted, Reach(2, sizes[0] + sizes[1], 0))
    assert sorted(calls) == [(0, sum(sizes[:2])), (sum(sizes[:2]), sum(sizes))]


def noisy_chunk(chunk):
    return np.random.default_rng(chunk[2]).integers(0, 255, (64, 64, 64)).astype(np.uint8)


def test_an_empty_box_touches_nothing():
    assert list(chunks_of(((0, 0, 0), (0, 64, 64)))) == []
    assert list(chunks_of(((63, 0, 0), (65, 1, 1)))) == [(0, 0, 0), (1, 0, 0)]
