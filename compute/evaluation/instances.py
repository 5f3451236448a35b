"""The instances of one finding: which are predicted, which of them stand for a drawn one, and which count as false."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from compute.evaluation.detections import count_fields, detection_fields
from compute.evaluation.settings import EvaluatorSettings
from compute.evaluation.sums import mean
from compute.kernels.detection import found_by_size
from compute.kernels.instances import component_instances, kept_labels
from compute.kernels.matching import Matching, match_greedily, match_optimally
from compute.kernels.overlaps import Overlaps
from compute.kernels.runs import Runs
from compute.kernels.volumes import Triple


@dataclass(frozen=True)
class Instances:
    """The instances of truth and prediction, and which stand for each other."""

    overlaps: Overlaps
    matching: Matching
    false: Sequence[int] | None
    """The predicted ones that count as false, ascending; None where the truth cannot tell."""

    @cached_property
    def matched_iou(self) -> list[float]:
        """The IoU of each match."""
        truth, prediction = self.overlaps.truth_labels, self.overlaps.prediction_labels
        one, other = truth[self.overlaps.pairs[:, 0]].tolist(), prediction[self.overlaps.pairs[:, 1]].tolist()
        iou = dict(zip(zip(one, other, strict=True), self.overlaps.iou().tolist(), strict=True))
        return [iou[match.truth, match.prediction] for match in self.matching.matches]


def predicted_instances(prediction: Runs, shape_zyx: Triple, settings: EvaluatorSettings) -> Runs:
    """The prediction's runs with its instances as labels, without those that are too small or too many."""
    kept: dict[str, Any] = {"min_voxels": settings.min_voxels, "cap": settings.cap}
    if settings.instances == "labels":
        return kept_labels(prediction, **kept)
    return component_instances(prediction, shape_zyx, connectivity=settings.connectivity, **kept)


def match_instances(overlaps: Overlaps, settings: EvaluatorSettings, *, exhaustive: bool) -> Instances:
    """Match the instances of truth and prediction by their Dice.

    Args:
        overlaps: of the truth and of the predicted instances.
        settings: of the evaluator.
        exhaustive: whether the truth shows all that there is.
    """
    match = match_greedily if settings.matching == "greedy" else match_optimally
    matching = match(overlaps, overlaps.dice(settings.epsilon), settings.match_dice)
    return Instances(overlaps, matching, false_instances(matching, overlaps, settings, exhaustive=exhaustive))


def false_instances(
    matching: Matching, overlaps: Overlaps, settings: EvaluatorSettings, *, exhaustive: bool
) -> Sequence[int] | None:
    """The unmatched predicted instances that count as false; None where a partial truth cannot tell.

    Under "labelled_only" one counts if it shares a voxel with a drawn instance: what lies elsewhere may be undrawn.
    """
    if exhaustive or settings.partial_truth == "exhaustive":
        return matching.unmatched_prediction
    if settings.partial_truth is None:
        return None
    touching = set(overlaps.prediction_labels[overlaps.pairs[:, 1]].tolist())
    return [label for label in matching.unmatched_prediction if label in touching]


def instance_fields(instances: Instances) -> dict[str, Any]:
    """The published fields, in the published order."""
    matches = instances.matching.matches
    counts = count_fields(instances.matching, instances.false)
    return {
        **counts,
        **detection_fields("instance", **counts),
        "mean_matched_dice": mean([match.score for match in matches]),
        "matched_instances": [
            {"gt_id": match.truth, "pred_id": match.prediction, "dice": match.score} for match in matches
        ],
        "unmatched_gt": list(instances.matching.unmatched_truth),
        "unmatched_pred": list(instances.matching.unmatched_prediction),
        "num_gt_instances": len(instances.overlaps.truth_labels),
        "num_pred_instances": len(instances.overlaps.prediction_labels),
    }


def recall_by_size(
    instances: Instances, voxel_mm3: float | None, edges_mm: Sequence[float]
) -> list[dict[str, Any]] | None:
    """How many drawn instances there are of each size, and how many of them are matched; None without millimetres.

    An instance's size is the diameter in mm of the sphere of its volume; a class begins at an edge and ends below the
    next.
    """
    if voxel_mm3 is None:
        return None
    sizes_mm = np.cbrt(instances.overlaps.truth_voxels * voxel_mm3 * 6 / np.pi)
    matched = ~np.isin(instances.overlaps.truth_labels, instances.matching.unmatched_truth)
    there, found = (counts.tolist() for counts in found_by_size(sizes_mm, matched, edges_mm))
    edges = zip([0.0, *edges_mm], [*edges_mm, None], strict=True)
    return [size_class(low, high, *counts) for (low, high), *counts in zip(edges, there, found, strict=True)]


def size_class(from_mm: float, to_mm: float | None, instances: int, found: int) -> dict[str, Any]:
    """One class of sizes; its recall is None where it holds no instance."""
    recall = found / instances if instances else None
    return {"from_mm": from_mm, "to_mm": to_mm, "instances": instances, "found": found, "recall": recall}
