"""Arrays of format 1, written once and committed: every later version must read them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from schema.arrays.layout import LABELS_LEVEL, labels_document, volume_document
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from tests.schema.arrays.fixtures.make import make_labels, make_volume, write_with_zarr

FIXTURES = Path(__file__).parent / "fixtures"
VOLUME = "dacafd5659c1b22b89e4ba15bb683d3b99af350faf523ec24c80f5f58686f23a"
LABELS = {
    np.uint8: "dd746d0e88c135537464b8442a5bc3387966688b04f8c0cfee75f36feceeb923",
    np.uint16: "4e9b1b884522225a00707261e23f7127f9e5154455f3c42e7978427de1cb47ce",
}


@pytest.fixture(params=["format_1", "format_1_zarr"])
def archive(request, tmp_path):
    """A copy, for a store may make folders beside its arrays."""
    shutil.copytree(FIXTURES / request.param, tmp_path / "arrays")
    with ArrayStore(str(tmp_path / "arrays")) as store:
        yield store


def test_there_are_three_arrays(archive):
    assert {(entry.area, entry.digest) for entry in archive.iter_arrays()} == {
        ("volumes", VOLUME),
        *(("labels", digest) for digest in LABELS.values()),
    }


def test_the_volume_is_read(archive):
    archive.verify_volume(VOLUME)
    np.testing.assert_array_equal(archive.read_volume(VOLUME), make_volume())
    np.testing.assert_array_equal(archive.open_volume(VOLUME)[...], make_volume())


@pytest.mark.parametrize("dtype", LABELS)
def test_the_labels_are_read(archive, dtype):
    archive.verify_labels(LABELS[dtype], "labels")
    for n, labels in enumerate(make_labels(dtype)):
        np.testing.assert_array_equal(archive.read_labels(LABELS[dtype], "labels", n), labels)
        assert archive.read_runs(LABELS[dtype], "labels", n) == LabelRuns.from_dense(labels)
    assert archive.read_labels(LABELS[dtype], "labels", 0).dtype == dtype


def test_the_same_voxels_still_have_the_same_names(folder_store):
    assert folder_store.write_volume(make_volume()).digest == VOLUME
    for dtype, digest in LABELS.items():
        runs = [LabelRuns.from_dense(labels) for labels in make_labels(dtype)]
        assert folder_store.write_labels(runs, "labels").digest == digest


def test_zarr_writes_the_same_metadata(tmp_path):
    write_with_zarr(tmp_path, level=LABELS_LEVEL)
    by_zarr = {path.parent.name: path.parent for path in tmp_path.rglob("zarr.json")}
    shape = make_volume().shape
    documents = {VOLUME: volume_document(shape, VOLUME)}
    for dtype, digest in LABELS.items():
        leaves = [LabelRuns.from_dense(labels).digest() for labels in make_labels(dtype)]
        documents[digest] = labels_document(shape, np.dtype(dtype).name, digest, leaves)
    assert by_zarr.keys() == documents.keys()
    for digest, folder in by_zarr.items():
        expected = zarr.open_array(folder, mode="r").metadata.to_dict()
        (folder / "zarr.json").write_bytes(documents[digest])
        assert zarr.open_array(folder, mode="r").metadata.to_dict() == expected
