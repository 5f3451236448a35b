"""The array store: volumes and labels under the digest of what they hold, each there as a whole or not at all.

Writing an array that is there already writes nothing. A store may be opened by any number of processes at once, and
pickled into them. Writers and garbage collection keep apart by a lock in the database, which is not taken here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from schema.arrays.address import check_address, folder_path, is_bucket
from schema.arrays.box import Box, Index, parse_box, parse_shape
from schema.arrays.bucket import ArrayBucket
from schema.arrays.digest import findings_digest, start_digest, update_digest, volume_digest
from schema.arrays.folder import ArrayFolder
from schema.arrays.layout import CHUNK, Header, labels_dtype
from schema.arrays.opened import OpenedArray, open_array
from schema.arrays.parts import labels_parts, volume_parts
from schema.arrays.place import Area, ArrayEntry, PartReplaced, Parts, Place
from schema.arrays.place_errors import corrupt, reading, writing
from schema.arrays.regions import VolumeRegions
from schema.arrays.runs import DenseLabels, LabelRuns
from schema.errors import ArrayCorrupt, ArrayStoreError

LabelArea = Literal["labels", "hidden"]
Answer = TypeVar("Answer")

OPENED_ARRAYS = 256
"""How many arrays' headers and indices a store keeps; some 0.1 MB each at most."""
REGIONS_BYTES = 128 * 2**20
"""Decoded chunks that `open_regions` keeps, unless told otherwise."""


@dataclass(frozen=True)
class StoredArray:
    """What the database keeps of an array: where, the scan's shape (z, y, x), dtype; size and SHA-256 of its parts."""

    area: Area
    digest: str
    shape_zyx: Index
    dtype: str
    stored_bytes: int
    stored_sha256: str


class ArrayStore:
    """Volumes and labels at an address: a folder's path, or an object store's URL such as s3://bucket/prefix.

    Every method may raise ArrayStoreError, whose message has the address and what to do; reading and verifying raise
    its ArrayCorrupt where stored bytes are not what was written. Threads may share a store.
    """

    def __init__(self, url: str) -> None:
        check_address(url)
        self.url = url
        self._place: Place = ArrayBucket(url) if is_bucket(url) else ArrayFolder(folder_path(url))
        self._opened = lru_cache(OPENED_ARRAYS)(partial(open_array, self._place))

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.url if is_bucket(self.url) else str(folder_path(self.url)),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove this store's scratch folder; the end of the process does so too. It may be used again."""
        self._place.close()

    def prepare(self) -> None:
        """Make the store's folder, or look at its bucket, and find out whether it can be written."""
        with writing(self.url):
            self._place.make()

    def address(self, area: Area, digest: str) -> str:
        """The path or URL of the array, there or not; any Zarr v3 reader opens it."""
        return self._place.address(area, digest)

    def path(self, area: Area, digest: str) -> Path:
        """The folder that holds, or would hold, the array; ArrayStoreError where the store is no folder."""
        if not isinstance(self._place, ArrayFolder):
            raise ArrayStoreError(f"{self.address(area, digest)} is not in a folder: read it by its URL")
        return self._place.path(area, digest)

    def has(self, area: Area, digest: str) -> bool:
        """Whether the array is there."""
        with reading(self.address(area, digest)):
            return self._place.has(area, digest)

    def iter_arrays(self) -> Iterator[ArrayEntry]:
        """Every array with its area, digest, time of the last write and bytes."""
        with reading(self.url):
            yield from self._place.entries()

    def delete(self, area: Area, digest: str) -> None:
        """Remove an array in one step, if it is there. The caller holds the lock that keeps writers away."""
        with writing(self.address(area, digest)):
            self._place.delete(area, digest)

    def sweep_scratch(self, unfinished_for: timedelta | None = None) -> int:
        """Remove what killed writers left behind, and give the number of them.

        In a bucket nobody knows who is alive. So shards without their `zarr.json` go only when a time is given, and
        only those older than that; the caller holds the lock that keeps writers away.
        """
        with writing(self.url):
            return self._place.sweep(unfinished_for)

    def write_volume(self, volume_zyx: NDArray[np.int16], *, digest: str | None = None) -> StoredArray:
        """Store a volume (z, y, x), int16 in Hounsfield units; it is not copied as a whole.

        `digest` is the volume's `volume_digest` where the caller has it already; it is believed.

        Raises:
            ValueError: it is not int16, or not three axes of positive size.
        """
        if volume_zyx.dtype != np.int16:
            raise ValueError(f"a volume must be int16, not {volume_zyx.dtype}")
        shape = parse_shape(volume_zyx.shape)
        name = digest or volume_digest(volume_zyx)
        return self._publish("volumes", name, shape, "int16", partial(volume_parts, volume_zyx, shape, name))

    def write_labels(
        self, findings: Sequence[LabelRuns], area: LabelArea, *, shape_zyx: Index | None = None
    ) -> StoredArray:
        """Store the findings of one scan as one array (finding, z, y, x), uint8 or uint16 by the greatest label.

        `shape_zyx` is needed only where there are no findings.

        Raises:
            ValueError: findings of different shapes, no shape at all, or a label above 65535.
        """
        shape = _common_shape(findings, shape_zyx)
        leaves = [finding.digest() for finding in findings]
        digest = findings_digest(leaves, shape)
        dtype = labels_dtype(findings)
        return self._publish(area, digest, shape, dtype, partial(labels_parts, findings, leaves, shape, digest))

    def hide_labels(self, digest: str) -> StoredArray:
        """Copy labels from the area `labels` to `hidden`, in their canonical form; the first stay as they are."""
        header = self._labels_header(digest, "labels")
        findings = [self.read_runs(digest, "labels", n) for n in range(len(header.findings or ()))]
        return self.write_labels(findings, "hidden", shape_zyx=header.shape_zyx)

    def open_volume(self, digest: str) -> "zarr.Array[Any]":
        """The stored volume (z, y, x), int16, by zarr-python, read-only; nothing is read before it is indexed."""
        return self._open_zarr("volumes", digest, (None,))

    def open_labels(self, digest: str, area: LabelArea) -> "zarr.Array[Any]":
        """The stored labels (finding, z, y, x), by zarr-python, read-only; nothing is read before it is indexed."""
        return self._open_zarr(area, digest, range(len(self._labels_header(digest, area).findings or ())))

    def open_regions(self, digest: str, *, cache_bytes: int = REGIONS_BYTES) -> VolumeRegions:
        """For many boxes of one volume that lie near one another; so many bytes of decoded chunks are kept."""
        return VolumeRegions(self._use("volumes", digest, lambda array: array), cache_bytes)

    def finding_digests(self, digest: str, area: LabelArea) -> list[str]:
        """The digest of each finding's labels in the array, in order, as it was written."""
        return list(self._labels_header(digest, area).findings or ())

    def read_volume(self, digest: str, box: Box | None = None) -> NDArray[np.int16]:
        """The voxels (z, y, x) of the box, or all; ValueError when the box is not within the volume."""
        shape = self._use("volumes", digest, lambda array: array.header.shape_zyx)
        inside = parse_box(box, shape)
        return cast("NDArray[np.int16]", self._use("volumes", digest, lambda array: array.read(None, inside)))

    def read_sound_volume(self, digest: str) -> NDArray[np.int16]:
        """All voxels (z, y, x); ArrayCorrupt when they do not give the digest."""
        volume = self.read_volume(digest)
        if (found := volume_digest(volume)) != digest:
            raise corrupt(self.address("volumes", digest), f"its voxels give the digest {found}")
        return volume

    def read_labels(self, digest: str, area: LabelArea, finding: int, box: Box | None = None) -> DenseLabels:
        """The labels (z, y, x) of one finding in the box, or all; ValueError when there is no such finding or box."""
        header = self._labels_header(digest, area)
        _check_finding(header, finding)
        inside = parse_box(box, header.shape_zyx)
        return cast("DenseLabels", self._use(area, digest, lambda array: array.read(finding, inside)))

    def read_runs(self, digest: str, area: LabelArea, finding: int) -> LabelRuns:
        """The labels of one finding in their canonical form; a row of chunks is dense in memory at a time."""
        _check_finding(self._labels_header(digest, area), finding)
        return self._use(area, digest, lambda array: array.read_runs(finding))

    def read_sound_runs(self, digest: str, area: LabelArea, finding: int) -> LabelRuns:
        """The labels of one finding in their canonical form; ArrayCorrupt when they do not give its digest."""
        runs = self.read_runs(digest, area, finding)
        if runs.digest() != self.finding_digests(digest, area)[finding]:
            raise corrupt(self.address(area, digest), f"the labels of finding {finding} do not give its digest")
        return runs

    def verify_volume(self, digest: str) -> None:
        """Read every voxel and compare; ArrayCorrupt when they do not give the digest."""
        address = self.address("volumes", digest)
        with reading(address):
            found = _digest_voxels(open_array(self._place, "volumes", digest))
            if found != digest:
                raise corrupt(address, f"its voxels give the digest {found}")

    def verify_labels(self, digest: str, area: LabelArea) -> None:
        """Read every label and compare; ArrayCorrupt, with the finding, when they do not give the digest."""
        address = self.address(area, digest)
        with reading(address):
            array = open_array(self._place, area, digest)
            leaves = array.header.findings or ()
            for finding, expected in enumerate(leaves):
                if array.read_runs(finding).digest() != expected:
                    raise corrupt(address, f"the labels of finding {finding} do not give its digest")
            if findings_digest(leaves, array.header.shape_zyx) != digest:
                raise corrupt(address, "the digests of its findings do not give its own")

    def _publish(
        self, area: Area, digest: str, shape_zyx: Index, dtype: str, encode: Callable[[], Parts]
    ) -> StoredArray:
        with writing(self.address(area, digest)):
            stored = self._place.renew(area, digest) or self._place.publish(area, digest, encode())
        return StoredArray(area, digest, shape_zyx, dtype, stored.bytes, stored.sha256)

    def _use(self, area: Area, digest: str, action: Callable[[OpenedArray], Answer]) -> Answer:
        with reading(self.address(area, digest)):
            try:
                return action(self._opened(area, digest))
            except (FileNotFoundError, PartReplaced, ArrayCorrupt):
                self._opened.cache_clear()  # since it was opened, it may have gone, or gone and come back
                return action(self._opened(area, digest))

    def _labels_header(self, digest: str, area: LabelArea) -> Header:
        return self._use(area, digest, lambda array: array.header)

    def _open_zarr(self, area: Area, digest: str, findings: Sequence[int | None]) -> "zarr.Array[Any]":
        for finding in findings:  # Zarr would read a missing shard as background
            self._use(area, digest, lambda array, finding=finding: array.shard(finding))  # type: ignore[misc]
        with reading(self.address(area, digest)):
            return zarr.open_array(**self._place.zarr_store(area, digest), mode="r")


def _common_shape(findings: Sequence[LabelRuns], shape_zyx: Index | None) -> Index:
    shapes = {finding.shape_zyx for finding in findings}
    if shape_zyx is not None:
        shapes.add(parse_shape(shape_zyx))
    if len(shapes) != 1:
        raise ValueError(f"the findings of one array have one shape, not {len(shapes)}: {sorted(shapes)}")
    return shapes.pop()


def _check_finding(header: Header, finding: int) -> None:
    findings = len(header.findings or ())
    if not 0 <= finding < findings:
        raise ValueError(f"there is no finding {finding}: the array has {findings}")


def _digest_voxels(array: OpenedArray) -> str:
    depth, height, width = array.header.shape_zyx
    found = start_digest("volume", array.header.shape_zyx)
    for z in range(0, depth, CHUNK):
        slab = array.read(None, ((z, 0, 0), (min(z + CHUNK, depth), height, width)))
        update_digest(found, cast("NDArray[np.int16]", slab), "<i2")
    return found.hexdigest()
