"""The commands with their arrays in a bucket: a real server on loopback, credentials from the environment."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.phantoms import make_dataset
from schema.arrays.store import ArrayStore
from tests.s3 import S3Server, StoredObjects, running_s3


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket("commands")


def test_import_status_verify_and_gc(new_command_line: Callable[..., Any], url: str, tmp_path: Path) -> None:
    make_dataset(tmp_path, scans=3, seed=5, shape=(60, 60, 60), faults=False, second=False)
    command_line = new_command_line(GROUNDCT_ARRAYS=url)
    assert command_line.run("init").stdout.strip().endswith(f"arrays in {url}")
    ingest = ("ingest", "rexgroundingct", tmp_path / "dataset.json", "--round", "r", "--release", "base", "--no-embed")
    report = command_line.read(*ingest, "--hide", "test", "--workers", 2)
    assert report["scans"]["new"] == 3
    assert command_line.read(*ingest, "--hide", "test", "--workers", 1)["scans"]["unchanged"] == 3

    store = ArrayStore(url)
    entries = list(store.iter_arrays())
    assert {"volumes", "labels"} <= {entry.area for entry in entries}
    found = command_line.read("status")["arrays"]
    assert found["url"] == url
    assert found["volume_bytes"] + found["mask_bytes"] == sum(entry.stored_bytes for entry in entries)
    assert command_line.read("verify")["problems"] == []

    orphan = store.write_volume(np.ones((2, 2, 2), np.int16)).digest
    half = store.write_volume(np.ones((3, 3, 3), np.int16)).digest
    StoredObjects(store).remove(f"volumes/{half[:2]}/{half}/zarr.json")
    assert command_line.read("gc")["in_grace"] == [f"volumes/{orphan}"]
    assert f"volumes/{half[:2]}/{half}/c/0/0/0" in StoredObjects(store).names()
    assert command_line.read("gc", "--grace-minutes", 0)["removed"] == [f"volumes/{orphan}"]
    assert StoredObjects(store).names(f"volumes/{half[:2]}/{half}") == []
    assert {entry.digest for entry in store.iter_arrays()} == {entry.digest for entry in entries}

    objects = StoredObjects(store)
    shard = next(name for name in objects.names() if name.startswith("volumes/") and name.endswith("c/0/0/0"))
    objects.write(shard, objects.read(shard)[:-1])
    done = command_line.run("verify", "--json")
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem.startswith(f"{url}/volumes/")
    assert "is damaged" in problem


def test_a_password_in_the_address_is_refused_and_not_shown(command_line: Any) -> None:
    command_line.settings["GROUNDCT_ARRAYS"] = "s3://key:secret@bucket/prefix"
    for command in ("status", "init"):
        done = command_line.run(command)
        assert done.returncode == 2
        assert "AWS_..." in done.stderr
        assert "secret" not in done.stdout + done.stderr
