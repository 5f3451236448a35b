"""Reading the truth and the prediction of a case into runs, slab by slab, and saying what is wrong with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

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
