"""What docs/array-store.md says of reading without our code, run as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore

PAGE = Path(__file__).parents[3] / "docs" / "array-store.md"
LABELS = np.zeros((2, 70, 65, 130), np.uint8)
LABELS[0, 60:68, 10:64, 3:129] = 1
LABELS[1, 3, 3, 3] = 7


def example(*imports):
    """The example on the page that imports exactly these."""
    found = {
        frozenset(re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)): block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    }
    return found[frozenset(imports)]


def run(block, **names):
    exec(block, names)  # noqa: S102 - our own page
    return names


def write(store):
    return store.write_labels([LabelRuns.from_dense(each) for each in LABELS], "labels").digest


@pytest.mark.parametrize("imports", [("zarr",), ("zarr", "zarrs"), ("tensorstore",)])
def test_a_folder(folder_store, imports):
    pytest.importorskip(imports[-1], reason=f"{imports[-1]} is not installed")
    found = run(example(*imports), path=folder_store.path("labels", write(folder_store)))
    np.testing.assert_array_equal(found["first_finding"], LABELS[0])


def test_the_digest(folder_store):
    found = run(example("zarr"), path=folder_store.path("labels", write(folder_store)))
    assert found["its_digest"] == LabelRuns.from_dense(LABELS[0]).digest()


def test_a_bucket(bucket_url):
    store = ArrayStore(bucket_url)
    found = run(example("zarr", "obstore"), url=store.address("labels", write(store)))
    np.testing.assert_array_equal(found["first_finding"], LABELS[0])


@pytest.mark.parametrize("reader", ["zarr", "zarrs", "tensorstore"])
def test_a_volume(folder_store, reader):
    module = pytest.importorskip(reader, reason=f"{reader} is not installed")
    volume = np.random.default_rng(0).integers(-1000, 3000, (70, 65, 130)).astype(np.int16)
    path = folder_store.path("volumes", folder_store.write_volume(volume).digest)
    zarr = pytest.importorskip("zarr")
    if reader == "tensorstore":
        kvstore = {"driver": "file", "path": str(path)}
        found = module.open({"driver": "zarr3", "kvstore": kvstore}, read=True).result().read().result()
    elif reader == "zarrs":
        with zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}):
            found = zarr.open_array(path, mode="r")[...]
    else:
        found = zarr.open_array(path, mode="r")[...]
    np.testing.assert_array_equal(found, volume)
