"""What is wrong with the files of a case that is to be scored: the kind, in words, and what to do about it."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from compute.evaluation.labels import LabelsRefused
from ingest.faults import CaseLeftOut

_REMEDIES = {
    "missing_prediction": "save the prediction under that name",
    "missing_truth": "fetch the mask into --gt_dir",
    "unreadable_file": "write the file again",
    "not_nifti": "save the prediction as a NIfTI file",
    "shape_differs": "save the prediction in the voxels of the mask, with its axes in the same order",
    "finding_axis_last": "save the prediction with the findings on the first axis",
    "finding_count_differs": "save one channel for each finding, empty where nothing is predicted",
    "probabilities": "choose a threshold, and save 0 and 1",
    "not_integral": "save 0 and 1",
    "not_binary": "save 0 and 1",
    "negative": "save 0 and 1",
    "too_large": "save 0 and 1",
    "too_fragmented": "save a segmentation, not noise: choose a higher threshold",
    "not_finite": "replace NaN and infinity by 0",
    "failed": "run with -v for the details; the other cases are scored",
    "bad_entry": "mend the case in the dataset's JSON file",
}


_KINDS = {"negative_label": "negative", "wrong_type": "too_large", "missing_mask": "missing_truth"}
"""Kinds of an import that have other names here."""


@dataclass(frozen=True)
class PredictionFault:
    """One fault of one case, as reports show it."""

    kind: str
    file: str
    """The case's name."""
    path: str | None
    message: str
    remedy: str

    def to_json(self) -> dict[str, Any]:
        """Give the fault as the result holds it."""
        return asdict(self)


def prediction_fault(kind: str, file: str, message: str, path: Path | None = None) -> PredictionFault:
    """Make a fault with the remedy of its kind."""
    return PredictionFault(kind, file, None if path is None else str(path), message, _REMEDIES[kind])


def truth_fault(error: "CaseLeftOut | LabelsRefused", file: str) -> PredictionFault:
    """Give the fault that an error of reading a mask stands for."""
    found = fault_of(error, file, None)
    if found.kind == "missing_truth":
        return found
    return replace(found, message=f"the mask: {found.message}", remedy="fetch the mask again")


def fault_of(error: "CaseLeftOut | LabelsRefused", file: str, path: Path | None) -> PredictionFault:
    """Give the fault that an error of reading a prediction stands for."""
    if isinstance(error, LabelsRefused):
        return prediction_fault(str(error.reason), file, str(error), path)
    found = error.faults[0]
    kind = _KINDS.get(str(found.kind), str(found.kind))
    return prediction_fault(kind, file, found.message, path or (Path(found.path) if found.path else None))
