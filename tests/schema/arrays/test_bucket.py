"""What a bucket promises beyond what any place does: put if absent, zarr.json last, and credentials kept to itself."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import obstore
import pytest

from schema.arrays import bucket
from schema.arrays.bucket import ArrayBucket
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.errors import ArrayStoreError
from tests.s3 import StoredObjects

VOLUME = np.arange(70 * 65 * 130).reshape(70, 65, 130).astype(np.int16)
HOUR = timedelta(hours=1)

STUCK = """
import sys, time
import numpy as np, obstore
from schema.arrays.store import ArrayStore

real = obstore.put
def put(objects, key, *rest, **options):
    if key.endswith("zarr.json"):
        print("ready", flush=True)
        time.sleep(60)
    return real(objects, key, *rest, **options)

obstore.put = put
ArrayStore(sys.argv[1]).write_volume(np.arange(70 * 65 * 130).reshape(70, 65, 130).astype(np.int16))
"""


@pytest.fixture
def store(bucket_url):
    return ArrayStore(bucket_url)


@pytest.fixture
def killed(bucket_url, store):
    """The objects that a writer left that was killed before it put zarr.json."""
    root = Path(bucket.__file__).parents[2]
    writer = subprocess.Popen(
        [sys.executable, "-c", STUCK, bucket_url],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert writer.stdout.readline() == b"ready\n"
    writer.send_signal(signal.SIGKILL)
    writer.stdout.close()
    writer.wait(timeout=30)
    objects = StoredObjects(store)
    (name,) = objects.names()
    assert name.endswith("/c/0/0/0")
    return objects, name


def test_half_an_array_is_none(store, killed):
    assert list(store.iter_arrays()) == []
    digest = killed[1].split("/")[2]
    assert not store.has("volumes", digest)
    with pytest.raises(ArrayStoreError, match="is missing"):
        store.read_volume(digest)


def test_half_an_array_is_swept_after_its_time_alone(store, killed):
    objects, name = killed
    whole = store.write_volume(VOLUME[:2])
    assert store.sweep_scratch() == 0
    assert store.sweep_scratch(HOUR) == 0
    assert name in objects.names()
    time.sleep(1.1)  # servers give whole seconds
    assert store.sweep_scratch(timedelta(0)) == 1
    assert [entry.digest for entry in store.iter_arrays()] == [whole.digest]
    assert len(objects.names()) == 2


def test_a_retry_takes_over_what_is_there(store, killed):
    objects, name = killed
    before = obstore.head(objects.objects, name)
    stored = store.write_volume(VOLUME)
    assert obstore.head(objects.objects, name) == before
    store.verify_volume(stored.digest)
    (entry,) = store.iter_arrays()
    assert (entry.digest, entry.stored_bytes) == (stored.digest, stored.stored_bytes)


def test_zarr_json_comes_last_and_goes_first(store, monkeypatch):
    calls = []
    put, delete = obstore.put, obstore.delete

    def spy_put(objects, key, *rest, **options):
        calls.append((key.rpartition("/")[2], options.get("mode")))
        return put(objects, key, *rest, **options)

    def spy_delete(objects, keys):
        calls.append([key.rpartition("/")[2] for key in keys])
        return delete(objects, keys)

    monkeypatch.setattr(obstore, "put", spy_put)
    monkeypatch.setattr(obstore, "delete", spy_delete)
    labels = [LabelRuns.from_dense(np.full((1, 1, 1), n, np.uint8)) for n in (1, 2)]
    stored = store.write_labels(labels, "hidden")
    store.delete("hidden", stored.digest)
    assert calls == [("0", "create"), ("0", "create"), ("zarr.json", "create"), ["zarr.json"], ["0", "0"]]


def test_the_later_of_two_keeps_what_the_first_wrote(store, bucket_url, monkeypatch):
    other = ArrayStore(bucket_url)
    put = ArrayBucket._put_if_absent

    def overtaken(self, key, content):
        monkeypatch.setattr(ArrayBucket, "_put_if_absent", put)
        first.append(other.write_volume(VOLUME))
        return put(self, key, content + b"other bytes of another version")

    first = []
    monkeypatch.setattr(ArrayBucket, "_put_if_absent", overtaken)
    second = store.write_volume(VOLUME)
    assert [second] == first
    store.verify_volume(second.digest)


def test_prepare_leaves_nothing(store):
    store.prepare()
    assert StoredObjects(store).names() == []


def test_a_server_without_put_if_absent_is_refused(store, monkeypatch):
    monkeypatch.setattr(ArrayBucket, "_put_if_absent", lambda *_: True)
    with pytest.raises(ArrayStoreError, match="ignores If-None-Match"):
        store.prepare()


def test_a_bucket_that_is_not_there(bucket_url):
    store = ArrayStore("s3://no-such-bucket/prefix")
    for use in (store.prepare, lambda: store.write_volume(VOLUME), lambda: list(store.iter_arrays())):
        with pytest.raises(ArrayStoreError, match=r"s3://no-such-bucket/prefix.*404 Not Found NoSuchBucket"):
            use()


def test_a_server_that_is_not_there(monkeypatch, bucket_url):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1/")
    monkeypatch.setattr(bucket, "RETRIES", 0)
    with pytest.raises(ArrayStoreError, match=r"s3://bucket/prefix cannot be written .*error sending request"):
        ArrayStore("s3://bucket/prefix").prepare()


def test_plain_http_must_be_allowed(monkeypatch, bucket_url):
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(ArrayStoreError, match="cannot be written"):
        ArrayStore(bucket_url).prepare()


def test_credentials_are_in_no_pickle_no_message_and_no_log(store, s3_server, caplog, monkeypatch):
    secrets = [s3_server.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    caplog.set_level(logging.DEBUG)
    digest = store.write_volume(VOLUME).digest
    told = [repr(store), repr(vars(store)), store.address("volumes", digest)]
    told += [str(pickle.dumps(store)), str(pickle.dumps(store.open_volume(digest))), repr(store.open_volume(digest))]

    def refuse(*_arguments, **_options):
        answer = f"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{secrets[0]}</AWSAccessKeyId></Error>"
        raise obstore.exceptions.PermissionDeniedError(
            f"PUT http://{secrets[1]}@host/ - Server returned non-2xx status code: 403 Forbidden: {answer}"
        )

    monkeypatch.setattr(obstore, "put", refuse)
    with pytest.raises(ArrayStoreError, match=r"403 Forbidden InvalidAccessKeyId.*give this user") as refused:
        store.write_volume(VOLUME[:3])
    error = refused.value
    while error is not None:
        told.append(repr(error))
        error = None if error.__suppress_context__ and error.__cause__ is None else error.__cause__
    assert not [secret for secret in secrets for text in [*told, caplog.text] if secret in text]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_told_and_does_not_hang(store):
    store.prepare()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            store.write_volume(VOLUME)
        except ArrayStoreError as error:
            os._exit("spawn it instead" not in str(error))
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
