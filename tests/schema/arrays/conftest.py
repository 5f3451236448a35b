"""The store at both kinds of place: a folder, and a bucket of a real server on loopback."""

from itertools import count

import pytest

from schema.arrays.store import ArrayStore
from tests.s3 import StoredObjects, running_s3

_buckets = count()


@pytest.fixture(scope="session")
def s3_server():
    with running_s3() as server:
        yield server


@pytest.fixture
def bucket_url(s3_server, monkeypatch):
    """The address of a prefix in a bucket of its own, with the environment that reaches it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.make_bucket(f"bucket-{next(_buckets)}")


@pytest.fixture(params=["folder", "bucket"])
def url(request, tmp_path):
    """The address of an empty store, at each kind of place in turn."""
    return str(tmp_path / "arrays") if request.param == "folder" else request.getfixturevalue("bucket_url")


@pytest.fixture
def store(url):
    with ArrayStore(url) as opened:
        yield opened


@pytest.fixture
def folder_store(tmp_path):
    with ArrayStore(str(tmp_path / "arrays")) as opened:
        yield opened


@pytest.fixture
def stored_objects(store):
    """What lies in the store, behind its back."""
    return StoredObjects(store)
