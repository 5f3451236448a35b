"""A scan's voxels for measuring: from the array store, or from the file that was left in place."""

import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from compute.kernels.body import BodyOutline, find_body, outline_of
from compute.quantities import ScanFrame
from schema.arrays.box import Box, Index, box_slices, parse_shape
from schema.arrays.store import ArrayStore
from schema.errors import ArrayStoreError
from schema.scan import Volume, VolumeStorage

Read = Callable[[Box], NDArray[np.int16]]


def open_frame(volume: Volume, arrays: ArrayStore) -> ScanFrame:
    """Give the frame of a volume; its voxels are read when they are asked for.

    Raises:
        ArrayStoreError: they cannot be read.
    """
    read, shape = open_voxels(volume, arrays)
    affine = np.array(volume.affine_ras).reshape(4, 4)
    return ScanFrame(read, affine, volume.body_midline_lps_mm, _outline(volume.body_outline, read, shape))


def open_voxels(volume: Volume, arrays: ArrayStore) -> tuple[Read, Index]:
    """Give what reads a box (z, y, x) of a volume's HU, and the volume's shape.

    Raises:
        ArrayStoreError: they cannot be read.
    """
    return _stored(arrays, volume.digest) if volume.storage is VolumeStorage.COPY else _in_place(volume)


def _stored(arrays: ArrayStore, digest: str) -> tuple[Read, Index]:
    regions = arrays.open_regions(digest)
    return regions.read, regions.shape_zyx


def _in_place(volume: Volume) -> tuple[Read, Index]:
    voxels = _read_file(Path(volume.source_path or ""))

    def read(box: Box) -> NDArray[np.int16]:
        return voxels[box_slices(box)]

    return read, parse_shape(voxels.shape)


def _read_file(path: Path) -> NDArray[np.int16]:
    """All voxels (z, y, x): of a compressed file no part can be read alone."""
    try:
        voxels = np.asanyarray(nibabel.load(path).dataobj)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError) as error:
        raise ArrayStoreError(f"{path} cannot be read ({error}): fetch the volume again") from error
    return np.ascontiguousarray(np.rint(voxels).astype(np.int16, copy=False).T)


def _outline(stored: bytes | None, read: Read, shape_zyx: Index) -> BodyOutline:
    if stored is not None:
        return BodyOutline.from_bytes(stored)
    return outline_of(find_body(read(((0, 0, 0), shape_zyx))))
