"""Reading 4D masks (finding, i, j, k) into the runs of each finding, slab by slab."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.nifti import NiftiHeader, NiftiStream, open_nifti
from ingest.timing import Stopwatch
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind

MAX_LABEL = 65_535


class TooManyRuns(Exception):
    """A file holds noise, or nothing that a person or a model would draw."""


LabelsOf: TypeAlias = Callable[[NDArray[Any]], NDArray[np.uint8 | np.uint16]]


def read_mask(path: Path, findings: int, shape_vox: tuple[int, int, int], watch: Stopwatch) -> list[LabelRuns]:
    """Read a mask of so many findings over a scan of this shape; one LabelRuns for each finding.

    The header's affine is not looked at: the mask's index space is the CT's array of the same name.
    A 3D file is taken as the mask of one finding.

    Raises:
        CaseLeftOut: the file or its labels cannot be used; the fault says why.
    """
    with open_nifti(path) as nifti:
        check_axes(path, nifti.header, findings, shape_vox)
        return read_labels(nifti, findings, shape_vox, partial(_as_labels, path, nifti.header), watch)


def read_labels(
    nifti: NiftiStream,
    findings: int,
    shape_vox: tuple[int, int, int],
    labels_of: LabelsOf,
    watch: Stopwatch,
    *,
    limit: int | None = None,
) -> list[LabelRuns]:
    """Read the runs of each finding from a file whose axes are known to be right.

    Args:
        nifti: of so many findings over a scan of this shape.
        findings: how many.
        shape_vox: (i, j, k).
        labels_of: gives the labels of stored numbers, of any shape, 0 where the value is 0; it may refuse them.
        watch: counts `inflate` and `scan`.
        limit: how many runs there may be.

    Raises:
        CaseLeftOut: the file does not inflate, or ends too early.
        TooManyRuns: there are more than the limit.
    """
    parts: list[NDArray[np.uint32]] = []
    count = 0
    for first, slab in watch.each("inflate", nifti.slabs((findings, *shape_vox))):
        with watch("scan"):
            parts.append(_slab_runs(nifti.header, first, slab, labels_of))
            count += len(parts[-1])
        if limit is not None and count > limit:
            raise TooManyRuns(f"its labels change at more than {limit:,} places")
    with watch("scan"):
        return [LabelRuns(rows, shape_vox[::-1]) for rows in _by_finding(np.concatenate(parts), findings)]


def check_axes(path: Path, header: NiftiHeader, findings: int, shape_vox: tuple[int, int, int]) -> None:
    """Make sure that a mask has so many findings over a scan of this shape; 3D is one finding.

    Raises:
        CaseLeftOut: it has not; the fault says what it has.
    """
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


def _by_finding(runs: NDArray[np.uint32], findings: int) -> list[NDArray[np.uint32]]:
    """Divide rows that begin with their finding, whose order they keep, into those of each, without it."""
    ordered = runs[np.argsort(runs[:, 0], kind="stable")]
    return np.split(ordered[:, 1:], np.searchsorted(ordered[:, 0], np.arange(1, findings)))


def _slab_runs(header: NiftiHeader, first: int, slab: NDArray[Any], labels_of: LabelsOf) -> NDArray[np.uint32]:
    """Give rows (finding, z, y, x_start, x_stop, label) of a slab (z, y, x, finding), ordered within each finding."""
    depth, height, width, findings = slab.shape
    rows = slab.reshape(depth * height, width * findings)
    filled = _filled_rows(rows.view(np.uint8)) if header.inter == 0 else np.arange(len(rows))
    labels = labels_of(rows[filled].reshape(-1, width, findings)).ravel()
    finding, start, voxels, label = _interleaved_runs(labels, _labelled(labels, _words(labels)), findings, width).T
    row, x = np.divmod(start, width)
    z, y = np.divmod(filled[row], height)
    return np.stack([finding, first + z, y, x, x + voxels, label], axis=1).astype(np.uint32)


def _as_labels(path: Path, header: NiftiHeader, stored: NDArray[Any]) -> NDArray[np.uint8 | np.uint16]:
    if stored.dtype == np.uint8 and not header.scaled:
        return stored
    values = header.values(stored)
    _check_labels(path, values)
    return np.ascontiguousarray(values, np.uint16)


def _check_labels(path: Path, values: NDArray[Any]) -> None:
    if values.dtype.kind == "f":
        _refuse(path, FaultKind.NOT_FINITE, "which is not a number", values, ~np.isfinite(values))
        _refuse(path, FaultKind.NOT_INTEGRAL, "which is not a whole number", values, values != np.rint(values))
    _refuse(path, FaultKind.NEGATIVE_LABEL, "a label below 0", values, values < 0)
    _refuse(path, FaultKind.WRONG_TYPE, f"a label above {MAX_LABEL}", values, values > MAX_LABEL)


def _refuse(path: Path, kind: FaultKind, what: str, values: NDArray[Any], wrong: NDArray[np.bool_]) -> None:
    """Leave the case out where one of the values (row, x, finding) is wrong."""
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0])
        message = f"the mask holds {values[place]:.4g}, {what}"
        raise CaseLeftOut(fault(kind, message, finding=int(place[2]), path=path))


@njit(cache=True, nogil=True)
def _filled_rows(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Find the rows of bytes that are not all 0."""
    filled = np.empty(len(rows), np.int64)
    count = 0
    for n in range(len(rows)):
        if _any(rows[n]):
            filled[count] = n
            count += 1
    return filled[:count]


@njit(cache=True, nogil=True)
def _any(row: NDArray[np.uint8]) -> bool:
    # Without an early exit, and kept in 8 bits, the loop becomes vector instructions, at memory speed.
    found = np.uint8(0)
    for byte in row:
        found = np.uint8(found | byte)
    return bool(found != 0)


def _words(labels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint64]:
    """Give the same memory in words of 8 bytes, without what is left behind the last whole one."""
    whole = labels.nbytes // 8 * 8 // labels.itemsize
    return labels[:whole].view(np.uint64)


@njit(cache=True, nogil=True)
def _labelled(labels: NDArray[Any], words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Find the places of labels that are not 0. Beside a lesion of one finding, too, most words are 0."""
    places = np.empty(labels.size, np.int64)
    in_word = 8 // labels.itemsize
    count = 0
    for word in range(len(words) + 1):
        if word == len(words) or words[word] != 0:
            for place in range(word * in_word, min((word + 1) * in_word, labels.size)):
                if labels[place] != 0:
                    places[count] = place
                    count += 1
    return places[:count]


@njit(cache=True, nogil=True)
def _interleaved_runs(labels: NDArray[Any], places: NDArray[np.int64], findings: int, width: int) -> NDArray[np.int64]:
    """Find the runs (finding, first voxel, voxels, label) of labels (row, x, finding); a run ends with its row.

    The places are those of labels that are not 0; the runs are in order within each finding.
    """
    runs = np.empty((len(places), 4), np.int64)
    latest = np.full(findings, -1, np.int64)
    count = 0
    for place in places:
        voxel, finding = divmod(place, findings)
        n = latest[finding]
        if n >= 0 and runs[n, 3] == labels[place] and runs[n, 1] + runs[n, 2] == voxel and voxel % width != 0:
            runs[n, 2] += 1
        else:
            runs[count, 0], runs[count, 1], runs[count, 2], runs[count, 3] = finding, voxel, 1, labels[place]
            latest[finding] = count
            count += 1
    return runs[:count]
