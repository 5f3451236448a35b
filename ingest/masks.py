"""Reading 4D masks (finding, i, j, k) into the runs of each finding, slab by slab."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.nifti import NiftiHeader, open_nifti
from ingest.timing import Stopwatch
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind

MAX_LABEL = 65_535


@dataclass(frozen=True)
class MaskHeader:
    """The axes of a mask: its findings, and the scan's shape as (i, j, k)."""

    findings: int
    shape_vox: tuple[int, int, int]


def read_mask(path: Path, findings: int, shape_vox: tuple[int, int, int], watch: Stopwatch) -> list[LabelRuns]:
    """Read a mask of so many findings over a scan of this shape; one LabelRuns for each finding.

    The header's affine is not looked at: the mask's index space is the CT's array of the same name.
    A 3D file is taken as the mask of one finding.

    Raises:
        CaseLeftOut: the file or its labels cannot be used; the fault says why.
    """
    with open_nifti(path) as nifti:
        _check_axes(path, nifti.header, findings, shape_vox)
        shape_zyx = (shape_vox[2], shape_vox[1], shape_vox[0])
        parts = []
        for first, slab in watch.each("inflate", nifti.slabs()):
            with watch("scan"):
                whole = slab.reshape(-1, *shape_zyx[1:], findings)  # axes of length 1 may be missing, or too many
                parts.append(_slab_runs(path, nifti.header, first, whole, findings))
    with watch("scan"):
        rows = np.concatenate(parts)
        return [LabelRuns(np.ascontiguousarray(rows[rows[:, 0] == n, 1:]), shape_zyx) for n in range(findings)]


def _check_axes(path: Path, header: NiftiHeader, findings: int, shape_vox: tuple[int, int, int]) -> None:
    shape = header.shape
    while len(shape) > 4 and shape[-1] == 1:
        shape = shape[:-1]
    if shape == (findings, *shape_vox) or (findings == 1 and shape == shape_vox):
        return
    raise CaseLeftOut(_axes_fault(path, shape, findings, shape_vox))


def _axes_fault(path: Path, shape: tuple[int, ...], findings: int, shape_vox: tuple[int, int, int]) -> FaultDraft:
    wanted = (findings, *shape_vox)
    if shape == (*shape_vox, findings):
        message = f"the mask's shape is {shape}: its findings stand on the last axis, not on the first"
        return fault(FaultKind.FINDING_AXIS_LAST, message, path=path)
    if shape[-3:] == shape_vox and len(shape) <= 4:
        found = shape[0] if len(shape) == 4 else 1
        message = f"the mask has {found} channel(s) in {len(shape)}D for {findings} finding(s)"
        return fault(FaultKind.FINDING_COUNT_DIFFERS, message, path=path)
    return fault(FaultKind.SHAPE_DIFFERS, f"the mask's shape is {shape}, the case says {wanted}", path=path)


def _slab_runs(path: Path, header: NiftiHeader, first: int, slab: NDArray[Any], findings: int) -> NDArray[np.uint32]:
    """Give rows (finding, z, y, x_start, x_stop, label) of a slab (z, y, x, finding), ordered within each finding."""
    labels = _as_labels(path, header, slab)
    depth, height, width, _ = slab.shape
    runs: NDArray[np.uint32] = _interleaved_runs(labels.reshape(depth, height, width * findings), findings, first)
    return runs


def _as_labels(path: Path, header: NiftiHeader, slab: NDArray[Any]) -> NDArray[np.uint8 | np.uint16]:
    if slab.dtype == np.uint8 and not header.scaled:
        return slab
    values = slab * header.slope + header.inter if header.scaled else slab
    _check_labels(path, values)
    return np.ascontiguousarray(values, np.uint16)


def _check_labels(path: Path, values: NDArray[Any]) -> None:
    if values.dtype.kind == "f":
        _refuse(path, FaultKind.NOT_FINITE, "which is not a number", values, ~np.isfinite(values))
        _refuse(path, FaultKind.NOT_INTEGRAL, "which is not a whole number", values, values != np.rint(values))
    _refuse(path, FaultKind.NEGATIVE_LABEL, "a label below 0", values, values < 0)
    _refuse(path, FaultKind.WRONG_TYPE, f"a label above {MAX_LABEL}", values, values > MAX_LABEL)


def _refuse(path: Path, kind: FaultKind, what: str, values: NDArray[Any], wrong: NDArray[np.bool_]) -> None:
    """Leave the case out where a value of a slab (z, y, x, finding) is wrong."""
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0])
        message = f"the mask holds {values[place]:.4g}, {what}"
        raise CaseLeftOut(fault(kind, message, finding=int(place[3]), path=path))


_BLOCK = 64
"""Bytes looked at together in background: a mask is nearly all of it."""


@njit(cache=True, nogil=True)
def _interleaved_runs(slab: NDArray[Any], findings: int, first: int) -> NDArray[np.uint32]:
    """Find the runs of a slab (z, y, x * findings) whose innermost axis holds the findings of each voxel in turn."""
    depth, height, width = slab.shape
    pending = np.zeros((findings, 3), np.uint32)
    rows = np.empty((1024, 6), np.uint32)
    count = 0
    for z in range(depth):
        for y in range(height):
            row = slab[z, y]
            position = _next_labelled(row, 0)
            if position == width:
                continue
            while position < width:
                x, finding = divmod(position, findings)
                run = pending[finding]
                if run[2] == row[position] and run[1] == x:
                    run[1] = x + 1
                else:
                    rows, count = _put(rows, count, finding, first + z, y, run)
                    run[0], run[1], run[2] = x, x + 1, row[position]
                position = _next_labelled(row, position + 1)
            for finding in range(findings):
                rows, count = _put(rows, count, finding, first + z, y, pending[finding])
    return rows[:count]


@njit(cache=True, nogil=True)
def _next_labelled(row: NDArray[Any], position: int) -> int:
    while position + _BLOCK <= row.size and not _any_labelled(row, position):
        position += _BLOCK
    while position < row.size and row[position] == 0:
        position += 1
    return position


@njit(cache=True, nogil=True)
def _any_labelled(row: NDArray[Any], position: int) -> bool:
    # Without an early exit the loop becomes a few vector instructions.
    found = 0
    for offset in range(_BLOCK):
        found |= row[position + offset]
    return found != 0


@njit(cache=True, nogil=True)
def _put(
    rows: NDArray[np.uint32], count: int, finding: int, z: int, y: int, run: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], int]:
    """Write a pending run (x_start, x_stop, label), if there is one, and end it."""
    if run[2] == 0:
        return rows, count
    if count == len(rows):
        rows = np.concatenate((rows, np.empty_like(rows)))
    rows[count, 0], rows[count, 1], rows[count, 2] = finding, z, y
    rows[count, 3:] = run
    run[2] = 0
    return rows, count + 1
