"""Intervals hold what they promise, differences of nothing are not found, and order means nothing."""

from typing import Any

import numpy as np
import pytest

from compute.evaluation.comparison import compare
from compute.evaluation.metrics import METRICS, metrics_of
from compute.evaluation.rows import FindingRow, finding_rows, size_names
from compute.evaluation.statistics import describe, statistics
from schema.errors import SourceError

DICE = [METRICS[0]]


def row(patient: int, finding: int = 0, category: str | None = "2d", **scores: Any) -> FindingRow:
    return FindingRow(f"train_{patient}_a_1.nii.gz", f"finding_{finding}", f"train_{patient}", category, "test", scores)


def rows(seed: int, patients: int = 40, shift: float = 0.0) -> list[FindingRow]:
    """Patients of one to four findings that have something of their patient in common."""
    random = np.random.default_rng(seed)
    made = []
    for patient in range(patients):
        level = random.normal(0.5 + shift, 0.2)
        count = random.integers(1, 5)
        made += [row(patient, n, global_dice=float(level + random.normal(0, 0.05))) for n in range(count)]
    return made


def test_intervals_hold_the_truth_in_most_samples_though_findings_share_their_patient() -> None:
    """95% promised; with 40 patients percentile intervals are known to be a little short."""
    ends = [describe(rows(seed), DICE)["metrics"]["global_dice"] for seed in range(200)]
    assert 0.88 <= np.mean([each["low"] <= 0.5 <= each["high"] for each in ends]) <= 0.99


def test_the_order_of_rows_means_nothing() -> None:
    made = rows(1)
    shuffled = [made[n] for n in np.random.default_rng(0).permutation(len(made))]
    assert statistics(shuffled) == statistics(made)


def test_counts_are_put_together_before_they_are_divided() -> None:
    made = [row(1, tp=1, fp=0, fn=0), row(2, tp=1, fp=8, fn=3)]
    metrics = describe(made, metrics_of(made))["metrics"]
    assert metrics["instance_precision"]["value"] == 2 / 10
    assert metrics["instance_recall"]["value"] == 2 / 5
    assert metrics["instance_f1"]["value"] == pytest.approx(2 * 2 / (2 * 2 + 8 + 3))


def test_what_is_not_told_does_not_count() -> None:
    made = [row(1, global_dice=0.4, assd_mm=None), row(2, global_dice=0.6, assd_mm=3.0)]
    metrics = describe(made, metrics_of(made))["metrics"]
    assert (metrics["assd_mm"]["value"], metrics["assd_mm"]["findings"]) == (3.0, 1)
    assert (metrics["global_dice"]["value"], metrics["global_dice"]["findings"]) == (0.5, 2)
    assert describe([], DICE)["metrics"]["global_dice"] == {"value": None, "low": None, "high": None, "findings": 0}


def test_groups_and_those_of_few_findings() -> None:
    small = [row(n, category="2d", global_dice=0.5, truth_volume_ml=0.05) for n in range(12)]
    large = [row(n, 1, "1a", global_dice=0.5, truth_volume_ml=900.0) for n in range(9)]
    groups = statistics([*small, *large, row(1, 2, None, global_dice=1.0)])["groups"]
    assert {key: (part["findings"], part["few"]) for key, part in groups["category"].items()} == {
        "1a": (9, True),
        "2d": (12, False),
        "unknown": (1, True),
    }
    assert list(groups["parent"]) == ["1", "2", "unknown"]
    assert {key: part["findings"] for key, part in groups["focality"].items()} == {
        "focal": 12,
        "non_focal": 9,
        "unknown": 1,
    }
    assert {key: part["findings"] for key, part in groups["size"].items()} == {
        "under 6 mm": 12,
        "30 mm and more": 9,
        "unknown": 1,
    }


def test_sizes_are_of_the_sphere_of_equal_volume() -> None:
    assert row(1, truth_volume_ml=4 / 3 * np.pi * 5**3 / 1000).diameter_mm == pytest.approx(10)
    assert size_names((6.0, 10.0)) == ["under 6 mm", "6 to 10 mm", "10 mm and more"]


def result(made: list[FindingRow], **settings: Any) -> dict[str, Any]:
    """An evaluator's result of these rows."""
    files: dict[str, Any] = {}
    for each in made:
        files.setdefault(each.file, {})[each.name] = each.scores
    inputs = {file: {"patient": file[:-11], "categories": {"0": "2d"}, "truth_sha256": file} for file in files}
    return {
        "cases": [{"file": file, "findings": findings} for file, findings in files.items()],
        "groundct": {"settings": settings, "inputs": inputs},
    }


def test_rows_come_back_from_a_result() -> None:
    (found,) = finding_rows(result([row(1, global_dice=0.5)]))
    assert (found.patient, found.category, found.scores) == ("train_1", "2d", {"global_dice": 0.5})


def p_of(first: list[FindingRow], second: list[FindingRow]) -> dict[str, Any]:
    found: dict[str, Any] = compare(result(first), result(second))["overall"]["metrics"]["global_dice"]
    return found


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    first = rows(1)
    better = [row(int(r.patient[6:]), int(r.name[8:]), global_dice=r.scores["global_dice"] + 0.05) for r in first]
    found = p_of(first, better)
    assert found["difference"] == pytest.approx(0.05)
    assert 0 < found["low"] <= 0.05 <= found["high"]
    assert found["p"] < 0.001
    same = p_of(first, first)
    assert [same[name] for name in ("difference", "low", "high", "p", "p_holm")] == [0, 0, 0, 1, 1]


def test_p_is_uniform_where_there_is_no_difference() -> None:
    random = np.random.default_rng(0)
    values = []
    for seed in range(100):
        base = rows(seed, patients=25)
        pair = [
            [row(int(r.patient[6:]), int(r.name[8:]), global_dice=float(random.normal(0.5, 0.1))) for r in base]
            for _ in range(2)
        ]
        values.append(p_of(*pair)["p"])
    assert 0.01 <= np.mean(np.array(values) <= 0.1) <= 0.2
    assert 0.4 <= np.mean(values) <= 0.6


def test_correction_never_lowers_a_p_and_keeps_their_order() -> None:
    first, second = rows(1), rows(1, shift=0.05)
    found = compare(result(first), result(second))
    cells = [found["overall"]["metrics"]["global_dice"]]
    cells += [part["metrics"]["global_dice"] for parts in found["groups"].values() for part in parts.values()]
    assert len(cells) > 3
    ordered = sorted(cells, key=lambda cell: cell["p"])
    assert all(cell["p_holm"] >= cell["p"] for cell in cells)
    assert [cell["p_holm"] for cell in ordered] == sorted(cell["p_holm"] for cell in cells)
    assert ordered[0]["p_holm"] == pytest.approx(min(1, ordered[0]["p"] * len(cells)))


def test_findings_of_one_result_only_are_counted_and_not_compared() -> None:
    found = compare(result(rows(1)), result(rows(1)[3:]))
    assert (found["only_in_first"], found["only_in_second"], found["findings"]) == (3, 0, len(rows(1)) - 3)


def test_results_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(SourceError, match=r"different settings \(connectivity\)"):
        compare(result(rows(1), connectivity=6), result(rows(1), connectivity=18))
    other = result(rows(1))
    other["groundct"]["inputs"]["train_3_a_1.nii.gz"]["truth_sha256"] = "other"
    with pytest.raises(SourceError, match=r"the mask of train_3_a_1.nii.gz is not the same"):
        compare(result(rows(1)), other)


def test_leaving_far_findings_empty_does_not_shorten_distances() -> None:
    first = [row(n, global_dice=0.5, assd_mm=float(n)) for n in range(20)]
    second = [row(n, global_dice=0.5, assd_mm=float(n) if n < 15 else None) for n in range(20)]
    found = compare(result(first), result(second))["overall"]["metrics"]["assd_mm"]
    assert (found["difference"], found["p"], found["findings"]) == (0, 1, 15)


def test_one_patient_gives_no_interval() -> None:
    found = describe([row(1, 0, global_dice=0.2), row(1, 1, global_dice=0.8)], DICE)["metrics"]["global_dice"]
    assert (found["value"], found["low"], found["high"]) == (0.5, None, None)


def test_intervals_of_few_patients_are_hardly_too_narrow() -> None:
    ends = [describe(rows(seed, patients=8), DICE)["metrics"]["global_dice"] for seed in range(300)]
    assert np.mean([each["low"] <= 0.5 <= each["high"] for each in ends]) >= 0.9
