"""Where the millimetres of a case come from: its CT's header, or a table. Headers of masks are not trusted."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.kernels.frames import steps_zyx_lps_mm
from ingest.faults import CaseLeftOut
from ingest.nifti import open_nifti
from ingest.places import Places
from schema.collection import ScanName
from schema.errors import SourceError


@dataclass(frozen=True)
class Spacings:
    """The steps of scans, found by their files' names."""

    volumes: Path | None = None
    """A folder of CTs, flat or as CT-RATE lays them out."""
    table_mm: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """Spacing along i, j and k by the scan's name."""

    def steps_mm(self, file: str, shape_vox: tuple[int, int, int]) -> NDArray[np.float64] | None:
        """Give the LPS vectors from a voxel to the next along z, y and x, shape (3,3); None where none are known.

        A CT of another shape is another reconstruction, and is not taken.
        """
        volume = self.find_volume(file)
        if volume is not None and (affine := _affine_ras(volume, shape_vox)) is not None:
            return steps_zyx_lps_mm(affine)
        spacing = self.table_mm.get(scan_of(file))
        return None if spacing is None else steps_zyx_lps_mm(np.diag([*spacing, 1.0]))

    def of(self, files: Iterable[str]) -> "Spacings":
        """Give what concerns these files only: it travels to workers."""
        rows = {scan: self.table_mm[scan] for scan in map(scan_of, files) if scan in self.table_mm}
        return replace(self, table_mm=rows)

    def find_volume(self, file: str) -> Path | None:
        """Find a case's CT."""
        if self.volumes is None:
            return None
        try:
            name = ScanName.parse(file.removesuffix(".nii"))
        except ValueError:
            path = self.volumes / file
            return path if path.is_file() else None
        return Places(self.volumes, self.volumes).find_volume(name)


def read_spacing_table(path: Path) -> dict[str, tuple[float, float, float]]:
    """Give spacings by scan from a CSV with CT-RATE's columns VolumeName, XYSpacing ("[a, b]") and ZSpacing.

    Raises:
        SourceError: the file cannot be read, lacks a column, or a value is no spacing; with the row.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if missing := {"VolumeName", "XYSpacing", "ZSpacing"} - set(rows.fieldnames or ()):
                raise SourceError(f"{path}: has no column {', '.join(sorted(missing))}")
            return dict(_spacing(path, number, row) for number, row in enumerate(rows, 2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as CSV ({error})") from error


def _spacing(path: Path, number: int, row: dict[str, str]) -> tuple[str, tuple[float, float, float]]:
    try:
        i, j = json.loads(row["XYSpacing"])
        spacing = (float(i), float(j), float(row["ZSpacing"]))
        if not all(0 < each < np.inf for each in spacing):
            raise ValueError(f"{spacing} is no spacing")
    except (TypeError, ValueError) as error:
        raise SourceError(f"{path}: row {number} gives no spacing in mm ({error})") from error
    return scan_of(row["VolumeName"]), spacing


def _affine_ras(volume: Path, shape_vox: tuple[int, int, int]) -> NDArray[np.float64] | None:
    try:
        with open_nifti(volume) as nifti:
            header = nifti.header
    except CaseLeftOut:
        return None
    invertible = np.isfinite(header.affine_ras).all() and abs(np.linalg.det(header.affine_ras[:3, :3])) > 1e-9
    return header.affine_ras if invertible and header.shape[:3] == shape_vox else None


def scan_of(file: str) -> str:
    """Give a file's name without its ending."""
    return file.removesuffix(".gz").removesuffix(".nii")
