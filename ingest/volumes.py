"""Reading CT volumes as int16 HU in (z, y, x) order, and looking at what is odd about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.kernels.body import BodyOutline, find_body, outline_of
from compute.kernels.frames import spacing_mm
from compute.kernels.sides import body_midline_lps_mm
from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.nifti import NiftiHeader, open_nifti
from ingest.timing import Stopwatch
from schema.import_run import FaultKind, Severity

HU_RANGE = (-2048, 16_000)
"""What scanners write; beyond it lie padding and faults."""
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class ReadVolume:
    """A scan's voxels with their frame."""

    voxels_zyx: NDArray[np.int16]
    hu_min: int
    hu_max: int
    affine_ras: NDArray[np.float64]
    orientation: str
    midline_lps_mm: float
    body: BodyOutline
    faults: tuple[FaultDraft, ...]

    @property
    def spacing_mm(self) -> list[float]:
        """Voxel size along i, j, k."""
        spacing: list[float] = spacing_mm(self.affine_ras).tolist()
        return spacing


def read_volume(path: Path, shape_vox: tuple[int, int, int], watch: Stopwatch) -> ReadVolume:
    """Read a volume of this shape (i, j, k).

    Stored int16 are taken as HU as they are. Other dtypes, and headers with a slope and intercept, are converted;
    what is not whole is rounded, and a note says so.

    Raises:
        CaseLeftOut: the file cannot be used; the fault says why.
    """
    with open_nifti(path) as nifti:
        header = nifti.header
        _check_shape(path, header, shape_vox)
        voxels = np.empty(shape_vox[::-1], np.int16)
        is_hu = header.dtype == np.int16 and not header.scaled
        low, high, rounded = _INT16.max, _INT16.min, 0.0
        for first, slab in watch.each("inflate", nifti.slabs(shape_vox, into=voxels if is_hu else None)):
            with watch("scan"):
                part = voxels[first : first + len(slab)]
                if not is_hu:
                    rounded = max(rounded, _convert(path, header, slab, part))
                low, high = min(low, int(part.min())), max(high, int(part.max()))
    with watch("scan"):
        body = find_body(voxels)
        midline = body_midline_lps_mm(voxels, header.affine_ras, body=body)
    faults = (*_rounding(path, rounded), *_intensity_faults(path, low, high))
    return ReadVolume(voxels, low, high, header.affine_ras, header.orientation, midline, outline_of(body), faults)


def _check_shape(path: Path, header: NiftiHeader, shape_vox: tuple[int, int, int]) -> None:
    shape = header.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if shape != shape_vox:
        message = f"the volume's shape is {header.shape}, the case says {shape_vox}"
        raise CaseLeftOut(fault(FaultKind.SHAPE_DIFFERS, message, path=path))
    if not np.isfinite(header.affine_ras).all() or abs(np.linalg.det(header.affine_ras[:3, :3])) < 1e-9:
        raise CaseLeftOut(fault(FaultKind.NOT_NIFTI, "the volume's affine cannot be inverted", path=path))


def _convert(path: Path, header: NiftiHeader, slab: NDArray[Any], target: NDArray[np.int16]) -> float:
    """Convert a slab to HU and give the largest change that rounding made."""
    values = slab.astype(np.float64) * header.slope + header.inter
    if not np.isfinite(values).all():
        raise CaseLeftOut(fault(FaultKind.NOT_FINITE, "the volume holds NaN or infinity", path=path))
    whole = np.rint(values)
    target[:] = np.clip(whole, _INT16.min, _INT16.max)
    return float(np.abs(values - whole).max())


def _rounding(path: Path, rounded: float) -> Iterator[FaultDraft]:
    if rounded > 0:
        message = f"the volume holds fractions of HU; rounded by up to {rounded:.3g}"
        yield fault(FaultKind.NOT_INTEGRAL, message, path=path, severity=Severity.NOTE)


def _intensity_faults(path: Path, low: int, high: int) -> Iterator[FaultDraft]:
    if low == high:
        yield fault(FaultKind.CONSTANT_VOLUME, f"every voxel of the volume is {low}", path=path)
    elif low < HU_RANGE[0] or high > HU_RANGE[1]:
        message = f"the volume's values run from {low} to {high} HU, beyond {HU_RANGE[0]} to {HU_RANGE[1]}"
        yield fault(FaultKind.HU_OUT_OF_RANGE, message, path=path)
