"""Reading the truth and the prediction of a case into runs, slab by slab, and saying what is wrong with them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compute.evaluation.labels import as_labels, as_prediction
from compute.evaluation.settings import EvaluatorSettings
from compute.geometry import kernel_runs
from compute.kernels.runs import Runs
from compute.kernels.volumes import Labels
from ingest.faults import CaseLeftOut, fault
from ingest.masks import check_axes, read_labels
from ingest.nifti import NiftiHeader, NiftiStream, open_nifti
from ingest.timing import Stopwatch
from schema.import_run import FaultKind

MAX_RUNS = 8_000_000
"""Rows of one label in a file: a mask has some hundred thousand, and noise would fill the memory."""

Shape: TypeAlias = tuple[int, int, int]
Convert: TypeAlias = Callable[[NDArray[Any], EvaluatorSettings], Labels]


class Truths(Protocol):
    """Where the masks of cases are; workers get a copy."""

    def sha256(self, file: str) -> str | None:
        """The digest of a mask; None where there is none."""

    def read(self, file: str, settings: EvaluatorSettings) -> tuple[Shape, list[Runs]]:
        """The shape (i, j, k) of a mask, and the runs of each of its findings, whose labels are its instances.

        Raises:
            CaseLeftOut: it cannot be read.
            LabelsRefused: it holds what is no label, under settings that do not cast.
        """

    def steps_mm(self, file: str) -> NDArray[np.float64] | None:
        """The LPS vectors from a voxel to the next along z, y and x, where the masks' source knows them."""


@dataclass(frozen=True)
class FolderTruths:
    """Masks in files of the cases' names."""

    folder: Path

    def sha256(self, file: str) -> str | None:
        """Give the digest of a file."""
        return file_sha256(self.folder / file)

    def read(self, file: str, settings: EvaluatorSettings) -> tuple[Shape, list[Runs]]:
        """Read a file."""
        path = self.folder / file
        if not path.is_file():
            raise CaseLeftOut(fault(FaultKind.MISSING_MASK, "there is no mask of that name", path=path))
        return read_truth(path, settings)

    def steps_mm(self, _file: str) -> None:
        """Give nothing: headers of masks are not trusted."""


def file_sha256(path: Path) -> str | None:
    """Give a file's digest, None where it cannot be read: its reader says why."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def read_truth(path: Path, settings: EvaluatorSettings) -> tuple[Shape, list[Runs]]:
    """Give the shape (i, j, k) of a mask, and the runs of each of its findings, whose labels are its instances.

    Raises:
        CaseLeftOut: the file cannot be read.
        LabelsRefused: it holds what is no label, under settings that do not cast.
    """
    with open_nifti(path) as nifti:
        findings, shape_vox = _axes(path, nifti.header)
        return shape_vox, _runs(nifti, findings, shape_vox, settings, as_labels)


def read_prediction(path: Path, findings: int, shape_vox: Shape, settings: EvaluatorSettings) -> list[Runs]:
    """Give the runs of each finding of a prediction that must have the axes of its truth.

    Raises:
        CaseLeftOut: the file cannot be read, or has other axes.
        LabelsRefused: it holds what is no prediction, under settings that do not cast.
    """
    with open_nifti(path) as nifti:
        check_axes(path, nifti.header, findings, shape_vox)
        return _runs(nifti, findings, shape_vox, settings, as_prediction)


def _axes(path: Path, header: NiftiHeader) -> tuple[int, Shape]:
    """How many findings, and the scan's shape; 3D is one finding."""
    findings, i, j, k, *more = header.shape if len(header.shape) > 3 else (1, *header.shape)
    if any(length > 1 for length in more):
        message = f"its shape is {header.shape}, of more than four axes"
        raise CaseLeftOut(fault(FaultKind.SHAPE_DIFFERS, message, path=path))
    return findings, (i, j, k)


def _runs(
    nifti: NiftiStream, findings: int, shape_vox: Shape, settings: EvaluatorSettings, convert: Convert
) -> list[Runs]:
    def labels_of(stored: NDArray[Any]) -> Labels:
        return convert(nifti.header.values(stored), settings)

    read = read_labels(nifti, findings, shape_vox, labels_of, Stopwatch(), limit=MAX_RUNS)
    return [kernel_runs(each) for each in read]
