"""The settings `groundct` against plain definitions, and against what theory says."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.evaluation.scoring import FindingPair, score_finding, score_missing
from compute.evaluation.settings import GROUNDCT, EvaluatorSettings
from compute.kernels.runs import Runs, label_runs
from tests.compute.evaluation import plain
from tests.compute.evaluation.cases import KINDS, Array, make_case, shifted

STEPS_ZYX_MM = np.array([[0.1, 0.3, 2.0], [0.0, 0.9, -0.1], [0.8, 0.0, 0.0]])
STEPS_IJK_MM = STEPS_ZYX_MM[::-1]
LIMIT_MM = 2 * float(np.linalg.norm(STEPS_ZYX_MM, axis=1).max())
LOOSE = replace(GROUNDCT, min_voxels=2)
BY_LABEL = replace(GROUNDCT, instances="labels", min_voxels=0)
unhurried = settings(deadline=None, max_examples=40)
close = pytest.approx


def runs_of(labels_ijk: Array) -> Runs:
    return label_runs(labels_ijk.transpose(2, 1, 0).astype(np.uint16))


def pair_of(truth_ijk: Array, predicted_ijk: Array, **more: Any) -> FindingPair:
    i, j, k = truth_ijk.shape
    return FindingPair(runs_of(truth_ijk), runs_of(predicted_ijk), (k, j, i), STEPS_ZYX_MM, **{"focal": True, **more})


def one_finding(seed: int) -> tuple[Array, Array]:
    """A truth with labels and a prediction of 0 and 1."""
    case = make_case(seed)
    truth = case.truth[0].astype(np.uint16)
    predicted = np.zeros_like(truth) if case.predicted is None else case.predicted[0].astype(np.int64) & 1
    return truth, predicted


def by_label(labels: Array) -> dict[int, Array]:
    return {int(label): labels == label for label in np.unique(labels) if label}


def two_lesions() -> Array:
    labels = np.zeros((30, 26, 24), np.uint16)
    labels[3:9, 4:9, 3:8] = 7
    labels[15:22, 12:20, 10:20] = 2
    return labels


def scores_of(row: dict[str, Any]) -> dict[str, Any]:
    names = ("dice", "iou", "precision", "recall", "f1", "quality")
    return {name: value for name, value in row.items() if name.endswith(names)}


@pytest.mark.parametrize("seed", range(0, 2 * 3 * len(KINDS), 2))
@pytest.mark.parametrize("used", [GROUNDCT, LOOSE])
def test_a_row_is_what_plain_definitions_say(seed: int, used: EvaluatorSettings) -> None:
    truth, predicted = one_finding(seed)
    instances = plain.components(predicted > 0, used.min_voxels, 2)
    for focal in (True, False):
        row = score_finding(pair_of(truth, predicted, focal=focal), used)
        _check_whole(row, truth > 0, predicted > 0)
        _check_matches(row, by_label(truth), by_label(instances))
        _check_found_by_distance(row, by_label(truth), by_label(instances), focal=focal)
        _check_sizes(row, by_label(truth))


def _check_whole(row: dict[str, Any], truth: Array, predicted: Array) -> None:
    assert row["global_dice"] == close(plain.dice(truth, predicted))
    assert row["global_iou"] == close(plain.iou(truth, predicted))
    assert row["global_hit"] == (plain.dice(truth, predicted) >= 0.1)
    expected = plain.surfaces(truth, predicted, STEPS_IJK_MM, (1, 2, 5))
    assert {name: row[name] for name in expected} == {name: close(value) for name, value in expected.items()}
    assert (row["truth_voxels"], row["prediction_voxels"]) == (truth.sum(), predicted.sum())
    assert row["truth_volume_ml"] == close(truth.sum() * abs(np.linalg.det(STEPS_IJK_MM)) / 1000)


def _check_matches(row: dict[str, Any], truth: dict[int, Array], found: dict[int, Array]) -> None:
    scores = {(t, p): plain.dice(truth[t], found[p]) for t in truth for p in found}
    high = {pair: score for pair, score in scores.items() if score >= 0.2}
    matches = row["matched_instances"]
    chosen = [(match["gt_id"], match["pred_id"]) for match in matches]
    assert set(chosen) <= set(high)
    assert sum(match["dice"] for match in matches) == close(plain.greatest_sum(list(truth), high))
    assert row["unmatched_gt"] == sorted(set(truth) - {t for t, _ in chosen})
    assert row["unmatched_pred"] == sorted(set(found) - {p for _, p in chosen})
    assert len(truth) == row["num_gt_instances"] == row["tp"] + row["fn"]
    assert len(found) == row["num_pred_instances"] == row["tp"] + row["fp"]
    for match in matches:
        one, other = truth[match["gt_id"]], found[match["pred_id"]]
        between = plain.centroid_mm(one, STEPS_IJK_MM) - plain.centroid_mm(other, STEPS_IJK_MM)
        assert match["dice"] == close(plain.dice(one, other))
        assert match["iou"] == close(plain.iou(one, other))
        assert match["centroid_distance_mm"] == close(np.linalg.norm(between))
        assert match["assd_mm"] == close(plain.assd_mm(one, other, STEPS_IJK_MM))
    _check_panoptic(row)


def _check_panoptic(row: dict[str, Any]) -> None:
    tp, fp, fn = row["tp"], row["fp"], row["fn"]
    total = sum(match["iou"] for match in row["matched_instances"])
    empty = tp + fp + fn == 0
    assert row["panoptic_quality"] == close(1.0 if empty else total / (tp + fp / 2 + fn / 2))
    assert row["panoptic_quality"] == close(row["segmentation_quality"] * row["recognition_quality"])
    assert row["instance_f1"] == close(row["recognition_quality"])


def _check_found_by_distance(
    row: dict[str, Any], truth: dict[int, Array], found: dict[int, Array], *, focal: bool
) -> None:
    near = {(t, p) for t in truth for p in found if _distance_mm(truth[t], found[p], focal=focal) <= LIMIT_MM}
    assert row["distance_criterion"] == ("centroid" if focal else "assd")
    assert row["distance_limit_mm"] == close(LIMIT_MM)
    assert row["distance_tp"] == plain.most_pairs(list(truth), near)
    assert row["distance_tp"] + row["distance_fn"] == len(truth)
    assert row["distance_tp"] + row["distance_fp"] == len(found)


def _distance_mm(one: Array, other: Array, *, focal: bool) -> float:
    if not focal:
        return plain.assd_mm(one, other, STEPS_IJK_MM)
    return float(np.linalg.norm(plain.centroid_mm(one, STEPS_IJK_MM) - plain.centroid_mm(other, STEPS_IJK_MM)))


def _check_sizes(row: dict[str, Any], truth: dict[int, Array]) -> None:
    voxel_mm3 = abs(np.linalg.det(STEPS_IJK_MM))
    diameters = {t: 2 * (mask.sum() * voxel_mm3 * 3 / (4 * np.pi)) ** (1 / 3) for t, mask in truth.items()}
    for each in row["recall_by_size"]:
        of_size = [t for t, size in diameters.items() if each["from_mm"] <= size < (each["to_mm"] or np.inf)]
        found = [t for t in of_size if t not in row["unmatched_gt"]]
        assert (each["instances"], each["found"]) == (len(of_size), len(found))
        assert each["recall"] == (len(found) / len(of_size) if of_size else None)


@pytest.mark.parametrize("focal", [True, False])
@pytest.mark.parametrize("used", [GROUNDCT, BY_LABEL])
def test_a_perfect_prediction_scores_1_everywhere(used: EvaluatorSettings, focal: bool) -> None:
    labels = two_lesions()
    row = score_finding(pair_of(labels, labels, focal=focal), used)
    assert set(scores_of(row).values()) == {1.0}
    assert len(scores_of(row)) == 12
    assert row["global_hit"]
    assert row["nsd"] == {"1": 1.0, "2": 1.0, "5": 1.0}
    assert [row[name] for name in ("assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm")] == [0.0] * 4
    assert {each["recall"] for each in row["recall_by_size"]} == {None, 1.0}


def test_an_empty_prediction_scores_0() -> None:
    labels = two_lesions()
    row = score_finding(pair_of(labels, np.zeros_like(labels)), GROUNDCT)
    scores = scores_of(row)
    assert (scores.pop("instance_precision"), scores.pop("distance_precision")) == (1.0, 1.0)  # nothing said, no lie
    assert set(scores.values()) == {0.0}
    assert (row["global_hit"], row["assd_mm"], row["hd95_mm"]) == (False, None, None)
    assert row["nsd"] == {"1": 0.0, "2": 0.0, "5": 0.0}


def test_nothing_predicted_of_nothing_drawn_is_perfect() -> None:
    empty = np.zeros((5, 6, 7), np.uint8)
    row = score_finding(pair_of(empty, empty), GROUNDCT)
    assert {name for name, value in scores_of(row).items() if value != 1.0} == {"mean_matched_dice"}
    assert (row["assd_mm"], row["nsd"]["1"]) == (0.0, 1.0)


@pytest.mark.parametrize("steps", range(1, 10))
def test_a_shifted_box_scores_what_theory_says(steps: int) -> None:
    labels = np.zeros((30, 26, 24), np.uint16)
    labels[4:14, 5:12, 6:11] = 3
    row = score_finding(pair_of(labels, shifted(labels, (steps, 0, 0)) > 0), GROUNDCT)
    moved_mm = steps * float(np.linalg.norm(STEPS_IJK_MM[0]))
    assert row["global_dice"] == close((10 - steps) / 10)
    assert row["global_iou"] == close((10 - steps) / (10 + steps))
    assert row["hd_mm"] == close(moved_mm)
    assert row["tp"] == ((10 - steps) / 10 >= 0.2)
    assert row["distance_tp"] == (moved_mm <= LIMIT_MM)
    assert all(match["centroid_distance_mm"] == close(moved_mm) for match in row["matched_instances"])


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_shifted_plate_is_as_far_away_as_it_was_moved(steps: int) -> None:
    labels = np.zeros((12, 16, 14), np.uint16)
    labels[3] = 1
    straight = np.diag([1.5, 0.8, 0.7])
    pair = pair_of(labels, shifted(labels, (steps, 0, 0)), focal=False)
    row = score_finding(replace(pair, steps_mm=straight), GROUNDCT)
    names = ("assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm")
    assert [row[name] for name in names] == [close(0.7 * steps)] * 4
    assert row["nsd"] == {name: float(0.7 * steps <= float(name)) for name in ("1", "2", "5")}
    assert (row["global_dice"], row["tp"], row["distance_tp"]) == (0.0, 0, int(0.7 * steps <= 3.0))


def test_optimal_matching_makes_two_matches_where_the_greedy_one_makes_one() -> None:
    truth, predicted = np.zeros((40, 4, 4), np.uint16), np.zeros((40, 4, 4), np.uint16)
    truth[:12], truth[12:22] = 1, 2
    predicted[8:18], predicted[18:30] = 1, 2
    by_sum = score_finding(pair_of(truth, predicted), BY_LABEL)
    greedily = score_finding(pair_of(truth, predicted), replace(BY_LABEL, matching="greedy"))
    assert [(match["gt_id"], match["pred_id"]) for match in by_sum["matched_instances"]] == [(1, 1), (2, 2)]
    assert [(match["gt_id"], match["pred_id"]) for match in greedily["matched_instances"]] == [(2, 1)]


@unhurried
@given(st.integers(0, 2**16), st.booleans())
def test_exchanging_truth_and_prediction_exchanges_precision_and_recall(seed: int, focal: bool) -> None:
    truth = make_case(seed).truth[0].astype(np.uint16)
    predicted = shifted(truth, (1, 0, -1))
    row = score_finding(pair_of(truth, predicted, focal=focal), BY_LABEL)
    back = score_finding(pair_of(predicted, truth, focal=focal), BY_LABEL)
    same = ("global_dice", "global_iou", "panoptic_quality", "assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm", "nsd")
    assert [row[name] for name in same] == [close(back[name]) for name in same]
    for kind in ("instance", "distance"):
        assert row[f"{kind}_precision"] == back[f"{kind}_recall"]
        assert row[f"{kind}_f1"] == close(back[f"{kind}_f1"])


@unhurried
@given(st.integers(0, 2**16))
def test_other_names_of_drawn_instances_change_no_score(seed: int) -> None:
    truth, predicted = one_finding(seed)
    names = np.concatenate([[0], np.random.default_rng(seed).permutation(np.arange(1, 65_536))]).astype(np.uint16)
    row = score_finding(pair_of(truth, predicted), GROUNDCT)
    renamed = score_finding(pair_of(names[truth], predicted), GROUNDCT)
    assert {name: close(value) for name, value in scores_of(row).items()} == scores_of(renamed)


@unhurried
@given(st.integers(0, 2**16))
def test_rows_are_plain_json(seed: int) -> None:
    pair = pair_of(*one_finding(seed), focal=None)
    for used in (GROUNDCT, replace(GROUNDCT, distances=False), replace(GROUNDCT, global_only=True)):
        for row in (score_finding(pair, used), score_missing(pair, used), score_finding(_flat(pair), used)):
            assert json.loads(json.dumps(row, allow_nan=False)) == row


def _flat(pair: FindingPair) -> FindingPair:
    return replace(pair, steps_mm=None)


def test_without_millimetres_nothing_is_told_in_them() -> None:
    labels = two_lesions()
    row = score_finding(_flat(pair_of(labels, labels)), GROUNDCT)
    told = [name for name, value in row.items() if value is None]
    assert {"assd_mm", "nsd", "truth_volume_ml", "recall_by_size", "distance_criterion", "distance_tp"} <= set(told)
    assert {(each["assd_mm"], each["centroid_distance_mm"]) for each in row["matched_instances"]} == {(None, None)}
    assert (row["global_dice"], row["instance_f1"]) == (1.0, 1.0)


def test_without_a_focality_no_instance_is_found_by_distance() -> None:
    labels = two_lesions()
    row = score_finding(pair_of(labels, labels, focal=None), GROUNDCT)
    assert [value for name, value in row.items() if name.startswith("distance_")] == [None] * 8
    assert row["assd_mm"] == 0.0


def test_a_missing_prediction_scores_0_even_where_nothing_is_drawn() -> None:
    labels = two_lesions()
    for truth in (labels, np.zeros_like(labels)):
        row = score_missing(pair_of(truth, labels), GROUNDCT)
        assert set(scores_of(row).values()) == {0.0}
        assert row["nsd"] == {"1": 0.0, "2": 0.0, "5": 0.0}
        assert (row["global_hit"], row["tp"], row["fp"], row["assd_mm"]) == (False, 0, 0, None)
        assert row["fn"] == row["num_gt_instances"] == len(by_label(truth))
        assert row.keys() == score_finding(pair_of(truth, labels), GROUNDCT).keys()


def test_only_the_whole_is_told_under_global_only() -> None:
    labels = two_lesions()
    row = score_finding(pair_of(labels, labels), replace(GROUNDCT, global_only=True))
    assert {"global_dice", "global_hit", "global_iou", "truth_voxels", "truth_exhaustive"} <= set(row)
    assert not {"tp", "assd_mm", "panoptic_quality"} & set(row)


def test_the_whole_is_of_what_was_given_with_the_instances_that_are_too_small() -> None:
    labels = two_lesions()
    predicted = (labels > 0).astype(np.uint8)
    predicted[0, 0, :3] = 1
    given_, kept = (
        score_finding(pair_of(labels, predicted), replace(GROUNDCT, whole=whole)) for whole in ("given", "kept")
    )
    assert (given_["prediction_voxels"], kept["prediction_voxels"]) == (predicted.sum(), predicted.sum() - 3)
    assert given_["hd_mm"] > kept["hd_mm"] == 0.0
    assert given_["num_pred_instances"] == kept["num_pred_instances"] == 2


def partial(policy: Any, exhaustive: bool = False) -> dict[str, Any]:
    """Of three predicted instances one is right, one touches a drawn one and one lies where nothing is drawn."""
    truth, predicted = two_lesions(), (two_lesions() == 2).astype(np.uint8)
    predicted[3:6, 4:8, 3] = 1
    predicted[25:29, 20:24, 1:5] = 1
    return score_finding(pair_of(truth, predicted, exhaustive=exhaustive), replace(GROUNDCT, partial_truth=policy))


def test_a_partial_truth_refuses_what_it_cannot_tell() -> None:
    row, whole = partial(None), partial(None, exhaustive=True)
    refused = ("fp", "instance_precision", "instance_f1", "panoptic_quality", "recognition_quality")
    refused += ("distance_fp", "distance_precision", "distance_f1")
    assert {name for name in row if row[name] != whole[name]} == {*refused, "truth_exhaustive"}
    assert [row[name] for name in refused] == [None] * 8
    assert (row["tp"], row["fn"], row["instance_recall"]) == (1, 1, 0.5)
    assert (row["truth_exhaustive"], whole["truth_exhaustive"]) == (False, True)


def test_a_named_policy_tells_it() -> None:
    assert (partial("labelled_only")["fp"], partial("exhaustive")["fp"], partial(None, exhaustive=True)["fp"]) == (
        1,
        2,
        2,
    )
    assert partial("labelled_only")["instance_precision"] == 0.5
    assert partial("labelled_only")["unmatched_pred"] == partial("exhaustive")["unmatched_pred"]
    assert partial("labelled_only", exhaustive=True) == partial(None, exhaustive=True)


def test_a_missing_prediction_of_a_partial_truth_still_tells_nothing_of_false_ones() -> None:
    row = score_missing(pair_of(two_lesions(), two_lesions(), exhaustive=False), GROUNDCT)
    assert (row["fp"], row["instance_precision"], row["instance_recall"]) == (None, None, 0.0)
