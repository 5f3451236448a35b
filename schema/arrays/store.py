"""The array store: volumes and labels under the digest of what they hold, each there as a whole or not at all.

Writing an array that is there already writes nothing. A store may be opened by any number of processes at once, and
pickled into them; each has its own scratch folder. Writers and garbage collection keep apart by a lock in the
database, which is not taken here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from schema.arrays import layout
from schema.arrays.box import Box, Index, box_slices, parse_box, parse_shape
from schema.arrays.digest import FORMAT, findings_digest, start_digest, update_digest, volume_digest
from schema.arrays.disk_errors import corrupt, reading
from schema.arrays.folder import Area, ArrayFolder, FolderEntry, parse_folder, stored_bytes, stored_sha256
from schema.arrays.runs import DenseLabels, LabelRuns
from schema.errors import ArrayStoreError

LabelArea = Literal["labels", "hidden"]


@dataclass(frozen=True)
class StoredArray:
    """What the database keeps of an array: where, the scan's shape (z, y, x), dtype; size and SHA-256 of its files."""

    area: Area
    digest: str
    shape_zyx: Index
    dtype: str
    stored_bytes: int
    stored_sha256: str


class ArrayStore:
    """Volumes and labels at an address; a folder's path in this version.

    Every method may raise ArrayStoreError, whose message has the path and what to do; reading and verifying raise
    its ArrayCorrupt where stored bytes are not what was written.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._folder = ArrayFolder(parse_folder(url))

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (str(self._folder.root),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove this store's scratch folder; the end of the process does so too. It may be used again."""
        self._folder.scratch.close()

    def prepare(self) -> None:
        """Make the store's folder, and find out whether it can be written."""
        self._folder.make()

    def path(self, area: Area, digest: str) -> Path:
        """The folder that holds, or would hold, the array; any Zarr v3 reader opens it."""
        return self._folder.path(area, digest)

    def has(self, area: Area, digest: str) -> bool:
        """Whether the array is there."""
        return self._folder.has(area, digest)

    def iter_arrays(self) -> Iterator[FolderEntry]:
        """Every array with its area, digest, time of the last write and bytes."""
        return self._folder.entries()

    def delete(self, area: Area, digest: str) -> None:
        """Remove an array in one step, if it is there. The caller holds the lock that keeps writers away."""
        self._folder.delete(area, digest)

    def sweep_scratch(self) -> int:
        """Remove what writers that were killed left behind, and give the number of their folders."""
        with reading(self._folder.root):
            return self._folder.scratch.sweep()

    def write_volume(self, volume_zyx: NDArray[np.int16]) -> StoredArray:
        """Store a volume (z, y, x), int16 in Hounsfield units; a C-order array is not copied.

        Raises:
            ValueError: it is not int16, or not three axes of positive size.
        """
        if volume_zyx.dtype != np.int16:
            raise ValueError(f"a volume must be int16, not {volume_zyx.dtype}")
        shape = parse_shape(volume_zyx.shape)
        digest = volume_digest(volume_zyx)
        self._folder.publish("volumes", digest, lambda path: layout.write_volume(path, volume_zyx, digest))
        return self._stored("volumes", digest, shape, "int16")

    def write_labels(
        self, findings: Sequence[LabelRuns], area: LabelArea, *, shape_zyx: Index | None = None
    ) -> StoredArray:
        """Store the findings of one scan as one array (finding, z, y, x), uint8 or uint16 by the greatest label.

        `shape_zyx` is needed only where there are no findings.

        Raises:
            ValueError: findings of different shapes, no shape at all, or a label above 65535.
        """
        shape = _common_shape(findings, shape_zyx)
        digest = findings_digest([finding.digest() for finding in findings], shape)
        dtype = np.dtype(layout.labels_dtype(findings)).name
        self._folder.publish(area, digest, lambda path: layout.write_labels(path, findings, shape, digest))
        return self._stored(area, digest, shape, dtype)

    def hide_labels(self, digest: str) -> StoredArray:
        """Copy labels from the area `labels` to `hidden`, in their canonical form; the first stay as they are."""
        array = self.open_labels(digest, "labels")
        findings = [self.read_runs(digest, "labels", n) for n in range(array.shape[0])]
        return self.write_labels(findings, "hidden", shape_zyx=parse_shape(array.shape[1:]))

    def open_volume(self, digest: str) -> "zarr.Array[Any]":
        """The stored volume (z, y, x), int16, read-only; nothing is read before it is indexed."""
        path = self._folder.find("volumes", digest)
        with reading(path):
            array = _open_array(path, digest, axes=3)
            if not layout.has_shard(path) and digest != volume_digest(np.zeros(array.shape, np.int16)):
                raise corrupt(path, "its voxels are missing")
            return array

    def open_labels(self, digest: str, area: LabelArea) -> "zarr.Array[Any]":
        """The stored labels (finding, z, y, x), uint8 or uint16, read-only; nothing is read before it is indexed."""
        path = self._folder.find(area, digest)
        with reading(path):
            array = _open_array(path, digest, axes=4)
            _check_shards(path, array)
            return array

    def finding_digests(self, digest: str, area: LabelArea) -> list[str]:
        """The digest of each finding's labels in the array, in order, as it was written."""
        array = self.open_labels(digest, area)
        return [str(each) for each in layout.stored_attributes(array)["findings"]]

    def read_volume(self, digest: str, box: Box | None = None) -> NDArray[np.int16]:
        """The voxels (z, y, x) of the box, or all; ValueError when the box is not within the volume."""
        array = self.open_volume(digest)
        selection = box_slices(parse_box(box, parse_shape(array.shape)))
        with reading(self.path("volumes", digest)):
            return np.asarray(array[selection])

    def read_labels(self, digest: str, area: LabelArea, finding: int, box: Box | None = None) -> DenseLabels:
        """The labels (z, y, x) of one finding in the box, or all; ValueError when there is no such finding or box."""
        array = self.open_labels(digest, area)
        _check_finding(array, finding)
        selection = box_slices(parse_box(box, parse_shape(array.shape[1:])))
        with reading(self.path(area, digest)):
            return np.asarray(array[(finding, *selection)])

    def read_runs(self, digest: str, area: LabelArea, finding: int) -> LabelRuns:
        """The labels of one finding in their canonical form; a row of chunks is dense in memory at a time."""
        array = self.open_labels(digest, area)
        _check_finding(array, finding)
        path = self.path(area, digest)
        with reading(path):
            return _read_runs(path, array, finding)

    def verify_volume(self, digest: str) -> None:
        """Read every voxel and compare; ArrayCorrupt when they do not give the digest."""
        array = self.open_volume(digest)
        path = self.path("volumes", digest)
        with reading(path):
            found = start_digest("volume", array.shape)
            for start in range(0, array.shape[0], layout.CHUNK):
                update_digest(found, np.asarray(array[start : start + layout.CHUNK]), "<i2")
            if found.hexdigest() != digest:
                raise corrupt(path, f"its voxels give the digest {found.hexdigest()}")

    def verify_labels(self, digest: str, area: LabelArea) -> None:
        """Read every label and compare; ArrayCorrupt, with the finding, when they do not give the digest."""
        array = self.open_labels(digest, area)
        path = self.path(area, digest)
        with reading(path):
            digests = layout.stored_attributes(array)["findings"]
            for finding, expected in enumerate(digests):
                if _read_runs(path, array, finding).digest() != expected:
                    raise corrupt(path, f"the labels of finding {finding} do not give its digest")
            if findings_digest(digests, parse_shape(array.shape[1:])) != digest:
                raise corrupt(path, "the digests of its findings do not give its own")

    def _stored(self, area: Area, digest: str, shape_zyx: Index, dtype: str) -> StoredArray:
        path = self._folder.find(area, digest)
        with reading(path):
            return StoredArray(area, digest, shape_zyx, dtype, stored_bytes(path), stored_sha256(path))


def _common_shape(findings: Sequence[LabelRuns], shape_zyx: Index | None) -> Index:
    shapes = {finding.shape_zyx for finding in findings}
    if shape_zyx is not None:
        shapes.add(parse_shape(shape_zyx))
    if len(shapes) != 1:
        raise ValueError(f"the findings of one array have one shape, not {len(shapes)}: {sorted(shapes)}")
    return shapes.pop()


def _open_array(path: Path, digest: str, axes: int) -> "zarr.Array[Any]":
    array = zarr.open_array(path, mode="r")
    attributes = layout.stored_attributes(array)
    if attributes.get("format", FORMAT) != FORMAT:
        raise ArrayStoreError(f"{path} has the stored form {attributes['format']}, not {FORMAT}: update the software")
    if attributes.get("digest") != digest or array.ndim != axes:
        raise corrupt(path, "its attributes are another array's")
    return array


def _check_shards(path: Path, array: "zarr.Array[Any]") -> None:
    """ArrayCorrupt for a finding that has labels but no shard, which Zarr would read as background."""
    digests = layout.stored_attributes(array).get("findings", ())
    if len(digests) != array.shape[0]:
        raise corrupt(path, "its attributes are another array's")
    background = LabelRuns.empty(array.shape[1:]).digest()
    for finding, digest in enumerate(digests):
        if digest != background and not layout.has_shard(path, finding):
            raise corrupt(path, f"the labels of finding {finding} are missing")


def _check_finding(array: "zarr.Array[Any]", finding: int) -> None:
    if not 0 <= finding < array.shape[0]:
        raise ValueError(f"there is no finding {finding}: the array has {array.shape[0]}")


def _read_runs(path: Path, array: "zarr.Array[Any]", finding: int) -> LabelRuns:
    shape = parse_shape(array.shape[1:])
    if not layout.has_shard(path, finding):
        return LabelRuns.empty(shape)
    box = layout.filled_box(path, finding, shape)
    if box is None:
        raise corrupt(path, f"the shard of finding {finding} holds nothing")
    return LabelRuns.concatenate(_read_slabs(array, finding, box), shape)


def _read_slabs(array: "zarr.Array[Any]", finding: int, box: Box) -> Iterator[LabelRuns]:
    (z0, y0, x0), (z1, y1, x1) = box
    for start in range(z0, z1, layout.CHUNK):
        slab = np.asarray(array[finding, start : min(start + layout.CHUNK, z1), y0:y1, x0:x1])
        yield LabelRuns.from_dense(slab, (start, y0, x0), array.shape[1:])
