"""The settings `rexrank`, field by field against the published algorithm."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute.evaluation.labels import as_prediction
from compute.evaluation.scoring import FindingPair, case_stats, score_finding
from compute.evaluation.settings import REXRANK, EvaluatorSettings
from compute.evaluation.summaries import summarise
from compute.kernels.runs import Runs, label_runs
from tests.compute.evaluation import published
from tests.compute.evaluation.cases import KINDS, Array, make_case

VARIANTS = (
    REXRANK,
    replace(REXRANK, min_voxels=1, connectivity=26),
    replace(REXRANK, min_voxels=4, connectivity=6),
    replace(REXRANK, global_only=True),
)
CC = {6: 1, 18: 2, 26: 3}
SEEDS = 200


def as_runs(values_ijk: Array, settings: EvaluatorSettings) -> Runs:
    return label_runs(as_prediction(values_ijk.transpose(2, 1, 0), settings))


def scored(name: str, truth: Array, predicted: Array | None, settings: EvaluatorSettings) -> dict[str, Any]:
    if predicted is None:
        return {"file": name, "error": "missing_prediction"}
    i, j, k = truth.shape[1:]
    findings = {}
    for n, (drawn, given) in enumerate(zip(truth, predicted, strict=True)):
        pair = FindingPair(as_runs(drawn, settings), as_runs(given, settings), (k, j, i), None, exhaustive=False)
        findings[f"finding_{n}"] = score_finding(pair, settings)
    return {"file": name, "findings": findings, "case_stats": case_stats(findings, settings)}


def flags(settings: EvaluatorSettings) -> dict[str, Any]:
    return {
        "global_only": settings.global_only,
        "min_size": settings.min_voxels,
        "cc": CC[settings.connectivity],
    }


@pytest.fixture(scope="module")
def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[EvaluatorSettings]]:
    """Every case as the published algorithm scores it and as we do, in turn under each variant of the settings."""
    theirs, ours, used = [], [], []
    for seed in range(SEEDS):
        case, name = make_case(seed), f"case_{seed}.nii.gz"
        settings = VARIANTS[seed // 3 % len(VARIANTS)]
        theirs.append(published.case(name, case.truth, case.predicted, **flags(settings)))
        ours.append(scored(name, case.truth, case.predicted, settings))
        used.append(settings)
    return theirs, ours, used


def test_every_field_of_every_case_is_the_published_one(both: Any) -> None:
    for theirs, ours, _ in zip(*both, strict=True):
        assert json.dumps(ours) == json.dumps(theirs)


@pytest.mark.parametrize("settings", VARIANTS)
def test_every_field_of_the_summary_is_the_published_one(both: Any, settings: EvaluatorSettings) -> None:
    chosen = [n for n, used in enumerate(both[2]) if used == settings]
    theirs, ours = ([rows[n] for n in chosen] for rows in both[:2])
    assert json.dumps(summarise(ours, settings)) == json.dumps(published.summary(theirs, **flags(settings)))


def test_no_cases_give_the_published_summary_of_nothing() -> None:
    for settings in VARIANTS:
        assert json.dumps(summarise([], settings)) == json.dumps(published.summary([], **flags(settings)))


def test_the_cases_are_as_hard_as_they_should_be(both: Any) -> None:
    """Otherwise equality would say little."""
    rows = [row for case in both[0] if "findings" in case for row in case["findings"].values() if "tp" in row]
    assert sum("error" in case for case in both[0]) > 3
    assert sum(row["num_pred_instances"] == published.CAP for row in rows) > 10
    assert sum(row["num_gt_instances"] == 0 and row["num_pred_instances"] == 0 for row in rows) > 3
    assert sum(row["tp"] > 1 for row in rows) > 50
    assert sum(row["fp"] > 0 and row["fn"] > 0 for row in rows) > 20
    assert any(len({match["dice"] for match in row["matched_instances"]}) < row["tp"] for row in rows)
    orders = [[match["gt_id"] for match in row["matched_instances"]] for row in rows]
    assert any(order != sorted(order) for order in orders)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_case_is_among_them(kind: Any) -> None:
    random = np.random.default_rng(0)
    truth, predicted = kind(random, (16, 14, 12))
    assert truth.shape == predicted.shape == (16, 14, 12)
