"""Releases for nnU-Net, as tables and as a manifest hold what the release holds, and are read without this software."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import zarr

from ingest.exports.nnunet import export_nnunet, may_be_incomplete
from ingest.exports.parquet import export_parquet
from ingest.exports.released import Drawn, Released, read_released
from ingest.exports.training import export_training
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from schema.annotation import Policy
from schema.arrays.store import ArrayStore
from schema.database import Database, Role

Archive = tuple[Database, ArrayStore, Released]


@pytest.fixture(scope="module")
def archive(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("forms")
    make_dataset(folder / "data", scans=5, seed=5, faults=False, second=False, shape=(60, 60, 60))
    hide = frozenset({"test"})
    options = ImportOptions(
        folder / "data" / "dataset.json", "first", release="base", hide=hide, collection="phantom", workers=1
    )
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        yield database, arrays, read_released(database, "base")


def quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def rows(database: Database, query: str) -> list[Any]:
    with database.engine(Role.OWNER).connect() as connection:
        return list(connection.execute(sa.text(query)))


def drawn(policy: Policy, limit: int | None, entities: int) -> Drawn:
    return Drawn("0" * 64, "labels", 0, "0" * 64, policy, limit, entities, 1, None, None)


@pytest.mark.parametrize(
    ("policy", "limit", "entities", "expected"),
    [
        (Policy.EXHAUSTIVE, None, 9, False),
        (Policy.AT_MOST, 3, 2, False),
        (Policy.AT_MOST, 3, 3, True),
        (Policy.AT_MOST, 3, 4, True),
        (Policy.UNKNOWN, None, 1, True),
    ],
)
def test_what_may_be_incomplete(policy: Policy, limit: int | None, entities: int, expected: bool) -> None:
    assert may_be_incomplete(drawn(policy, limit, entities)) == expected


def test_a_dataset_of_nnunet(archive: Archive, tmp_path: Path) -> None:
    _, arrays, released = archive
    export_nnunet(released, arrays, tmp_path / "Dataset501_Phantom", quiet)
    out = tmp_path / "Dataset501_Phantom"
    document = json.loads((out / "dataset.json").read_text())
    labels, unknown = document["labels"], document["labels"]["ignore"]
    assert sorted(labels.values()) == list(range(len(labels)))
    scans = {scan.name: scan for scan in released.scans if scan.drawn}
    assert set(document["dataset"]) == {name for name, scan in scans.items() if scan.split != "test"}
    (fold,) = json.loads((out / "splits_final.json").read_text())
    assert sorted(fold["train"] + fold["val"]) == sorted(document["dataset"])
    for name, files in document["dataset"].items():
        label, image = nib.load(out / files["label"]), nib.load(out / files["images"][0])
        assert np.array_equal(label.affine, image.affine)
        assert label.shape == image.shape == scans[name].shape_vox
        classes = np.asarray(label.dataobj)
        told = [
            (each, np.asarray(each.drawn.read(arrays).to_dense()).transpose(2, 1, 0) > 0)
            for each in scans[name].findings
            if each.drawn
        ]
        anywhere = np.any([mask for _, mask in told], axis=0)
        incomplete = any(may_be_incomplete(each.drawn) for each, _ in told if each.drawn)
        assert set(np.unique(classes[~anywhere])) <= {unknown if incomplete else 0}
        smallest, mask = min(told, key=lambda pair: pair[1].sum())
        assert set(np.unique(classes[mask])) == {labels[smallest.category]}


def test_tables(archive: Archive, tmp_path: Path) -> None:
    database, _, released = archive
    export_parquet(database, released, tmp_path / "tables", quiet)
    tables = {
        name: pq.read_table(tmp_path / "tables" / f"{name}.parquet").to_pylist()
        for name in ("scans", "findings", "entities")
    }
    assert len(tables["scans"]) == len(released.scans)
    assert {(each["scan"], each["index"]): each["text"] for each in tables["findings"]} == {
        (scan.name, finding.index): finding.text for scan in released.scans for finding in scan.findings
    }
    known = rows(
        database,
        "SELECT e.id::text, g.volume_mm3, lower(e.box_i) FROM open.entity e JOIN open.geometry g ON g.entity_id = e.id",
    )
    assert {(each["entity"], each["volume_mm3"], each["box_i_min"]) for each in tables["entities"]} == set(known)
    dictionary = json.loads((tmp_path / "tables" / "columns.json").read_text())
    for name, table in tables.items():
        assert set(table[0]) == set(dictionary[name])
    assert dictionary["entities"]["sphericity"]["is"]


def test_hidden_entities_stay_behind(archive: Archive, tmp_path: Path) -> None:
    database = archive[0]
    for with_hidden in (False, True):
        released = read_released(database, "base", with_hidden=with_hidden)
        export_parquet(database, released, tmp_path / str(with_hidden), quiet)
        found = pq.read_table(tmp_path / str(with_hidden) / "entities.parquet").to_pylist()
        hidden = {scan.name for scan in released.scans if scan.hidden}
        assert hidden
        assert bool(hidden & {each["scan"] for each in found}) == with_hidden


def test_a_manifest_is_read_without_a_database(archive: Archive, tmp_path: Path) -> None:
    _, arrays, released = archive
    export_training(released, arrays, tmp_path / "manifest", quiet)
    lines = [json.loads(line) for line in (tmp_path / "manifest" / "findings.jsonl").read_text().splitlines()]
    assert len(lines) == sum(len(scan.findings) for scan in released.scans)
    for line in lines:
        volume = zarr.open_array(line["volume"], mode="r")
        assert list(volume.shape) == line["shapeVox"][::-1]
        if "labels" not in line:
            continue
        labels = zarr.open_array(line["labels"], mode="r")[line["labelsIndex"]]
        assert np.count_nonzero(labels) == line["voxels"]
        for label, box in line["boxesVox"].items():
            inside = tuple(slice(low, high) for low, high in zip(box["min"][::-1], box["max"][::-1], strict=True))
            assert np.count_nonzero(labels[inside] == int(label)) == np.count_nonzero(labels == int(label)) > 0
