"""Scores of one finding, and of one case from its findings, as rows of JSON."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compute.evaluation.detections import detection_fields, panoptic_fields
from compute.evaluation.distances import distance_fields, match_distances, surface_fields
from compute.evaluation.instances import (
    Instances,
    instance_fields,
    match_instances,
    predicted_instances,
    recall_by_size,
)
from compute.evaluation.pairs import FindingPair
from compute.evaluation.settings import EvaluatorSettings
from compute.evaluation.sums import Row, hit_fields, mean, total
from compute.kernels.overlaps import Overlaps, count_overlaps, dice, iou

__all__ = ["FindingPair", "case_stats", "score_finding", "score_missing"]

_SCORES = (
    "global_dice",
    "global_iou",
    "instance_precision",
    "instance_recall",
    "instance_f1",
    "panoptic_quality",
    "segmentation_quality",
    "recognition_quality",
    "distance_precision",
    "distance_recall",
    "distance_f1",
)
_DISTANCES = ("assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm")


def score_finding(pair: FindingPair, settings: EvaluatorSettings) -> dict[str, Any]:
    """The row of one finding: the published fields, and ours behind them in extended rows.

    What a partial truth cannot tell is None, unless the settings say how to judge it.
    """
    given = count_overlaps(pair.truth, pair.prediction)
    if settings.global_only:
        return _whole_fields(given, settings) | (_extended_whole(pair, given) if settings.extended else {})
    kept = replace(pair, prediction=predicted_instances(pair.prediction, pair.shape_zyx, settings))
    instances = match_instances(count_overlaps(kept.truth, kept.prediction), settings, exhaustive=pair.exhaustive)
    whole, overlaps = (pair, given) if settings.whole == "given" else (kept, instances.overlaps)
    row = {**_whole_fields(overlaps, settings), **instance_fields(instances)}
    if settings.extended:
        row |= _extended_instances(kept, instances, row, settings)
        row |= surface_fields(whole, settings) if settings.distances else {}
        row |= _extended_whole(whole, overlaps)
    return row


def score_missing(pair: FindingPair, settings: EvaluatorSettings) -> dict[str, Any]:
    """The row of a finding without a usable prediction; the pair's prediction is not looked at.

    It is that of an empty prediction, but for its scores, which are 0 even where nothing is drawn. What a partial
    truth cannot tell is None here too.
    """
    row = score_finding(replace(pair, prediction=pair.prediction[:0]), settings)
    row |= {name: 0.0 for name in _SCORES if row.get(name) is not None}
    row |= {name: None for name in _DISTANCES if name in row}
    if row.get("nsd"):
        row["nsd"] = dict.fromkeys(row["nsd"], 0.0)
    return row | {"global_hit": False}


def case_stats(findings: Mapping[str, Row], settings: EvaluatorSettings) -> dict[str, Any]:
    """The sums and means of a case from the rows of its findings, by their names `finding_0`, `finding_1`, ..."""
    rows = list(findings.values())
    dices = [row["global_dice"] for row in rows]
    if settings.global_only:
        return {"mean_global_dice": mean(dices), **hit_fields(rows), "finding_global_dice_list": dices}
    counts = {name: total(rows, name) for name in ("tp", "fp", "fn")}
    matched = [row["mean_matched_dice"] for row in rows if row["matched_instances"]]
    return {
        **counts,
        "gt_instances": total(rows, "num_gt_instances"),
        "pred_instances": total(rows, "num_pred_instances"),
        "mean_global_dice": mean(dices),
        "mean_matched_dice": mean(matched),
        **detection_fields("instance", **counts),
        **hit_fields(rows),
        "finding_global_dice_list": dices,
        "matched_dice_list": matched,
    }


def _whole_fields(overlaps: Overlaps, settings: EvaluatorSettings) -> dict[str, Any]:
    value = float(dice(*_voxels(overlaps), settings.epsilon))
    return {"global_dice": value, "global_hit": value >= settings.hit_dice}


def _extended_whole(pair: FindingPair, overlaps: Overlaps) -> dict[str, Any]:
    """The overlap that is not published, and how much was drawn and predicted."""
    shared, truth, prediction = _voxels(overlaps)
    return {
        "global_iou": float(iou(shared, truth, prediction)),
        "truth_voxels": truth,
        "prediction_voxels": prediction,
        "truth_volume_ml": None if pair.voxel_mm3 is None else truth * pair.voxel_mm3 / 1000,
        "truth_exhaustive": pair.exhaustive,
    }


def _voxels(overlaps: Overlaps) -> tuple[int, int, int]:
    """How many voxels are in both, drawn and predicted."""
    return (
        int(overlaps.shared_voxels.sum()),
        int(overlaps.truth_voxels.sum()),
        int(overlaps.prediction_voxels.sum()),
    )


def _extended_instances(
    kept: FindingPair, instances: Instances, row: Row, settings: EvaluatorSettings
) -> dict[str, Any]:
    """Panoptic quality, recall by size, instances found by distance, and more of each match of the row."""
    more: list[dict[str, Any]] = [{"iou": each} for each in instances.matched_iou]
    if settings.distances:
        measured = match_distances(kept, instances.matching)
        more = [{**each, **distances} for each, distances in zip(more, measured, strict=True)]
    return {
        "matched_instances": [{**match, **each} for match, each in zip(row["matched_instances"], more, strict=True)],
        **panoptic_fields(instances.matched_iou, row["fp"], row["fn"]),
        "recall_by_size": recall_by_size(instances, kept.voxel_mm3, settings.size_edges_mm),
        **(distance_fields(kept, instances, settings) if settings.distances else {}),
    }
