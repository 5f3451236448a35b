"""surface-distance: figures of whole findings, weighted by the area of surface elements.

PYTHON -m benchmarks.evaluation.surface_distance_ FOLDER SECONDS
"""

from typing import Any

import surface_distance as measures

from benchmarks.evaluation.peer import run_peer


def score(truth: Any, prediction: Any, spacing: Any) -> dict[str, Any]:
    """Dice, average distances, HD95 and surface Dice."""
    drawn, predicted = truth > 0, prediction > 0
    distances = measures.compute_surface_distances(drawn, predicted, spacing)
    there, back = measures.compute_average_surface_distance(distances)
    return {
        "global_dice": float(measures.compute_dice_coefficient(drawn, predicted)),
        "weighted_asd_mm": [float(there), float(back)],
        "weighted_hd95_mm": float(measures.compute_robust_hausdorff(distances, 95)),
        "weighted_nsd_2mm": float(measures.compute_surface_dice_at_tolerance(distances, 2)),
    }


if __name__ == "__main__":
    run_peer(score)
