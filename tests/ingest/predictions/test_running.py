"""A folder of predictions: what each case gives, what is wrong with it, and that nothing is scored twice."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from compute.evaluation.settings import GROUNDCT, REXRANK, EvaluatorSettings
from compute.kernels.runs import label_runs
from ingest.nifti_files import encode_nifti
from ingest.predictions import reading, scoring
from ingest.predictions.running import Journal, evaluate_predictions
from ingest.predictions.spacing import Spacings
from schema.errors import SourceError
from tests.ingest.predictions.folders import FINDINGS, SHAPE_VOX, Dataset, Mask, make_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path, cases=3)


def same(mask: Mask) -> Mask:
    return mask


def faults(result: dict[str, Any]) -> dict[str, str]:
    return {fault["file"]: fault["kind"] for fault in result["groundct"]["faults"]}


def rows(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for case in result["cases"] for row in case["findings"].values()]


@pytest.mark.parametrize("settings", [GROUNDCT, REXRANK])
def test_a_perfect_prediction_has_1_everywhere(dataset: Dataset, settings: EvaluatorSettings) -> None:
    dataset.predict(same)
    summary = evaluate_predictions(dataset.options(), settings)["summary"]
    assert (summary["total_cases"], summary["total_findings"], summary["hit_rate"]) == (3, 9, 1)
    assert summary["mean_global_dice_per_finding"] == summary["overall_instance_recall"] == 1


def test_an_empty_prediction_has_0_everywhere(dataset: Dataset) -> None:
    dataset.predict(np.zeros_like)
    result = evaluate_predictions(dataset.options(), GROUNDCT)
    assert result["summary"]["mean_global_dice_per_finding"] == result["summary"]["overall_instance_recall"] == 0
    assert {row["nsd"] and row["nsd"]["1"] for row in rows(result)} <= {0, None}


def test_a_shifted_prediction_is_as_far_as_it_is_shifted(dataset: Dataset) -> None:
    """A box of n voxels along k, moved by one, shares n - 1 planes; its border is at most one plane away."""
    dataset.predict(lambda mask: np.roll(mask, 1, axis=3))
    options = dataset.options(spacings=Spacings(dataset.root / "volumes"))
    for row in rows(evaluate_predictions(options, GROUNDCT)):
        assert 0.6 < row["global_dice"] < 0.85
        assert row["hd_mm"] == pytest.approx(1.5)
        assert row["nsd"]["2"] == 1
        assert [match["centroid_distance_mm"] for match in row["matched_instances"]] == [pytest.approx(1.5)] * 2


def test_millimetres_come_from_volumes_or_a_table_and_never_from_masks(dataset: Dataset) -> None:
    dataset.predict(lambda mask: np.roll(mask, 1, axis=3))
    table = Spacings(table_mm={f"train_{n}_a_1": (1.0, 1.0, 4.0) for n in range(3)})
    for spacings, expected in ((Spacings(), None), (table, 4.0), (Spacings(dataset.root / "volumes"), 1.5)):
        result = evaluate_predictions(dataset.options(spacings=spacings), GROUNDCT)
        assert {row["hd_mm"] for row in rows(result)} == {expected}
        facts = result["groundct"]["inputs"]["train_0_a_1.nii.gz"]
        assert (facts["spacing_mm"] and facts["spacing_mm"][2]) == expected


def flipped(axis: int) -> Any:
    return lambda mask: np.flip(mask, axis)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (flipped(1), "i mirrored"),
        (flipped(2), "j mirrored"),
        (flipped(3), "k mirrored"),
        (lambda mask: mask[[1, 0, 2]], "findings 0 and 1 exchanged"),
        (lambda mask: mask.transpose(0, 2, 1, 3), "i and j swapped"),
    ],
)
def test_another_arrangement_is_suspected_and_scored_as_it_is(dataset: Dataset, change: Any, name: str) -> None:
    dataset.predict(change)
    result = evaluate_predictions(dataset.options(), GROUNDCT)
    assert {one["arrangement"] for one in result["groundct"]["suspicions"]} == {name}
    assert len(result["groundct"]["suspicions"]) == 3
    assert result["summary"]["mean_global_dice_per_finding"] < 0.7
    dataset.predict(same)
    assert evaluate_predictions(dataset.options(), GROUNDCT)["groundct"]["suspicions"] == []


def values(mask: Mask, value: float, dtype: type = np.float32) -> NDArray[Any]:
    return np.where(mask > 0, value, 0).astype(dtype)


def with_one(mask: Mask, value: float) -> NDArray[Any]:
    changed = mask.astype(np.float32)
    changed[1, 3, 4, 5] = value
    return changed


MALFORMED: dict[str, tuple[Any, str]] = {
    "last axis": (lambda mask: np.moveaxis(mask, 0, -1), "finding_axis_last"),
    "one channel less": (lambda mask: mask[:2], "finding_count_differs"),
    "one channel more": (lambda mask: np.concatenate([mask, mask[:1]]), "finding_count_differs"),
    "3D": (lambda mask: mask[0], "finding_count_differs"),
    "fewer slices": (lambda mask: mask[..., :-1], "shape_differs"),
    "half the size": (lambda mask: mask[:, ::2, ::2], "shape_differs"),
    "axes reversed": (lambda mask: mask.transpose(0, 3, 2, 1), "shape_differs"),
    "5D": (lambda mask: np.stack([mask, mask], axis=-1), "shape_differs"),
    "probabilities": (lambda mask: values(mask, 0.9), "probabilities"),
    "probabilities in float64": (lambda mask: values(mask, 0.4, np.float64), "probabilities"),
    "logits": (lambda mask: values(mask, 3.7), "not_integral"),
    "logits below 0": (lambda mask: values(mask, -3.7), "not_integral"),
    "labels": (lambda mask: values(mask, 2, np.uint8), "not_binary"),
    "255": (lambda mask: values(mask, 255, np.uint8), "not_binary"),
    "300": (lambda mask: values(mask, 300, np.int16), "not_binary"),
    "a negative label": (lambda mask: values(mask, -1, np.int16), "negative"),
    "a huge label": (lambda mask: values(mask, 70_000, np.int32), "too_large"),
    "NaN": (lambda mask: with_one(mask, np.nan), "not_finite"),
    "infinity": (lambda mask: with_one(mask, np.inf), "not_finite"),
}
BYTES: dict[str, tuple[Any, str]] = {
    "empty": (lambda _: b"", "unreadable_file"),
    "cut off": (lambda content: content[:-40], "unreadable_file"),
    "damaged": (lambda content: content[:60] + b"\0\0\0\0\0\0" + content[66:], "unreadable_file"),
    "text": (lambda _: b"no prediction" * 100, "not_nifti"),
}


@pytest.mark.parametrize("name", [*MALFORMED, *BYTES, "missing"])
def test_a_malformed_prediction_costs_its_case_only_and_says_why(dataset: Dataset, name: str) -> None:
    dataset.predict(same)
    file, path = "train_1_a_1.nii.gz", dataset.root / "predictions" / "train_1_a_1.nii.gz"
    if name in MALFORMED:
        change, kind = MALFORMED[name]
        dataset.predict(change, file)
    elif name in BYTES:
        change, kind = BYTES[name]
        path.write_bytes(change(path.read_bytes()))
    else:
        kind = "missing_prediction"
        path.unlink()
    result = evaluate_predictions(dataset.options(), GROUNDCT)
    (fault,) = result["groundct"]["faults"]
    assert (fault["kind"], fault["file"], fault["path"]) == (kind, file, str(path))
    assert len(fault["message"]) > 10
    assert fault["remedy"]
    assert [case.get("error") for case in result["cases"]] == [None, kind, None]
    assert result["summary"]["total_cases"] == 3
    assert result["summary"]["mean_global_dice_per_finding"] == pytest.approx(2 / 3)
    published = evaluate_predictions(dataset.options(), REXRANK)
    if name in MALFORMED and kind not in ("finding_axis_last", "finding_count_differs", "shape_differs"):
        assert published["groundct"]["faults"] == []  # it is cast
    else:
        assert published["cases"][1] == {"file": file, "error": kind}
        assert (published["summary"]["total_cases"], published["summary"]["hit_rate"]) == (2, 1)


def test_a_truth_that_is_missing_or_damaged_leaves_its_case_out(dataset: Dataset) -> None:
    dataset.predict(same)
    (dataset.root / "segmentations" / "train_0_a_1.nii.gz").unlink()
    (dataset.root / "segmentations" / "train_2_a_1.nii.gz").write_bytes(b"\x1f\x8bno")
    five = np.zeros((FINDINGS, *SHAPE_VOX, 2), np.uint8)
    (dataset.root / "segmentations" / "train_1_a_1.nii.gz").write_bytes(encode_nifti(five, np.eye(4)))
    assert set(faults(evaluate_predictions(dataset.options(), GROUNDCT)).values()) == {
        *("missing_truth", "shape_differs", "unreadable_file")
    }
    (dataset.root / "segmentations" / "train_1_a_1.nii.gz").write_bytes(encode_nifti(five[..., 0], np.eye(4)))
    result = evaluate_predictions(dataset.options(), GROUNDCT)
    assert faults(result) == {"train_0_a_1.nii.gz": "missing_truth", "train_2_a_1.nii.gz": "unreadable_file"}
    assert result["summary"]["total_cases"] == 1


def test_files_of_no_case_are_named(dataset: Dataset) -> None:
    dataset.predict(same)
    dataset.write("train_99_a_1.nii.gz", b"")
    assert evaluate_predictions(dataset.options(), GROUNDCT)["groundct"]["unused"] == ["train_99_a_1.nii.gz"]


def test_one_finding_may_be_3d(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE_VOX, np.uint8)
    mask[4:9, 5:9, 3:8] = 1
    for folder in ("truths", "predictions"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.nii.gz").write_bytes(
            encode_nifti(mask[None] if folder == "truths" else mask, np.eye(4))
        )
    (tmp_path / "d.json").write_text(json.dumps({"test": [{"name": "x.nii.gz"}]}))
    options = Dataset(tmp_path, {}).options(dataset=tmp_path / "d.json", masks=tmp_path / "truths")
    result = evaluate_predictions(options, GROUNDCT)
    assert result["cases"][0]["findings"]["finding_0"]["global_dice"] == 1
    assert result["groundct"]["inputs"]["x.nii.gz"]["patient"] == "x.nii.gz"


def test_partial_truth_refuses_precision(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, cases=1, protocol="protocol1")
    dataset.predict(same)
    result = evaluate_predictions(dataset.options(), GROUNDCT)
    assert {row["instance_precision"] for row in rows(result)} == {None}
    assert {row["instance_recall"] for row in rows(result)} == {1}
    assert {row["truth_exhaustive"] for row in rows(result)} == {False}


def count_scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    scored: list[str] = []
    score = scoring.CaseJob._score

    def counted(job: scoring.CaseJob, case: Any, facts: Any) -> scoring.CaseResult:
        scored.append(case.file)
        return score(job, case, facts)

    monkeypatch.setattr(scoring.CaseJob, "_score", counted)
    return scored


def test_only_what_has_changed_is_scored_again(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.predict(same)
    scored = count_scored(monkeypatch)
    first = evaluate_predictions(dataset.options(), GROUNDCT)
    before = dataset.options().output.read_bytes()
    assert len(scored) == 3
    assert evaluate_predictions(dataset.options(), GROUNDCT) == first
    assert dataset.options().output.read_bytes() == before
    assert len(scored) == 3
    dataset.predict(np.zeros_like, "train_2_a_1.nii.gz")
    changed = evaluate_predictions(dataset.options(), GROUNDCT)
    assert scored[3:] == ["train_2_a_1.nii.gz"]
    assert changed["cases"][:2] == first["cases"][:2]
    assert changed["cases"][2]["case_stats"]["mean_global_dice"] == 0
    evaluate_predictions(dataset.options(), REXRANK)
    evaluate_predictions(dataset.options(again=True), REXRANK)
    assert len(scored) == 4 + 3 + 3


def test_a_run_that_was_stopped_goes_on(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.predict(same)
    expected = evaluate_predictions(dataset.options(output=dataset.root / "other.json"), GROUNDCT)
    score = scoring.CaseJob._score

    def interrupted(job: scoring.CaseJob, case: Any, facts: Any) -> scoring.CaseResult:
        if case.file.startswith("train_2"):
            raise KeyboardInterrupt
        return score(job, case, facts)

    with monkeypatch.context() as patched:
        patched.setattr(scoring.CaseJob, "_score", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate_predictions(dataset.options(), GROUNDCT)
    assert not dataset.options().output.exists()
    journal = dataset.root / "result.json.partial.jsonl"
    journal.write_text(journal.read_text() + '{"file": "cut o')
    scored = count_scored(monkeypatch)
    assert evaluate_predictions(dataset.options(), GROUNDCT) == expected
    assert scored == ["train_2_a_1.nii.gz"]
    assert not journal.exists()


def test_another_result_is_not_taken_for_ours(dataset: Dataset) -> None:
    """The published script's own output has no digests, so nothing of it is believed."""
    dataset.predict(same)
    rows = [{"file": file, "findings": {"finding_0": {"global_dice": 0}}} for file in dataset.masks]
    dataset.options().output.write_text(json.dumps({"summary": {}, "cases": rows}))
    assert evaluate_predictions(dataset.options(), REXRANK)["summary"]["hit_rate"] == 1


def test_workers_give_what_one_process_gives(dataset: Dataset) -> None:
    dataset.predict(lambda mask: np.roll(mask, 1, axis=1))
    one = evaluate_predictions(dataset.options(output=dataset.root / "one.json"), GROUNDCT)
    assert evaluate_predictions(dataset.options(workers=2), GROUNDCT) == one


def test_a_case_that_surprises_costs_itself(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.predict(same)
    read = reading.read_truth

    def surprised(path: Path, settings: EvaluatorSettings) -> Any:
        if path.name.startswith("train_0"):
            raise RuntimeError("surprise")
        return read(path, settings)

    monkeypatch.setattr(reading, "read_truth", surprised)
    result = evaluate_predictions(dataset.options(), GROUNDCT)
    assert faults(result) == {"train_0_a_1.nii.gz": "failed"}
    assert result["summary"]["total_findings"] == 2 * FINDINGS


def test_a_prediction_that_breaks_the_evaluator_counts_as_0_and_is_tried_again(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.predict(same)

    def broken(*_arguments: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(scoring, "read_prediction", broken)
        result = evaluate_predictions(dataset.options(), GROUNDCT)
    assert set(faults(result).values()) == {"failed"}
    assert (result["summary"]["total_cases"], result["summary"]["mean_global_dice_per_finding"]) == (3, 0)
    assert evaluate_predictions(dataset.options(), GROUNDCT)["summary"]["mean_global_dice_per_finding"] == 1


def test_noise_is_refused(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.predict(same)
    dataset.predict(lambda mask: np.random.default_rng(0).integers(0, 2, mask.shape, np.uint8), "train_1_a_1.nii.gz")
    monkeypatch.setattr(reading, "MAX_RUNS", 2000)
    assert faults(evaluate_predictions(dataset.options(), GROUNDCT)) == {"train_1_a_1.nii.gz": "too_fragmented"}


def test_two_runs_do_not_write_one_result(dataset: Dataset) -> None:
    dataset.predict(same)
    with Journal(dataset.options().output), pytest.raises(SourceError, match="another run is writing it"):
        evaluate_predictions(dataset.options(), GROUNDCT)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_scaled_numbers_are_cast_as_nibabel_reads_them(dataset: Dataset, dtype: type) -> None:
    stored = np.random.default_rng(0).integers(0, 4000, (FINDINGS, *SHAPE_VOX)).astype(dtype)
    image = nibabel.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(0.1, 0.7)
    path = dataset.root / "scaled.nii"
    nibabel.save(image, path)
    values = np.asanyarray(nibabel.load(path).dataobj)
    assert values.max() > 100
    for labels, expected in zip(reading.read_truth(path, REXRANK)[1], values.astype(np.uint8), strict=True):
        np.testing.assert_array_equal(labels, label_runs(np.ascontiguousarray(expected.T)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"masks": Path("nowhere")}, "--gt_dir nowhere: there is no such folder"),
        ({"predictions": Path("nowhere")}, "--pred_dir nowhere: there is no such folder"),
        ({"dataset": Path("nowhere.json")}, "nowhere.json: cannot be read"),
        ({"split": "dev"}, "has no split 'dev'; its splits are: test, val, train"),
        ({"output": Path("/nowhere/result.json")}, "cannot be written"),
    ],
)
def test_wrong_use_is_one_line(dataset: Dataset, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SourceError, match=says):
        evaluate_predictions(dataset.options(**changes), GROUNDCT)
