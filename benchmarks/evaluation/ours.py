"""All metrics of the settings `groundct` on arrays in memory, finding by finding.

    python -m benchmarks.evaluation.ours FOLDER

Prints one line of JSON for each line on standard input: seconds and values. Loading is not counted.
"""

import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.answering import answer
from benchmarks.geometry.case import load_case
from compute.evaluation.scoring import FindingPair, score_finding
from compute.evaluation.settings import GROUNDCT
from compute.kernels.borders import border_voxels
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.runs import label_runs
from compute.kernels.surface_distances import surface_distances


def main() -> None:
    """Load the case and answer."""
    folder = Path(sys.argv[1])
    case, predictions = load_case(folder), np.load(folder / "predictions.npy")
    steps = steps_zyx_lps_mm(case.affine_ras)

    def run() -> dict[str, Any]:
        start, rows = perf_counter(), []
        for n, (truth, prediction) in enumerate(zip(case.labels, predictions, strict=True)):
            depth, height, width = truth.shape
            pair = FindingPair(
                label_runs(truth), label_runs(prediction), (depth, height, width), steps, focal=n % 2 == 0
            )
            rows.append(score_finding(pair, GROUNDCT))
        seconds = perf_counter() - start
        names = ("global_dice", "global_iou", "tp", "fp", "fn", "assd_mm", "hd95_mm")
        values = [
            {**{name: row[name] for name in names}, **_in_voxels(truth, prediction)}
            for row, truth, prediction in zip(rows, case.labels, predictions, strict=True)
        ]
        return {"seconds": seconds, "values": values}

    answer(run)


def _in_voxels(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> dict[str, Any]:
    """Distances as panoptica defines them, and in voxels, as it tells those of whole findings; not timed."""
    depth, height, width = truth.shape
    borders = (border_voxels(label_runs(labels), (depth, height, width)) for labels in (truth, prediction))
    found = surface_distances(*borders, np.eye(3))
    if found.truth_to_prediction_mm is None or found.prediction_to_truth_mm is None:
        return {"hd95_pooled_voxels": None, "mean_of_means_voxels": None}
    means = found.truth_to_prediction_mm.mean(), found.prediction_to_truth_mm.mean()
    return {"hd95_pooled_voxels": found.hd95_pooled_mm, "mean_of_means_voxels": float(np.mean(means))}


if __name__ == "__main__":
    main()
