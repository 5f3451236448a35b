"""Opening NIfTI files and inflating them slab by slab, so that a file is never in memory as a whole.

A slab is a run of planes along the last axis of the file: NIfTI stores its first axis fastest, so a slab's bytes,
read in C order, have the axes reversed.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import aff2axcodes
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ingest.faults import CaseLeftOut, fault
from schema.import_run import FaultKind

SLAB_BYTES = 2**20
"""Inflated bytes that are handed on together, where a plane has no more: still in the cache when they are looked at."""
_PIECE_BYTES = 2**19
"""Inflated bytes asked for at a time. The stream makes bytes of them before they are copied: more leave the cache."""

_GZIP = b"\x1f\x8b"
_BROKEN: tuple[Any, ...] = (EOFError, isal_zlib.error, igzip.BadGzipFile)


@dataclass(frozen=True)
class NiftiHeader:
    """What a NIfTI file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slope: float
    inter: float
    affine_ras: NDArray[np.float64]
    data_offset: int

    @property
    def scaled(self) -> bool:
        """Whether stored numbers are not yet the values."""
        return (self.slope, self.inter) != (1.0, 0.0)

    def values(self, stored: NDArray[Any]) -> NDArray[Any]:
        """What stored numbers mean: they themselves, or scaled by slope and intercept, then float64."""
        # NumPy's scalars, unlike Python's, make float64 of float32, as nibabel does.
        return stored * np.float64(self.slope) + np.float64(self.inter) if self.scaled else stored

    @property
    def orientation(self) -> str:
        """Where the axes point, as three letters such as LPS."""
        return "".join(code or "?" for code in aff2axcodes(self.affine_ras))


@dataclass(frozen=True)
class NiftiStream:
    """An open NIfTI file, positioned at its first voxel."""

    path: Path
    header: NiftiHeader
    stream: BufferedIOBase

    def slabs(
        self, shape: tuple[int, ...] | None = None, into: NDArray[Any] | None = None
    ) -> Iterator[tuple[int, NDArray[Any]]]:
        """Give (first plane, slab) pairs; a slab has the axes of the shape reversed, the last one first.

        Args:
            shape: the header's, but for axes of length 1; the header's by default.
            into: what the slabs are parts of: an array of the shape reversed, in C-order and of the file's dtype.
                Without it every slab lies in the same buffer.

        Raises:
            CaseLeftOut: the file ends too early or does not inflate.
        """
        *plane, planes = shape or self.header.shape
        depth = max(1, SLAB_BYTES // (math.prod(plane) * self.header.dtype.itemsize))
        buffer = np.empty((min(depth, planes), *reversed(plane)), self.header.dtype) if into is None else into
        for first in range(0, planes, depth):
            at = 0 if into is None else first
            slab = buffer[at : at + min(depth, planes - first)]
            self._fill(slab.data.cast("B"))
            yield first, slab
        self._read_to_end()

    def _read_to_end(self) -> None:
        """Read what follows the voxels: at the end stands gzip's checksum of everything before it."""
        try:
            while self.stream.read(_PIECE_BYTES):
                pass
        except _BROKEN as error:
            raise _unreadable(self.path, f"it does not inflate ({error})") from error

    def _fill(self, view: memoryview) -> None:
        filled = 0
        try:
            while filled < len(view) and (count := self.stream.readinto(view[filled : filled + _PIECE_BYTES])):
                filled += count
        except _BROKEN as error:
            raise _unreadable(self.path, f"it does not inflate ({error})") from error
        if filled < len(view):
            raise _unreadable(self.path, "it ends before its last voxel")


def _unreadable(path: Path, why: str) -> CaseLeftOut:
    return CaseLeftOut(fault(FaultKind.UNREADABLE_FILE, why, path=path))


@contextmanager
def open_nifti(path: Path) -> Iterator[NiftiStream]:
    """Open a .nii.gz or .nii file.

    Raises:
        CaseLeftOut: it cannot be read, does not inflate, or is no NIfTI file.
    """
    try:
        with _open_bytes(path) as stream:
            header = _read_header(path, stream)
            yield NiftiStream(path, header, stream)
    except OSError as error:
        raise _unreadable(path, f"it cannot be read ({error.strerror or error})") from error


@contextmanager
def _open_bytes(path: Path) -> Iterator[BufferedIOBase]:
    with path.open("rb") as plain:
        magic = plain.peek(2)[:2]
        if not magic:
            raise _unreadable(path, "it is empty")
        if magic != _GZIP:
            yield plain
            return
        with igzip.GzipFile(fileobj=plain, mode="rb") as stream:  # does not close what it reads from
            yield cast("BufferedIOBase", stream)


def _read_header(path: Path, stream: BufferedIOBase) -> NiftiHeader:
    try:
        start = stream.read(540)
    except _BROKEN as error:
        raise _unreadable(path, f"it does not inflate ({error})") from error
    try:
        header = _parse_header(start)
    except (HeaderDataError, ImageFileError, ValueError) as error:
        raise CaseLeftOut(fault(FaultKind.NOT_NIFTI, f"it is not a NIfTI file ({error})", path=path)) from error
    _skip(path, stream, header.data_offset, len(start))
    return header


def _skip(path: Path, stream: BufferedIOBase, offset: int, at: int) -> None:
    try:
        stream.seek(min(offset, at))
        if len(stream.read(offset - min(offset, at))) < offset - at:
            raise EOFError("it ends within its header")
    except _BROKEN as error:
        raise _unreadable(path, str(error)) from error


def _parse_header(start: bytes) -> NiftiHeader:
    kind = nibabel.Nifti2Header if start[4:7] in (b"n+2", b"ni2") else nibabel.Nifti1Header
    size = kind.sizeof_hdr
    if len(start) < size or start[:4] not in (size.to_bytes(4, "little"), size.to_bytes(4, "big")):
        raise ValueError("it does not start with a NIfTI header")
    header = kind(start[:size], check=True)
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) < 3 or min(shape) < 1:
        raise ValueError(f"its shape is {shape}")
    if header.get_data_dtype().kind not in "iuf":
        raise ValueError("its voxels are colours or complex, not numbers")
    slope, inter = header.get_slope_inter()
    return NiftiHeader(
        shape=shape,
        dtype=header.get_data_dtype(),
        slope=1.0 if slope is None else float(slope),
        inter=0.0 if inter is None else float(inter),
        affine_ras=header.get_best_affine(),
        data_offset=int(header.get_data_offset()),
    )
