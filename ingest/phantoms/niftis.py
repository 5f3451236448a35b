"""NIfTI-1 files as bytes that depend on their content alone: no time, no file name, a fixed compressor and level."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

Affine = NDArray[np.float64]
HEADER_BYTES = 352
GZIP_WBITS = 31


def encode_nifti(array: NDArray[np.generic], affine: Affine | None = None) -> bytes:
    """A gzipped NIfTI-1 file; without an affine it gets identity and 1 mm zooms, as published masks have."""
    return compress(make_header(array.shape, array.dtype, affine) + array.tobytes("F"))


def make_header(shape: tuple[int, ...], dtype: DTypeLike, affine: Affine | None = None) -> bytes:
    """The first 352 bytes of a NIfTI-1 file; the voxels follow with their first axis running fastest."""
    frame = np.eye(4) if affine is None else affine
    header = nib.Nifti1Header()
    header.set_data_dtype(dtype)
    header.set_data_shape(shape)
    zooms = np.linalg.norm(frame[:3, :3], axis=0).tolist()
    header.set_zooms([*zooms, *[1.0] * (len(shape) - 3)])
    header.set_sform(frame, code=1)
    header.set_qform(frame, code=1)
    header.set_slope_inter(1, 0)
    header.set_xyzt_units("mm")
    header["magic"], header["vox_offset"] = b"n+1", HEADER_BYTES
    return bytes(header.binaryblock) + bytes(4)


def compress(content: bytes) -> bytes:
    """A gzip file of `content`, level 1, without a time stamp. Uses zlib, whose output does not hang on the CPU."""
    stream = zlib.compressobj(1, zlib.DEFLATED, GZIP_WBITS)
    return stream.compress(content) + stream.flush()


@contextmanager
def open_gzip(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that appends to a new gzip file, of the same kind as `compress` gives, until the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = zlib.compressobj(1, zlib.DEFLATED, GZIP_WBITS)
    with path.open("wb") as file:

        def append(part: bytes) -> None:
            file.write(stream.compress(part))

        yield append
        file.write(stream.flush())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, making the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
