"""An S3 server as a process of its own on loopback, and stored parts behind the store's back."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import obstore
import pytest
from obstore.store import LocalStore, S3Store

from schema.arrays.address import folder_path, is_bucket
from schema.arrays.store import ArrayStore


class S3Server:
    """A server with any number of buckets; `environment` is what reaches it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.environment = {
            "AWS_ACCESS_KEY_ID": "AKIATESTKEYOFNOBODY",
            "AWS_SECRET_ACCESS_KEY": "a-secret-of-nobody",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_REGION": "eu-central-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def make_bucket(self, name: str) -> str:
        """Make a bucket, and give the address of a prefix in it."""
        connection = HTTPConnection("127.0.0.1", self.port)
        body = "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint>"
        authorization = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-central-1/s3/aws4_request"}
        connection.request("PUT", f"/{name}", f"{body}</CreateBucketConfiguration>", authorization)
        assert connection.getresponse().status == 200
        connection.close()
        return f"s3://{name}/some/prefix"


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """moto's server; the test is skipped where moto is not installed."""
    pytest.importorskip("moto", reason="moto is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, port)
        yield S3Server(port)
    finally:
        process.kill()
        process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the S3 server did not start")


class StoredObjects:
    """What lies below a store's address, read and changed without the store."""

    def __init__(self, store: ArrayStore) -> None:
        self.objects: S3Store | LocalStore
        if is_bucket(store.url):
            self.objects = S3Store.from_url(store.url, client_options={"allow_http": True})
        else:
            folder_path(store.url).mkdir(parents=True, exist_ok=True)
            self.objects = LocalStore(folder_path(store.url))

    def names(self, prefix: str = "") -> list[str]:
        """The names below a prefix, relative to it."""
        found = [meta["path"] for batch in obstore.list(self.objects, prefix or None) for meta in batch]
        return sorted(name.removeprefix(f"{prefix}/") for name in found)

    def read(self, name: str) -> bytes:
        return bytes(obstore.get(self.objects, name).bytes())

    def write(self, name: str, content: bytes) -> None:
        obstore.put(self.objects, name, content)

    def remove(self, name: str) -> None:
        obstore.delete(self.objects, name)
