"""Many overlapping crops of one volume, each chunk decoded once."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from schema.arrays.box import Box, Index, box_shape, parse_box
from schema.arrays.layout import CHUNK
from schema.arrays.opened import OpenedArray
from schema.arrays.place_errors import reading
from schema.arrays.shards import Voxels, chunks_of, place_chunk

CHUNK_BYTES = 2 * CHUNK**3


class VolumeRegions:
    """Crops of a stored volume, int16; the chunks decoded last are kept. Not for several threads at once."""

    def __init__(self, array: OpenedArray, cache_bytes: int) -> None:
        self.shape_zyx = array.header.shape_zyx
        self._array = array
        self._most = cache_bytes // CHUNK_BYTES
        self._chunks: OrderedDict[Index, Voxels] = OrderedDict()

    def read(self, box: Box) -> NDArray[np.int16]:
        """The voxels (z, y, x) of a box; ValueError when it is not within the volume.

        Beyond the bytes that may be kept, memory is taken for the chunks of this box alone.
        """
        box = parse_box(box, self.shape_zyx)
        out = np.zeros(box_shape(box), np.int16)
        wanted = list(chunks_of(box))
        with reading(self._array.address):
            self._array.read_chunks(
                None, [chunk for chunk in wanted if chunk not in self._chunks], self._chunks.__setitem__
            )
        for chunk in wanted:
            if chunk in self._chunks:  # what is not stored is 0
                self._chunks.move_to_end(chunk)
                place_chunk(out, box, chunk, self._chunks[chunk])
        while len(self._chunks) > self._most:
            self._chunks.popitem(last=False)
        return out
