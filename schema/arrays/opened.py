"""A stored array that was opened: its `zarr.json` read once, the index of each shard once it is needed.

Both never change while the array is there, so they are kept; a shard that is gone or another one is told by its
version at every read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from schema.arrays.box import Box, Index
from schema.arrays.digest import FORMAT, volume_digest
from schema.arrays.layout import CHUNK, Header, chunk_grid, parse_header, shard_name, stored_format
from schema.arrays.place import METADATA, Area, Place
from schema.arrays.place_errors import corrupt
from schema.arrays.runs import LabelRuns
from schema.arrays.shards import Shard, Voxels, filled_box, index_bytes, parse_index, read_box, read_chunks
from schema.errors import ArrayStoreError


@dataclass(frozen=True)
class OpenedArray:
    """An array at its place; `finding` is None throughout for a volume.

    What it raises is an ArrayStoreError, an OSError of the place, or whatever a codec says of broken bytes.
    """

    place: Place
    area: Area
    header: Header
    _shards: dict[int | None, Shard | None] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it is."""
        return self.place.address(self.area, self.header.digest)

    def shard(self, finding: int | None) -> Shard | None:
        """What is known of a shard; None where there is none and none is due, for all its voxels are 0.

        Raises:
            ArrayCorrupt: it is missing, though the digest says that not all voxels are 0; or it holds nothing.
        """
        if finding not in self._shards:
            self._shards[finding] = self._load_shard(finding)
        return self._shards[finding]

    def read(self, finding: int | None, box: Box) -> Voxels:
        """The voxels (z, y, x) of a box within the shape."""
        shard = self.shard(finding)
        if shard is None:
            return np.zeros([stop - start for start, stop in zip(*box, strict=True)], self.header.dtype)
        with self.place.open_part(self.area, self.header.digest, shard.name, shard.version) as read:
            return read_box(shard, box, read, self.place.reach)

    def read_chunks(self, finding: int | None, chunks: Sequence[Index], take: Callable[[Index, Voxels], None]) -> None:
        """Hand each of the chunks that is stored to `take`, from several threads, whole and read-only."""
        shard = self.shard(finding)
        if shard is not None and chunks:
            with self.place.open_part(self.area, self.header.digest, shard.name, shard.version) as read:
                read_chunks(shard, chunks, read, self.place.reach, take)

    def read_runs(self, finding: int) -> LabelRuns:
        """The labels of a finding in their canonical form; a row of chunks is dense in memory at a time."""
        shape = self.header.shape_zyx
        shard = self.shard(finding)
        filled = filled_box(shard.index) if shard else None
        if filled is None:
            return LabelRuns.empty(shape)
        (z0, y0, x0), stop = ((n * CHUNK for n in corner) for corner in filled)
        z1, y1, x1 = (min(n, size) for n, size in zip(stop, shape, strict=True))
        slabs = (((z, y0, x0), (min(z + CHUNK, z1), y1, x1)) for z in range(z0, z1, CHUNK))
        parts = (LabelRuns.from_dense(self.read(finding, slab), slab[0], shape) for slab in slabs)
        return LabelRuns.concatenate(parts, shape)

    def _load_shard(self, finding: int | None) -> Shard | None:
        name, grid = shard_name(finding), chunk_grid(self.header.shape_zyx)
        try:
            tail = self.place.read_tail(self.area, self.header.digest, name, index_bytes(grid))
        except FileNotFoundError:
            self._check_background(finding)
            return None
        index = parse_index(tail.content, grid)
        if filled_box(index) is None:
            raise corrupt(self.address, f"{name} holds nothing")
        return Shard(name, tail.version, index, self.header.dtype)

    def _check_background(self, finding: int | None) -> None:
        """ArrayCorrupt unless a shard that is not there would hold nothing but 0."""
        header = self.header
        if finding is None or header.findings is None:
            if header.digest != volume_digest(np.zeros(header.shape_zyx, np.int16)):
                raise corrupt(self.address, "its voxels are missing")
        elif header.findings[finding] != LabelRuns.empty(header.shape_zyx).digest():
            raise corrupt(self.address, f"the labels of finding {finding} are missing")


def open_array(place: Place, area: Area, digest: str) -> OpenedArray:
    """Read an array's `zarr.json`.

    Raises:
        ArrayStoreError: the array is missing, or of another format.
        ArrayCorrupt: its `zarr.json` is missing from a folder that is there, or another array's.
    """
    address = place.address(area, digest)
    try:
        content = place.read(area, digest, METADATA)
    except FileNotFoundError as error:
        if place.has(area, digest):
            raise
        raise ArrayStoreError(f"{address} is missing: restore it from a backup, or import it again") from error
    try:
        if (stored := stored_format(content)) != FORMAT:
            raise ArrayStoreError(f"{address} has the stored form {stored}, not {FORMAT}: update the software")
        return OpenedArray(place, area, parse_header(content, digest, labels=area != "volumes"))
    except (ValueError, KeyError, TypeError) as error:
        raise corrupt(address, str(error)) from error
