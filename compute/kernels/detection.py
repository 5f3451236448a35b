"""How well instances are detected: precision, recall, F1, panoptic quality, and recall by size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compute.kernels.volumes import Floats, Ints


@dataclass(frozen=True)
class Detection:
    """Precision, recall and their harmonic mean."""

    precision: float
    """TP / (TP + FP); 1 where nothing is predicted."""
    recall: float
    """TP / (TP + FN); 1 where nothing is to be found."""
    f1: float
    """2 x precision x recall / (precision + recall); 0 where both are 0."""


def detection(tp: int, fp: int, fn: int) -> Detection:
    """The three from counts of matched, wrongly predicted and missed instances."""
    precision = tp / (tp + fp) if tp + fp else 1.0
    recall = tp / (tp + fn) if tp + fn else 1.0
    both = precision + recall
    return Detection(precision, recall, 2 * precision * recall / both if both else 0.0)


@dataclass(frozen=True)
class PanopticQuality:
    """Kirillov et al., Panoptic segmentation (CVPR 2019), equation 1, with its two factors."""

    quality: float
    """PQ = SQ x RQ."""
    segmentation: float
    """SQ: the mean IoU of matched pairs; 0 without any, 1 where there is nothing on either side."""
    recognition: float
    """RQ = TP / (TP + FP / 2 + FN / 2); 1 where there is nothing on either side."""


def panoptic_quality(matched_iou: Sequence[float] | Floats, fp: int, fn: int) -> PanopticQuality:
    """Panoptic quality of a matching, from the IoU of its matched pairs.

    Whatever threshold made the matching is taken as it is; the published one is an IoU above 0.5.
    """
    tp = len(matched_iou)
    if tp + fp + fn == 0:
        return PanopticQuality(1.0, 1.0, 1.0)
    segmentation = float(np.mean(matched_iou)) if tp else 0.0
    recognition = tp / (tp + fp / 2 + fn / 2)
    return PanopticQuality(segmentation * recognition, segmentation, recognition)


def found_by_size(sizes: npt.ArrayLike, found: npt.ArrayLike, edges: Sequence[float]) -> tuple[Ints, Ints]:
    """How many instances there are of each size, and how many of them were found.

    Args:
        sizes: (n,) of the drawn instances, in any unit.
        found: (n,) whether each was matched.
        edges: ascending; class c holds sizes from edges[c - 1] on, below edges[c], the first and last are open.

    Returns:
        Two arrays of len(edges) + 1 counts.
    """
    which = np.digitize(np.asarray(sizes, np.float64), edges)
    count = len(edges) + 1
    there = np.bincount(which, minlength=count)
    matched = np.bincount(which[np.asarray(found, bool)], minlength=count)
    return there.astype(np.int64), matched.astype(np.int64)
