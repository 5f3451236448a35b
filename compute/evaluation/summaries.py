"""The sums and means over all cases, as one row of JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from compute.evaluation.detections import detection_fields, panoptic_fields
from compute.evaluation.instances import size_class
from compute.evaluation.settings import RANKS, EvaluatorSettings
from compute.evaluation.sums import Row, hit_fields, mean, mean_told, total

_COUNTS = ("tp", "fp", "fn")


def summarise(cases: Sequence[Mapping[str, Any]], settings: EvaluatorSettings) -> dict[str, Any]:
    """The summary of cases `{"file", "findings", "case_stats"}` in their order; those without findings do not count.

    Extended summaries say more behind the published fields. Distances are means over the findings that have them, and
    how many those are stands beside them; a total that a partial truth cannot tell is None.
    """
    scored = [case for case in cases if "findings" in case]
    rows = [row for case in scored for row in case["findings"].values()]
    published = {
        "params": _params(settings),
        "total_cases": len(scored),
        "total_findings": len(rows),
        **_hits(rows),
        **({} if settings.global_only else _instances(rows)),
        "mean_global_dice_per_finding": mean([row["global_dice"] for row in rows]),
        "mean_global_dice_per_case": mean([case["case_stats"]["mean_global_dice"] for case in scored]),
        **({} if settings.global_only else _matched_dice(rows)),
        "mean_findings_per_case": mean([len(case["findings"]) for case in scored]),
    }
    return published | (_extended(cases, rows, settings) if settings.extended else {})


def _params(settings: EvaluatorSettings) -> dict[str, Any]:
    hit = {"global_only": settings.global_only, "global_hit_thr": settings.hit_dice}
    if settings.global_only:
        return hit
    return {
        **hit,
        "match_dice_thr": settings.match_dice,
        "min_size": settings.min_voxels,
        "cc_connectivity": RANKS[settings.connectivity],
    }


def _hits(rows: Sequence[Row]) -> dict[str, Any]:
    told = hit_fields(rows)
    return {"total_hits": told["hits"], "total_misses": told["misses"], "hit_rate": told["hit_rate"]}


def _instances(rows: Sequence[Row]) -> dict[str, Any]:
    counts = {name: total(rows, name) for name in _COUNTS}
    return {
        **{f"total_{name}": count for name, count in counts.items()},
        "total_gt_instances": total(rows, "num_gt_instances"),
        "total_pred_instances": total(rows, "num_pred_instances"),
        **detection_fields("overall_instance", **counts),
    }


def _matched_dice(rows: Sequence[Row]) -> dict[str, float]:
    """Over all matches, whatever the published name says."""
    return {"mean_matched_dice_per_finding": mean([match["dice"] for match in _matches(rows)])}


def _matches(rows: Sequence[Row]) -> list[Row]:
    return [match for row in rows for match in row["matched_instances"]]


def _extended(cases: Sequence[Row], rows: Sequence[Row], settings: EvaluatorSettings) -> dict[str, Any]:
    more: dict[str, Any] = {
        "failed_cases": sum("error" in case for case in cases),
        "partial_findings": sum(not row["truth_exhaustive"] for row in rows),
        "mean_global_iou_per_finding": mean([row["global_iou"] for row in rows]),
    }
    if settings.global_only:
        return more
    more |= {**_panoptic(rows), "recall_by_size": _recall_by_size(rows)}
    return more | (_distances(rows, settings) if settings.distances else {})


def _panoptic(rows: Sequence[Row]) -> dict[str, float | None]:
    """Over all instances together, not over findings."""
    matched_iou = [match["iou"] for match in _matches(rows)]
    fields = panoptic_fields(matched_iou, total(rows, "fp"), sum(row["fn"] for row in rows))
    return {f"overall_{name}": value for name, value in fields.items()}


def _recall_by_size(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Class by class, over the findings that have sizes."""
    classes = zip(*(row["recall_by_size"] for row in rows if row["recall_by_size"] is not None), strict=True)
    return [
        size_class(
            same[0]["from_mm"],
            same[0]["to_mm"],
            sum(each["instances"] for each in same),
            sum(each["found"] for each in same),
        )
        for same in classes
    ]


def _distances(rows: Sequence[Row], settings: EvaluatorSettings) -> dict[str, Any]:
    judged = [row for row in rows if row["distance_criterion"] is not None]
    counts = {name: total(judged, f"distance_{name}") for name in _COUNTS}
    names = ("assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm")
    return {
        "findings_judged_by_distance": len(judged),
        **{f"total_distance_{name}": count for name, count in counts.items()},
        **detection_fields("overall_distance", **counts),
        "findings_with_surface_distances": sum(row["assd_mm"] is not None for row in rows),
        **{f"mean_{name}_per_finding": mean_told([row[name] for row in rows]) for name in names},
        "mean_nsd_per_finding": _nsd(rows, settings),
    }


def _nsd(rows: Sequence[Row], settings: EvaluatorSettings) -> dict[str, float | None]:
    told = [row["nsd"] for row in rows if row["nsd"] is not None]
    return {name: mean_told([nsd[name] for nsd in told]) for name in map("{:g}".format, settings.nsd_tolerances_mm)}
