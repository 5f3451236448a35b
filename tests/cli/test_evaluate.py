"""`groundct evaluate`, as its users run it: without a database."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import CommandLine
from tests.forked import ForkedCommands
from tests.ingest.predictions.folders import Dataset, make_dataset

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = make_dataset(tmp_path_factory.mktemp("evaluate"), cases=2)
    made.predict(lambda mask: mask)
    return made


@pytest.fixture
def run(forked: ForkedCommands) -> Run:
    """Evaluates what a dataset's folder predicts, in a home that is not there."""

    def ran(dataset: Dataset, *more: object) -> "subprocess.CompletedProcess[str]":
        folders = ("--gt_dir", dataset.root / "segmentations", "--pred_dir", dataset.root / "predictions")
        command = ("evaluate", "--dataset_json", dataset.root / "dataset.json", *folders, "--num_workers", 1, *more)
        return CommandLine(dataset.root / "home", forked).run(*command)

    return ran


def test_the_published_flags_give_the_published_fields(run: Run, dataset: Dataset, tmp_path: Path) -> None:
    flags = ("--settings", "rexrank", "--min_size", 5, "--cc_connectivity", 3)
    done = run(dataset, "--output_json", tmp_path / "out.json", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["summary"]["params"] == {
        "global_only": False,
        "global_hit_thr": 0.1,
        "match_dice_thr": 0.2,
        "min_size": 5,
        "cc_connectivity": 3,
    }
    assert result["summary"]["overall_instance_f1"] == 1
    assert not (dataset.root / "home").exists()  # no server was started


def test_whole_findings_only(run: Run, dataset: Dataset, tmp_path: Path) -> None:
    flags = ("--settings", "rexrank", "--global_only", "--json")
    done = run(dataset, "--output-json", tmp_path / "out.json", *flags)
    summary = json.loads(done.stdout)["summary"]
    assert summary["params"] == {"global_only": True, "global_hit_thr": 0.1}
    assert (summary["hit_rate"], summary["total_findings"]) == (1, 6)


def test_faults_and_suspicions_are_said_and_end_with_1(run: Run, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, cases=2)
    dataset.predict(lambda mask: np.flip(mask, 1), "train_0_a_1.nii.gz")
    done = run(dataset, "--output_json", tmp_path / "out.json")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("train_1_a_1.nii.gz: there is no prediction of that name; save the prediction")
    assert second.startswith("train_0_a_1.nii.gz: fits far better with i mirrored (Dice 1.00 against ")


def test_a_dry_run_scores_nothing(run: Run, dataset: Dataset, tmp_path: Path) -> None:
    dataset.write("train_7_a_1.nii.gz", b"")
    done = run(dataset, "--output_json", tmp_path / "out.json", "--dry-run")
    (dataset.root / "predictions" / "train_7_a_1.nii.gz").unlink()
    assert done.stdout == "2 cases would be scored\nunused: 1 (train_7_a_1.nii.gz)\n"
    assert list(tmp_path.iterdir()) == []


def test_a_report_and_a_comparison(run: Run, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, cases=3)
    dataset.predict(lambda mask: np.roll(mask, 1, axis=1))
    for name in ("worse", "better"):
        done = run(dataset, "--output_json", tmp_path / f"{name}.json", "--report", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name / "report.html").read_text().count("data:image/jpeg;base64,") == 8
        dataset.predict(lambda mask: mask)
    compare = ("--compare", tmp_path / "worse.json", tmp_path / "better.json")
    done = run(dataset, *compare, "--report", tmp_path, "--json")
    dice = json.loads(done.stdout)["overall"]["metrics"]["global_dice"]
    assert dice["second"] == 1
    assert dice["first"] < 1
    assert "better against worse" in (tmp_path / "comparison.html").read_text()
    assert "+0." in run(dataset, *compare).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--split", "dev"), 1, "has no split 'dev'; its splits are: test, val, train; give one by --split"),
        (("--settings", "own"), 2, "'own' is not one of"),
        (("--settings", "rexrank", "--policy", "exhaustive"), 2, "--policy does not go with --settings rexrank"),
        (("--compare", "nowhere.json", "nowhere.json"), 1, "nowhere.json: cannot be read"),
        (("--metadata", "nowhere.csv"), 1, "nowhere.csv: cannot be read as CSV"),
    ],
)
def test_wrong_use_is_one_line(
    run: Run, dataset: Dataset, tmp_path: Path, arguments: Any, code: int, says: str
) -> None:
    done = run(dataset, "--output_json", tmp_path / "out.json", *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
