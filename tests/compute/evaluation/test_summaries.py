"""Cases and summaries under `groundct`: what is summed, what is a mean of whom, and what is refused."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute.evaluation.scoring import FindingPair, case_stats, score_finding, score_missing
from compute.evaluation.settings import GROUNDCT
from compute.evaluation.summaries import summarise
from compute.kernels.runs import label_runs

STEPS_MM = np.diag([1.0, 1.0, 1.0])


def pair(*, shift: int = 0, exhaustive: bool = True, focal: bool | None = True, steps: bool = True) -> FindingPair:
    """Two boxes of 6 x 6 x 6 voxels, and both moved along z."""
    truth, predicted = np.zeros((2, 40, 8, 20), np.uint8)
    truth[2:8, 1:7, 1:7], truth[2:8, 1:7, 11:17] = 1, 2
    predicted[2 + shift : 8 + shift] = truth[2:8] > 0
    runs = label_runs(truth), label_runs(predicted)
    return FindingPair(*runs, (40, 8, 20), STEPS_MM if steps else None, focal, exhaustive)


def case(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    findings = {f"finding_{n}": row for n, row in enumerate(rows)}
    return {"file": "a.nii.gz", **more, "findings": findings, "case_stats": case_stats(findings, GROUNDCT)}


@pytest.fixture
def mixed() -> dict[str, Any]:
    """A perfect finding, one moved by half, one missed; and a case without a prediction."""
    scored = [score_finding(pair(shift=shift), GROUNDCT) for shift in (0, 3, 20)]
    missing = case(score_missing(pair(), GROUNDCT), error="missing_prediction")
    return summarise([case(*scored), missing, {"file": "b.nii.gz", "error": "unreadable_truth"}], GROUNDCT)


def test_a_missing_prediction_counts_as_0(mixed: dict[str, Any]) -> None:
    assert (mixed["total_cases"], mixed["total_findings"], mixed["failed_cases"]) == (2, 4, 2)
    assert mixed["mean_global_dice_per_finding"] == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert mixed["mean_global_dice_per_case"] == pytest.approx((0.5 + 0) / 2)
    assert mixed["mean_findings_per_case"] == 2
    assert (mixed["total_hits"], mixed["total_misses"], mixed["hit_rate"]) == (2, 2, 0.5)


def test_instances_are_counted_over_all_findings(mixed: dict[str, Any]) -> None:
    assert [mixed[f"total_{name}"] for name in ("tp", "fp", "fn")] == [4, 2, 4]
    assert (mixed["overall_instance_precision"], mixed["overall_instance_recall"]) == (4 / 6, 0.5)
    assert mixed["overall_panoptic_quality"] == pytest.approx((1 + 1 + 1 / 3 + 1 / 3) / (4 + 1 + 2))
    assert mixed["mean_matched_dice_per_finding"] == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)


def test_recall_by_size_adds_up_class_by_class(mixed: dict[str, Any]) -> None:
    diameter_mm = 2 * (216 * 3 / (4 * np.pi)) ** (1 / 3)
    assert 6 < diameter_mm < 10
    told = [(each["from_mm"], each["to_mm"], each["instances"], each["found"]) for each in mixed["recall_by_size"]]
    assert told == [(0.0, 6.0, 0, 0), (6.0, 10.0, 8, 4), (10.0, 30.0, 0, 0), (30.0, None, 0, 0)]
    assert [each["recall"] for each in mixed["recall_by_size"]] == [None, 0.5, None, None]


def test_distances_are_means_over_the_findings_that_have_them(mixed: dict[str, Any]) -> None:
    assert mixed["findings_with_surface_distances"] == 3
    assert mixed["mean_hd_mm_per_finding"] == pytest.approx((0 + 3 + 20) / 3)
    assert mixed["mean_nsd_per_finding"]["1"] < 0.5
    assert [mixed[f"total_distance_{name}"] for name in ("tp", "fp", "fn")] == [2, 4, 6]
    assert mixed["findings_judged_by_distance"] == 4


def test_findings_without_a_criterion_are_not_judged_by_distance() -> None:
    rows = [score_finding(pair(), GROUNDCT), score_finding(pair(focal=None), GROUNDCT)]
    summary = summarise([case(*rows, score_finding(pair(steps=False), GROUNDCT))], GROUNDCT)
    assert (summary["findings_judged_by_distance"], summary["total_distance_tp"]) == (1, 2)
    assert (summary["overall_distance_f1"], summary["mean_assd_mm_per_finding"]) == (1.0, 0.0)


def test_one_partial_truth_makes_the_total_of_false_ones_unknown() -> None:
    rows = [score_finding(pair(exhaustive=exhaustive), GROUNDCT) for exhaustive in (True, False)]
    stats, summary = case(*rows)["case_stats"], summarise([case(*rows)], GROUNDCT)
    assert (stats["fp"], stats["instance_precision"], stats["instance_f1"]) == (None, None, None)
    assert (stats["tp"], stats["fn"], stats["instance_recall"], stats["mean_global_dice"]) == (4, 0, 1.0, 1.0)
    refused = ("total_fp", "overall_instance_precision", "overall_instance_f1", "overall_panoptic_quality")
    assert [summary[name] for name in refused] == [None] * 4
    assert (summary["partial_findings"], summary["overall_instance_recall"]) == (1, 1.0)
    assert (summary["total_distance_fp"], summary["overall_distance_recall"]) == (None, 1.0)


def test_nothing_scored_is_summed_up_without_a_division_by_0() -> None:
    for settings in (GROUNDCT, replace(GROUNDCT, distances=False), replace(GROUNDCT, global_only=True)):
        summary = summarise([{"file": "a.nii.gz", "error": "unreadable_truth"}], settings)
        assert json.loads(json.dumps(summary, allow_nan=False)) == summary
        assert (summary["total_cases"], summary["failed_cases"], summary["hit_rate"]) == (0, 1, 0.0)


def test_published_fields_come_first_and_in_their_order() -> None:
    row = score_finding(pair(), GROUNDCT)
    published = score_finding(pair(), replace(GROUNDCT, extended=False))
    assert list(row)[: len(published)] == list(published)
    summary, plain = (summarise([case(row)], settings) for settings in (GROUNDCT, replace(GROUNDCT, extended=False)))
    assert list(summary)[: len(plain)] == list(plain)
