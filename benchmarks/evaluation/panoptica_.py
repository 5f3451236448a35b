"""panoptica: components of the prediction, 18 neighbours, matched at a Dice of 0.2, and figures of whole findings.

PYTHON -m benchmarks.evaluation.panoptica_ FOLDER SECONDS
"""

from typing import Any

import cc3d
import numpy as np
from panoptica import InputType, Panoptica_Evaluator
from panoptica.instance_matcher import NaiveThresholdMatching
from panoptica.metrics import Metric

from benchmarks.evaluation.peer import run_peer

EVALUATOR = Panoptica_Evaluator(
    expected_input=InputType.UNMATCHED_INSTANCE,
    instance_matcher=NaiveThresholdMatching(matching_metric=Metric.DSC, matching_threshold=0.2),
    instance_metrics=[Metric.DSC, Metric.IOU],
    global_metrics=[Metric.DSC, Metric.IOU, Metric.ASSD, Metric.HD95],
)


def score(truth: Any, prediction: Any, spacing: Any) -> dict[str, Any]:
    """Dice, IoU, ASSD and HD95 of the finding, Dice and IoU of its instances."""
    components = cc3d.connected_components(prediction, connectivity=18).astype(np.uint16)
    found = EVALUATOR.evaluate(components, truth.astype(np.uint16), voxelspacing=spacing)["ungrouped"]
    return {
        "global_dice": float(found.global_bin_dsc),
        "global_iou": float(found.global_bin_iou),
        "tp": int(found.tp),
        "fp": int(found.fp),
        "fn": int(found.fn),
        "assd_mm": float(found.global_bin_assd),
        "hd95_mm": float(found.global_bin_hd95),
    }


if __name__ == "__main__":
    run_peer(score)
