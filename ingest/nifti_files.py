"""Writing NIfTI-1 files, as bytes that depend on their content alone: no time, no file name, a fixed compressor."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

from schema.arrays.runs import LabelRuns

Affine = NDArray[np.float64]
HEADER_BYTES = 352
GZIP_WBITS = 31
SLAB = 16
"""Planes of k that are dense in memory at a time."""


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


def write_mask(path: Path, findings: Sequence[LabelRuns], affine: Affine | None = None, *, flat: bool = False) -> None:
    """Write the labels of a scan's findings as a gzipped NIfTI-1 file (finding, i, j, k), uint8 or uint16.

    Args:
        path: of the file; it is there whole, or not at all.
        findings: one of each channel, all over the same scan; at least one.
        affine: voxel centre to RAS mm; without one it is identity, as in published masks.
        flat: write (i, j, k) of the only finding.
    """
    depth, height, width = findings[0].shape_zyx
    dtype = np.uint8 if all(int(each.labels().max(initial=0)) < 256 for each in findings) else np.uint16
    shape = (width, height, depth) if flat else (len(findings), width, height, depth)
    partial = path.with_name(f".{path.name}.partial")
    with open_gzip(partial) as append:
        append(make_header(shape, dtype, affine))
        for z in range(0, depth, SLAB):
            box = ((z, 0, 0), (min(z + SLAB, depth), height, width))
            append(np.stack([each.to_dense(box, dtype) for each in findings], axis=-1).tobytes())
    partial.replace(path)
