"""Counts of instances, and what follows from them, as fields. None for false ones: the truth cannot tell how many."""

from collections.abc import Sequence

from compute.kernels.detection import detection, panoptic_quality
from compute.kernels.matching import Matching


def count_fields(matching: Matching, false: Sequence[int] | None) -> dict[str, int | None]:
    """The matched, the false and the missed."""
    return {
        "tp": len(matching.matches),
        "fp": None if false is None else len(false),
        "fn": len(matching.unmatched_truth),
    }


def detection_fields(prefix: str, tp: int | None, fp: int | None, fn: int | None) -> dict[str, float | None]:
    """Precision, recall and F1, under names with that prefix; what needs a count that is None is None."""
    names = [f"{prefix}_{name}" for name in ("precision", "recall", "f1")]
    if tp is None or fn is None:
        return dict.fromkeys(names)
    told = detection(tp, fp or 0, fn)
    if fp is None:
        return dict(zip(names, (None, told.recall, None), strict=True))
    return dict(zip(names, (told.precision, told.recall, told.f1), strict=True))


def panoptic_fields(matched_iou: Sequence[float], fp: int | None, fn: int) -> dict[str, float | None]:
    """Panoptic quality and its two factors, of which one does without the false."""
    told = panoptic_quality(matched_iou, fp or 0, fn)
    return {
        "panoptic_quality": None if fp is None else told.quality,
        "segmentation_quality": told.segmentation,
        "recognition_quality": None if fp is None else told.recognition,
    }
