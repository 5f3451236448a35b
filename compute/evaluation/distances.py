"""What is told in millimetres: distances of surfaces and centroids, and instances found by distance, not by overlap."""

from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from compute.evaluation.detections import count_fields, detection_fields
from compute.evaluation.instances import Instances, false_instances
from compute.evaluation.pairs import FindingPair
from compute.evaluation.settings import EvaluatorSettings
from compute.kernels.borders import border_voxels
from compute.kernels.matching import Matching, match_by_distance
from compute.kernels.pair_distances import NearPair, near_centroids, near_surfaces
from compute.kernels.runs import LABEL, Runs
from compute.kernels.surface_distances import surface_distances
from compute.kernels.volumes import Floats

Criterion: TypeAlias = Literal["assd", "centroid"]


def surface_fields(pair: FindingPair, settings: EvaluatorSettings) -> dict[str, Any]:
    """Distances between the surfaces of all that is drawn and all that is predicted; None without millimetres."""
    if pair.steps_mm is None:
        return dict.fromkeys(("assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm", "nsd"))
    truth, prediction = (border_voxels(runs, pair.shape_zyx) for runs in (pair.truth, pair.prediction))
    surfaces = surface_distances(truth, prediction, pair.steps_mm)
    return {
        "assd_mm": surfaces.assd_mm,
        "hd_mm": surfaces.hd_mm,
        "hd95_mm": surfaces.hd95_mm,
        "hd95_pooled_mm": surfaces.hd95_pooled_mm,
        "nsd": {f"{tolerance:g}": surfaces.nsd(tolerance) for tolerance in settings.nsd_tolerances_mm},
    }


def distance_fields(pair: FindingPair, instances: Instances, settings: EvaluatorSettings) -> dict[str, Any]:
    """How many instances are found by distance, under the challenge's criterion.

    A predicted instance of a focal finding may stand for a drawn one if their centroids are within so many times the
    largest spacing, of a non-focal one if the average symmetric distance of their surfaces is. How the challenge pairs
    them up is not published; here as many as possible are matched.

    Args:
        pair: with the predicted instances as the labels of its prediction.
        instances: of the pair.
        settings: of the evaluator.
    """
    if pair.focal is None or pair.steps_mm is None:
        return _fields(None, None, {"tp": None, "fp": None, "fn": None})
    limit_mm = settings.near_spacings * float(np.linalg.norm(pair.steps_mm, axis=1).max())
    near = (_near_centroids if pair.focal else _near_surfaces)(pair, pair.steps_mm, limit_mm)
    truth, prediction = instances.overlaps.truth_labels, instances.overlaps.prediction_labels
    matching = match_by_distance(truth.tolist(), prediction.tolist(), near)
    false = false_instances(matching, instances.overlaps, settings, exhaustive=pair.exhaustive)
    return _fields("centroid" if pair.focal else "assd", limit_mm, count_fields(matching, false))


def _near_centroids(pair: FindingPair, steps_mm: Floats, limit_mm: float) -> list[NearPair]:
    return near_centroids(pair.truth, pair.prediction, pair.shape_zyx[1], steps_mm, limit_mm)


def _near_surfaces(pair: FindingPair, steps_mm: Floats, limit_mm: float) -> list[NearPair]:
    return near_surfaces(pair.truth, pair.prediction, pair.shape_zyx, steps_mm, limit_mm)


def _fields(criterion: Criterion | None, limit_mm: float | None, counts: dict[str, int | None]) -> dict[str, Any]:
    return {
        "distance_criterion": criterion,
        "distance_limit_mm": limit_mm,
        **{f"distance_{name}": count for name, count in counts.items()},
        **detection_fields("distance", **counts),
    }


def match_distances(pair: FindingPair, matching: Matching) -> list[dict[str, float | None]]:
    """For each match the distances of its centroids and of its surfaces; None without millimetres."""
    return [_match_distances(pair, match.truth, match.prediction) for match in matching.matches]


def _match_distances(pair: FindingPair, truth: int, prediction: int) -> dict[str, float | None]:
    if pair.steps_mm is None:
        return {"centroid_distance_mm": None, "assd_mm": None}
    alone = replace(pair, truth=_runs_of(pair.truth, truth), prediction=_runs_of(pair.prediction, prediction))
    ((_, _, centroids_mm),) = _near_centroids(alone, pair.steps_mm, np.inf)
    ((_, _, assd_mm),) = _near_surfaces(alone, pair.steps_mm, np.inf)
    return {"centroid_distance_mm": centroids_mm, "assd_mm": assd_mm}


def _runs_of(runs: Runs, label: int) -> Runs:
    own: Runs = runs[runs[:, LABEL] == label]
    return own
