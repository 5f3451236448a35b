"""How the array of a labels file lies in its scan: as it is, or turned by its affine, which here is to be trusted."""

from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import aff2axcodes, apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.masks import read_mask
from ingest.nifti import open_nifti
from ingest.timing import Stopwatch
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind, Severity

STEP_TOLERANCE = 1e-3
"""How far a step from voxel to voxel may be from the scan's, as a share of it."""
CORNER_TOLERANCE_MM = 0.05
"""How far apart the nearest of their corners may be."""

Affine = NDArray[np.float64]
_AS_IT_IS = np.array([[0, 1], [1, 1], [2, 1]], np.float64)


@dataclass(frozen=True)
class ScanGrid:
    """The voxels of a scan: how many along i, j and k, and where, if its volume is there."""

    shape_vox: tuple[int, int, int]
    affine_ras: Affine | None


@dataclass(frozen=True)
class Placement:
    """What makes a file's array the scan's."""

    shape_vox: tuple[int, int, int]
    """The file's own shape."""
    turn: NDArray[np.float64]
    """nibabel's orientation, (3,2): for each axis of the file the scan's axis, and -1 where it is flipped."""
    faults: tuple[FaultDraft, ...]

    def place(self, labels: LabelRuns) -> LabelRuns:
        """Give the file's labels in the scan's voxels."""
        if np.array_equal(self.turn, _AS_IT_IS):
            return labels
        greatest = int(labels.runs[:, 4].max(initial=0))
        dense = labels.to_dense(dtype=np.uint8 if greatest < 256 else np.uint16)
        return LabelRuns.from_dense(np.ascontiguousarray(apply_orientation(dense.T, self.turn).T))


def read_placed(path: Path, scan: ScanGrid) -> tuple[LabelRuns, tuple[FaultDraft, ...]]:
    """Read a 3D file of labels in its scan's voxels, and what was odd about how it lies there.

    Raises:
        CaseLeftOut: the file cannot be used, has other axes, or lies elsewhere.
    """
    placement = place_file(path, scan)
    try:
        (labels,) = read_mask(path, 1, placement.shape_vox, Stopwatch())
    except CaseLeftOut as error:
        raise CaseLeftOut(*(replace(one, finding=None) for one in error.faults)) from error
    return placement.place(labels), placement.faults


def place_file(path: Path, scan: ScanGrid) -> Placement:
    """Hold a file's shape and affine against its scan's.

    Raises:
        CaseLeftOut: it is no NIfTI file, has other axes, or lies elsewhere.
    """
    with open_nifti(path) as nifti:
        shape = nifti.header.shape
    if len(shape) != 3 or sorted(shape) != sorted(scan.shape_vox):
        raise _differs(path, shape, scan)
    if scan.affine_ras is None:
        if shape != scan.shape_vox:
            raise _differs(path, shape, scan)
        return Placement(shape, _AS_IT_IS, ())
    affine, notes = _read_affine(path)
    turn = io_orientation(np.linalg.solve(scan.affine_ras, affine))
    turned = affine @ inv_ornt_aff(turn, shape)
    if tuple(shape[axis] for axis in np.argsort(turn[:, 0])) != scan.shape_vox:
        raise _differs(path, shape, scan)
    _check_same_place(path, turned, scan.affine_ras, scan.shape_vox)
    if not np.array_equal(turn, _AS_IT_IS):
        notes = (*notes, _turn_note(path, affine, scan.affine_ras))
    return Placement(shape, turn, notes)


def _differs(path: Path, shape: tuple[int, ...], scan: ScanGrid) -> CaseLeftOut:
    message = f"the file's shape is {shape}, the scan's {scan.shape_vox}"
    return CaseLeftOut(fault(FaultKind.SHAPE_DIFFERS, message, path=path))


def _read_affine(path: Path) -> tuple[Affine, tuple[FaultDraft, ...]]:
    """Give the sform, or else the qform with a note."""
    try:
        header = nibabel.load(path).header
        sform = _usable(header.get_sform(coded=True)[0])
        qform = None if sform is not None else _usable(header.get_qform(coded=True)[0])
    except (OSError, EOFError, ValueError, ImageFileError, HeaderDataError) as error:
        raise CaseLeftOut(fault(FaultKind.NOT_NIFTI, f"its affine cannot be read ({error})", path=path)) from error
    if sform is not None:
        return sform, ()
    if qform is None:
        message = "it has neither an sform nor a qform that can be used"
        raise CaseLeftOut(fault(FaultKind.FRAME_DIFFERS, message, path=path))
    message = "its sform is not set; its qform is used"
    return qform, (fault(FaultKind.FRAME_DIFFERS, message, path=path, severity=Severity.NOTE),)


def _usable(affine: Affine | None) -> Affine | None:
    """The affine, unless it is not set, not finite or flat."""
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        return None
    return affine


def _check_same_place(path: Path, affine: Affine, scan_affine: Affine, shape: tuple[int, int, int]) -> None:
    """Leave the file out where the affines differ; from the nearest corner on, steps keep them together."""
    corners = np.array([[*corner, 1] for corner in product(*((0, size - 1) for size in shape))])
    apart_mm = np.linalg.norm(corners @ (affine - scan_affine)[:3].T, axis=1)
    steps_mm = np.linalg.norm((affine - scan_affine)[:3, :3], axis=0)
    spacing_mm = np.linalg.norm(scan_affine[:3, :3], axis=0)
    if apart_mm.min() > CORNER_TOLERANCE_MM or (steps_mm > STEP_TOLERANCE * spacing_mm).any():
        found = np.linalg.norm(affine[:3, :3], axis=0)
        message = (
            f"its affine puts it elsewhere: corners {apart_mm.min():.4g} to {apart_mm.max():.4g} mm apart, "
            f"voxels of {_sizes(found)} mm for {_sizes(spacing_mm)} mm"
        )
        raise CaseLeftOut(fault(FaultKind.FRAME_DIFFERS, message, path=path))


def _sizes(sizes_mm: NDArray[np.float64]) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes_mm)


def _turn_note(path: Path, affine: Affine, scan_affine: Affine) -> FaultDraft:
    found, wanted = ("".join(aff2axcodes(each)) for each in (affine, scan_affine))
    message = f"its axes point {found}, the scan's {wanted}; it is turned by its affine"
    return fault(FaultKind.FRAME_DIFFERS, message, path=path, severity=Severity.NOTE)
