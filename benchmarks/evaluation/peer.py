"""How a peer is run: finding by finding on the same arrays, until its time is up."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.evaluation.answering import answer
from benchmarks.geometry.case import load_case

Score = Callable[[Any, Any, Any], dict[str, Any]]
"""From truth and prediction (z,y,x) and the spacing (z,y,x) in mm to values."""


def run_peer(score: Score) -> None:
    """Load the case that the command names, and answer; after so many seconds no further finding is begun."""
    folder, limit = Path(sys.argv[1]), float(sys.argv[2])
    case, predictions = load_case(folder), np.load(folder / "predictions.npy")

    def run() -> dict[str, Any]:
        start, rows = perf_counter(), []
        for truth, prediction in zip(case.labels, predictions, strict=True):
            if perf_counter() - start > limit:
                break
            rows.append(score(truth, prediction, case.spacing_zyx_mm))
        return {"seconds": perf_counter() - start, "values": rows}

    answer(run)
