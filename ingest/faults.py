"""Faults of sources: what was wrong, where, what became of the scan, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Any

from schema.import_run import FaultKind, Severity

_LEFT_OUT = Severity.LEFT_OUT
_WARNING = Severity.WARNING

RULES: dict[FaultKind, tuple[Severity, str]] = {
    FaultKind.UNREADABLE_FILE: (_LEFT_OUT, "fetch the file again, then run the same command"),
    FaultKind.NOT_NIFTI: (_LEFT_OUT, "replace it by the NIfTI file of that name, then run the same command"),
    FaultKind.MISSING_VOLUME: (_WARNING, "fetch the volume (see --missing FILE), then run the same command"),
    FaultKind.MISSING_MASK: (_LEFT_OUT, "fetch the mask, then run the same command"),
    FaultKind.BAD_JSON: (_LEFT_OUT, "mend the JSON file, then run the same command"),
    FaultKind.MISSING_KEY: (_LEFT_OUT, "add the key to the case"),
    FaultKind.WRONG_TYPE: (_LEFT_OUT, "give the value the type that the format asks for"),
    FaultKind.BAD_KEYS: (_LEFT_OUT, 'number the findings "0", "1", "2"... without gaps'),
    FaultKind.BAD_NAME: (_LEFT_OUT, "name the scan like train_1741_b_2.nii.gz"),
    FaultKind.DUPLICATE_SCAN: (_LEFT_OUT, "keep one of the cases of this name"),
    FaultKind.UNKNOWN_CATEGORY: (_WARNING, "give a code of the ontology; the finding is kept without a category"),
    FaultKind.EMPTY_TEXT: (_WARNING, "write the finding's text; it is kept without words"),
    FaultKind.SHAPE_DIFFERS: (_LEFT_OUT, "use the mask and the volume of the same reconstruction"),
    FaultKind.FINDING_AXIS_LAST: (_LEFT_OUT, "save the mask with the findings on the first axis"),
    FaultKind.FINDING_COUNT_DIFFERS: (_LEFT_OUT, "give the mask one channel for each finding"),
    FaultKind.NOT_INTEGRAL: (_LEFT_OUT, "save whole-number labels, not probabilities"),
    FaultKind.NEGATIVE_LABEL: (_LEFT_OUT, "use 0 for background and positive labels"),
    FaultKind.NOT_FINITE: (_LEFT_OUT, "replace NaN and infinity"),
    FaultKind.EMPTY_FINDING: (_WARNING, "check the mask: nothing is drawn in this channel"),
    FaultKind.ENTITY_COUNT_DIFFERS: (_WARNING, "the labels in the mask count; correct the declared number"),
    FaultKind.PIXELS_DIFFER: (_WARNING, "the voxels in the mask count; correct the declared number"),
    FaultKind.FILLED_PLANE: (_WARNING, "look at that plane: a whole plane is hardly a lesion"),
    FaultKind.HU_OUT_OF_RANGE: (_WARNING, "look at the volume: there is padding or metal in it"),
    FaultKind.CONSTANT_VOLUME: (_WARNING, "fetch the volume again: every voxel has the same value"),
    FaultKind.ORIENTATION_SUSPECT: (_WARNING, "look at mask and volume together: the mask may be mirrored or swapped"),
    FaultKind.PATIENT_IN_TWO_SPLITS: (_WARNING, "take the patient out of one of the splits"),
    FaultKind.CHANGED_SINCE: (_WARNING, "look at the difference; the newer is the default, the older stays readable"),
    FaultKind.FRAME_DIFFERS: (_LEFT_OUT, "save the labels on the grid of this scan's volume, with its affine"),
    FaultKind.UNKNOWN_LABEL: (_WARNING, "give the scheme that the model used, or its names by --labels FILE.json"),
    FaultKind.ORGANS_OVERLAP: (_WARNING, "look at the files: here a voxel is of one organ"),
    FaultKind.MISSING_COLUMN: (
        _WARNING,
        "give the table the column that the format asks for, or know that the section stays empty",
    ),
    FaultKind.EMPTY_REPORT: (_WARNING, "fetch the report's text; the study is kept without it"),
    FaultKind.REPORT_TOO_LONG: (_LEFT_OUT, "look at the row: this is longer than any report"),
    FaultKind.DUPLICATE_REPORT: (_LEFT_OUT, "keep one of the reports of this study"),
    FaultKind.UNMATCHED_FINDING: (_WARNING, "look at the words of the report and of its study's findings"),
    FaultKind.VOLUME_IN_TWO_SPLITS: (_WARNING, "take all but one of the scans out of the release"),
    FaultKind.REPORT_IN_TWO_SPLITS: (_WARNING, "take the scans of all but one of the studies out of the release"),
}
"""What a fault of each kind means for its scan unless said otherwise, and the remedy."""


@dataclass(frozen=True)
class FaultDraft:
    """One fault, before it has a row."""

    kind: FaultKind
    severity: Severity
    scan: str | None
    finding: int | None
    path: str | None
    message: str
    remedy: str

    def to_json(self) -> dict[str, Any]:
        """Give the fault as reports show it."""
        return asdict(self)


def fault(
    kind: FaultKind,
    message: str,
    *,
    scan: str | None = None,
    finding: int | None = None,
    path: object = None,
    severity: Severity | None = None,
) -> FaultDraft:
    """Make a fault with the severity and remedy of its kind."""
    usual, remedy = RULES[kind]
    return FaultDraft(kind, severity or usual, scan, finding, None if path is None else str(path), message, remedy)


class CaseLeftOut(Exception):
    """A case cannot be imported; its faults say why."""

    def __init__(self, *faults: FaultDraft) -> None:
        super().__init__(*faults)
        self.faults = faults
