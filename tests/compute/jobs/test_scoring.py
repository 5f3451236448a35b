"""What one round drew is scored against what another drew, as the evaluator scores files."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from compute.evaluation.scoring import FindingPair, score_finding
from compute.evaluation.settings import GROUNDCT
from compute.evaluation.summaries import summarise
from compute.jobs.scoring import score_annotations
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.runs import label_runs
from ingest.nifti_files import encode_nifti
from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME, MASKS, VOLUMES, make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.queries.scope import Scope, release_scope, round_key
from schema.release import Visibility

READERS = replace(GROUNDCT, instances="labels")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scans in `first`, the same with every mask moved by two voxels in `second`."""
    root = tmp_path_factory.mktemp("rounds")
    make_dataset(root / "first", scans=3, seed=4, faults=False, second=False, shape=(60, 60, 60))
    shutil.copytree(root / "first", root / "second")
    for path in (root / "second" / MASKS).iterdir():
        path.write_bytes(encode_nifti(np.roll(np.asarray(nibabel.load(path).dataobj), 2, axis=1), np.eye(4)))
    return root


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], folder: Path
) -> Iterator[tuple[Database, ArrayStore]]:
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        for name in ("first", "second"):
            options = ImportOptions(folder / name / JSON_NAME, round=name, release=name, workers=1)
            assert import_dataset(database, arrays, options).faults is not None
        yield database, arrays


def scopes(database: Database) -> tuple[Scope, Scope]:
    with database.transaction() as session:
        return Scope(round_id=round_key(session, "first")), Scope(round_id=round_key(session, "second"))


def test_a_round_is_scored_against_another(imported: tuple[Database, ArrayStore], folder: Path) -> None:
    database, arrays = imported
    scored = score_annotations(database, arrays, *scopes(database), READERS)
    assert (len(scored.cases), scored.failed) == (3, {})
    for case in scored.cases:
        volume = nibabel.load(next((folder / "first" / VOLUMES).rglob(f"{case['file']}.nii.gz")))
        masks = [
            np.asarray(nibabel.load(folder / n / MASKS / f"{case['file']}.nii.gz").dataobj) for n in ("first", "second")
        ]
        for index, (truth, prediction) in enumerate(zip(*masks, strict=True)):
            found = case["findings"][f"finding_{index}"]
            drawn, predicted = (label_runs(np.ascontiguousarray(each.T)) for each in (truth, prediction))
            depth, height, width = truth.T.shape
            steps = steps_zyx_lps_mm(volume.affine)
            pair = FindingPair(drawn, predicted, (depth, height, width), steps, exhaustive=found["truth_exhaustive"])
            expected = score_finding(pair, READERS)
            distance = {name for name in expected if name.startswith("distance_")}  # they ask for the category
            assert {name: found[name] for name in expected.keys() - distance} == {
                name: expected[name] for name in expected.keys() - distance
            }
            assert found["truth_annotation"] != found["prediction_annotation"]
    assert summarise(scored.cases, READERS)["total_cases"] == 3


def test_a_release_is_scored_against_a_round_by_workers_too(imported: tuple[Database, ArrayStore]) -> None:
    database, arrays = imported
    with database.transaction() as session:
        release = release_scope(session, "first")
    first, second = scopes(database)
    expected = score_annotations(database, arrays, first, second, READERS)
    told: list[tuple[int, int]] = []
    found = score_annotations(
        database, arrays, release, second, READERS, workers=2, progress=lambda done, total: told.append((done, total))
    )
    assert found.cases == expected.cases
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_is_the_same_annotation_is_no_pair(imported: tuple[Database, ArrayStore]) -> None:
    database, arrays = imported
    first, _ = scopes(database)
    assert score_annotations(database, arrays, first, first, READERS).cases == []


def test_a_scan_whose_labels_are_lost_fails_alone_and_by_name(imported: tuple[Database, ArrayStore]) -> None:
    database, arrays = imported
    first, second = scopes(database)
    lost = min(each.digest for each in arrays.iter_arrays() if each.area == "labels")
    address = arrays.path("labels", lost)
    address.rename(address.with_name("aside"))
    try:
        scored = score_annotations(database, arrays, first, second, READERS)
    finally:
        address.with_name("aside").rename(address)
    assert len(scored.cases) == 2
    (reason,) = scored.failed.values()
    assert lost[:8] in reason


def test_hidden_annotations_are_the_owners(imported: tuple[Database, ArrayStore]) -> None:
    database, arrays = imported
    assert score_annotations(database, arrays, *scopes(database), READERS, visibility=Visibility.HIDDEN).cases == []
