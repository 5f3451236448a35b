import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.arrays import opened
from schema.arrays.box import box_slices
from schema.errors import ArrayCorrupt

SHAPE = (130, 70, 200)
VOLUME = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16)
VOLUME[:64, :64, :64] = 0


@pytest.fixture
def counted(monkeypatch):
    """The chunks that were decoded, in the order in which they were asked for."""
    asked = []
    real = opened.read_chunks

    def read_chunks(shard, chunks, *rest):
        asked.extend(chunks)
        real(shard, chunks, *rest)

    monkeypatch.setattr(opened, "read_chunks", read_chunks)
    return asked


@st.composite
def boxes(draw):
    starts = [draw(st.integers(0, size)) for size in SHAPE]
    return tuple(starts), tuple(draw(st.integers(a, b)) for a, b in zip(starts, SHAPE, strict=True))


@given(st.lists(boxes(), max_size=5), st.integers(0, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_regions_are_what_was_written_however_few_chunks_are_kept(folder_store, wanted, kept):
    regions = folder_store.open_regions(folder_store.write_volume(VOLUME).digest, cache_bytes=kept * 2**19)
    for box in wanted:
        np.testing.assert_array_equal(regions.read(box), VOLUME[box_slices(box)])


def test_a_chunk_is_decoded_once(store, counted):
    regions = store.open_regions(store.write_volume(VOLUME).digest)
    first = regions.read(((60, 60, 60), (70, 70, 70)))
    again = regions.read(((61, 61, 61), (69, 69, 69)))
    np.testing.assert_array_equal(first[1:9, 1:9, 1:9], again)
    assert len(counted) == len(set(counted)) + counted.count((0, 0, 0)) - 1
    assert len(set(counted)) == 8


def test_what_was_used_last_is_kept(folder_store, counted):
    regions = folder_store.open_regions(folder_store.write_volume(VOLUME).digest, cache_bytes=2 * 2**19)
    left, middle, right = (((64, 0, x), (65, 1, x + 1)) for x in (0, 64, 128))
    for box in (left, middle, left, right, left):
        regions.read(box)
    assert counted == [(1, 0, 0), (1, 0, 1), (1, 0, 2)]
    regions.read(middle)
    assert counted[3:] == [(1, 0, 1)]


def test_a_box_beyond_the_volume_is_refused(folder_store):
    regions = folder_store.open_regions(folder_store.write_volume(VOLUME).digest)
    with pytest.raises(ValueError, match="does not lie within"):
        regions.read(((0, 0, 0), (131, 1, 1)))


def test_a_damaged_chunk_is_told(folder_store):
    digest = folder_store.write_volume(VOLUME).digest
    shard = folder_store.path("volumes", digest) / "c/0/0/0"
    content = bytearray(shard.read_bytes())
    content[:1000] = bytes(1000)
    shard.write_bytes(content)
    with pytest.raises(ArrayCorrupt, match="cannot be decoded"):
        folder_store.open_regions(digest).read(((0, 0, 0), SHAPE))
