"""Predictions are scored against a release as against the files that it was imported from."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from compute.evaluation.settings import GROUNDCT
from ingest.nifti_files import encode_nifti, write_bytes
from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME, MASKS, VOLUMES, make_dataset
from ingest.predictions.running import EvaluationOptions, Source, evaluate_predictions
from ingest.predictions.spacing import Spacings
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound


@dataclass(frozen=True)
class Archive:
    database: Database
    arrays: ArrayStore
    folder: Path


@pytest.fixture(scope="module")
def archive(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    """Scans of train, val and test, the test split hidden; and predictions of all, moved by a voxel."""
    folder = tmp_path_factory.mktemp("release")
    make_dataset(folder, scans=6, seed=4, faults=False, second=False, shape=(60, 60, 60))
    for path in (folder / MASKS).iterdir():
        moved = np.roll(np.asarray(nibabel.load(path).dataobj) > 0, 1, axis=2).astype(np.uint8)
        write_bytes(folder / "predictions" / path.name, encode_nifti(moved, np.eye(4)))
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        options = ImportOptions(folder / JSON_NAME, round="r", release="base", workers=1, hide=frozenset({"test"}))
        import_dataset(database, arrays, options)
        yield Archive(database, arrays, folder)


def evaluate(archive: Archive, source: Source, tmp_path: Path, **more: Any) -> dict[str, Any]:
    options = EvaluationOptions(source, archive.folder / "predictions", tmp_path / "out.json", **more)
    return evaluate_predictions(options, GROUNDCT)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_release_gives_what_its_files_give(archive: Archive, tmp_path: Path, split: str) -> None:
    stored = Source.of_release(archive.database, archive.arrays, "base", split)
    files = Source.of_files(archive.folder / JSON_NAME, archive.folder / MASKS, split)
    found = evaluate(archive, stored, tmp_path)
    expected = evaluate(archive, files, tmp_path, spacings=Spacings(archive.folder / VOLUMES))
    assert len(found["cases"]) >= 1
    assert found["groundct"]["faults"] == []
    assert found["summary"] == expected["summary"]
    assert found["cases"] == expected["cases"]
    assert found["groundct"]["statistics"] == expected["groundct"]["statistics"]
    assert found["groundct"]["dataset"] == {"name": "base", "split": split, "sha256": stored.sha256}


def test_workers_read_the_store_themselves(archive: Archive, tmp_path: Path) -> None:
    source = Source.of_release(archive.database, archive.arrays, "base", "train")
    one = evaluate(archive, source, tmp_path)
    assert evaluate(archive, source, tmp_path, workers=2, again=True) == one


def test_what_is_not_there_is_named(archive: Archive) -> None:
    with pytest.raises(NotFound, match="there is no release 'none'; there are: base"):
        Source.of_release(archive.database, archive.arrays, "none", "test")
    with pytest.raises(NotFound, match="release base has no split 'dev'; its splits are: test, train, val"):
        Source.of_release(archive.database, archive.arrays, "base", "dev")


def test_a_case_without_a_mask_is_named_and_not_scored(
    new_database: Callable[[], AbstractContextManager[Database]], archive: Archive, tmp_path: Path
) -> None:
    """As the rows of a test split whose masks are withheld."""
    folder = tmp_path / "withheld"
    shutil.copytree(archive.folder, folder, ignore=shutil.ignore_patterns("arrays"))
    content = json.loads((folder / JSON_NAME).read_text())
    case = content["train"][0]
    for key in ("entity_counts", "pixels"):
        del case[key]
    (folder / JSON_NAME).write_text(json.dumps({"train": content["train"]}))
    (folder / MASKS / case["name"]).unlink()
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        import_dataset(database, arrays, ImportOptions(folder / JSON_NAME, round="r", release="base", workers=1))
        source = Source.of_release(database, arrays, "base", "train")
        result = evaluate(Archive(database, arrays, folder), source, tmp_path)
    (fault,) = result["groundct"]["faults"]
    assert (fault["kind"], fault["file"]) == ("missing_truth", case["name"])
    assert len(result["cases"]) == len(content["train"]) - 1
