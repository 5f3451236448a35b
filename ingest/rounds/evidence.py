"""Whether a file that came back lies where its finding is: held against what went out, or else against the CT."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.geometry import kernel_runs
from compute.kernels.likeness import likeness_of_moves, likeness_of_readings
from compute.kernels.orientation import audit_orientation
from compute.kernels.samples import sample_inside_and_shell
from ingest.faults import FaultDraft, fault
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind, Severity

AT_ITS_PLACE = 0.1
"""From this IoU with what went out on, labels lie where they did; corrections change more of them than one thinks."""
MIRRORED = 0.5
"""What another reading must reach, and twice what the labels reach as they are stored."""
MOVED = 0.95
"""What a move must reach: the same labels elsewhere, and not others of about the same form."""
_MOVED_VOXELS = 64  # fewer have the same form by chance

ReadVolume = Callable[[], NDArray[np.int16]]
"""Gives the whole volume (z, y, x)."""


def misplaced(labels: LabelRuns, shown: LabelRuns, read_volume: ReadVolume | None, path: Path) -> FaultDraft | None:
    """Give a fault, with its evidence, where labels are mirrored, swapped or shifted; None where that does not show.

    Args:
        labels: what came back, in the scan's voxels.
        shown: what went out; empty where the file was.
        read_volume: gives the scan's CT, where there is one.
        path: the file that came back.
    """
    if not len(labels.runs) or labels == shown:
        return None
    if len(shown.runs):
        stored, told = _against_shown(labels, shown)
        if stored >= AT_ITS_PLACE or told is not None:
            return _fault(told, path) if told else None
    told = _against_volume(labels, read_volume()) if read_volume else None
    return _fault(told, path) if told else None


def _fault(message: str, path: Path) -> FaultDraft:
    return fault(FaultKind.ORIENTATION_SUSPECT, message, path=path, severity=Severity.LEFT_OUT)


def _against_shown(labels: LabelRuns, shown: LabelRuns) -> tuple[float, str | None]:
    """Give the IoU as stored, and what speaks against it."""
    runs, others, shape = kernel_runs(labels), kernel_runs(shown), labels.shape_zyx
    stored, *readings = likeness_of_readings(runs, others, shape)
    best = max(readings, key=lambda each: each.iou, default=None)
    if best is not None and best.iou >= MIRRORED and best.iou >= 2 * stored.iou:
        how = f"read with {best.reading.name}, its labels overlap those that went out by {best.iou:.2f} (IoU)"
        return stored.iou, f"{how}, as stored by {stored.iou:.2f}"
    move = likeness_of_moves(runs, others, shape)
    if move is not None and move.iou >= MOVED and move.iou >= 2 * stored.iou and labels.voxels >= _MOVED_VOXELS:
        how = f"moved by {move.voxels_ijk} voxels, its labels overlap those that went out by {move.iou:.2f} (IoU)"
        return stored.iou, f"{how}, as stored by {stored.iou:.2f}"
    return stored.iou, None


def _against_volume(labels: LabelRuns, volume_zyx: NDArray[np.int16]) -> str | None:
    audit = audit_orientation(volume_zyx, [sample_inside_and_shell(kernel_runs(labels), labels.shape_zyx)])
    if not audit.suspect or audit.best_other is None:
        return None
    stored, other = audit.stored, audit.best_other
    return (
        f"read with {other.reading.name}, its labels fit the CT far better: score {other.score:.2f} "
        f"against {stored.score:.2f} as stored ({stored.air_share:.0%} of their voxels below -500 HU, "
        f"{other.air_share:.0%} when read so)"
    )
