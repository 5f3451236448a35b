"""A bucket as the place of arrays: the objects `PREFIX/AREA/DIGEST[:2]/DIGEST/...`, with `zarr.json` put last.

An array is there exactly when its `zarr.json` is. Every object is put only if absent, so what is there is never
overwritten by other bytes; a writer that is killed leaves shards that the next one takes over, or that are swept.
Credentials, region and endpoint come from the environment, by the names that obstore reads (AWS_ACCESS_KEY_ID...).
They are in no message and no pickle: answers of the server are cut down to their code.
"""

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import GCSStore, S3Store
from zarr.storage import ObjectStore

from schema.arrays.place import (
    AREAS,
    METADATA,
    Area,
    ArrayEntry,
    PartReplaced,
    Parts,
    Reach,
    ReadRange,
    StoredParts,
    Tail,
    array_key,
    measure_parts,
)
from schema.arrays.threads import workers

if TYPE_CHECKING:  # obstore has its types in stubs alone
    from obstore import GetOptions, ObjectMeta

REQUEST_TIMEOUT = timedelta(minutes=10)
"""A shard goes up in one request, also through a slow line."""
RETRIES = 4


class ArrayBucket:
    """Arrays below one prefix of a bucket."""

    reach = Reach(threads=16, range_bytes=2**23, gap_bytes=2**18)

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._objects = _open_objects(self.url)

    def address(self, area: Area, digest: str) -> str:
        """The array's URL."""
        return f"{self.url}/{array_key(area, digest)}"

    def zarr_store(self, area: Area, digest: str) -> dict[str, Any]:
        """The bucket as zarr-python sees it, and the array's path in it."""
        return {"store": ObjectStore(self._objects, read_only=True), "path": array_key(area, digest)}

    def has(self, area: Area, digest: str) -> bool:
        """Whether the array's `zarr.json` is there."""
        try:
            with _requests():
                obstore.head(self._objects, f"{array_key(area, digest)}/{METADATA}")
        except FileNotFoundError:
            return False
        return True

    def make(self) -> None:
        """Put an object twice and remove it; OSError where the server does not hold to put-if-absent."""
        key = f"scratch/{uuid4().hex}"
        with _requests():
            puts = [self._put_if_absent(key, b"") for _ in range(2)]
            obstore.delete(self._objects, key)
        if puts != [True, False]:
            raise OSError(errno.EIO, "the server ignores If-None-Match, so writers would overwrite one another")

    def renew(self, area: Area, digest: str) -> StoredParts | None:
        """Put the same `zarr.json` again, where it is there."""
        key = array_key(area, digest)
        try:
            metadata = self.read(area, digest, METADATA)
        except FileNotFoundError:
            return None
        with _requests():
            obstore.put(self._objects, f"{key}/{METADATA}", metadata, use_multipart=False)
        return self._measure(key)

    def publish(self, area: Area, digest: str, parts: Parts) -> StoredParts:
        """Put the shards and then `zarr.json`, each only if absent."""
        key = array_key(area, digest)

        def put(name: str) -> bool:
            with _requests():
                return self._put_if_absent(f"{key}/{name}", b"".join(parts[name]))

        shards = [name for name in parts if name != METADATA]
        first = [*workers(self.reach.threads).map(put, shards), put(METADATA)]
        return measure_parts(parts) if all(first) else self._measure(key)

    def delete(self, area: Area, digest: str) -> None:
        """Delete `zarr.json`, and then the rest."""
        key = array_key(area, digest)
        with _requests():
            self._delete([meta["path"] for meta in self._list(key)])

    def entries(self) -> Iterator[ArrayEntry]:
        """By area and digest, from one listing."""
        for area in AREAS:
            for digest, objects in self._listed(area):
                metadata = next((meta for meta in objects if meta["path"].endswith(f"/{METADATA}")), None)
                if metadata is not None:
                    stored_bytes = sum(meta["size"] for meta in objects)
                    yield ArrayEntry(area, digest, metadata["last_modified"], stored_bytes)

    def sweep(self, unfinished_for: timedelta | None) -> int:
        """Delete the shards of arrays without `zarr.json`; without a time nothing, as their writer may be alive."""
        if unfinished_for is None:
            return 0
        oldest = datetime.now(UTC) - unfinished_for
        swept = 0
        for area in AREAS:
            for _, objects in self._listed(area):
                keys = [meta["path"] for meta in objects]
                finished = any(key.endswith(f"/{METADATA}") for key in keys)
                if not finished and max(meta["last_modified"] for meta in objects) <= oldest:
                    with _requests():
                        self._delete(keys)
                    swept += 1
        return swept

    def read(self, area: Area, digest: str, name: str) -> bytes:
        """A whole object."""
        return self._get(f"{array_key(area, digest)}/{name}")

    def read_tail(self, area: Area, digest: str, name: str, length: int) -> Tail:
        """The end of an object, with its entity tag as the version."""
        with _requests():
            got = obstore.get(self._objects, f"{array_key(area, digest)}/{name}", options={"range": {"suffix": length}})
            return Tail(bytes(got.bytes()), got.meta["e_tag"] or "")

    @contextmanager
    def open_part(self, area: Area, digest: str, name: str, version: str) -> Iterator[ReadRange]:
        """One request a range, on the condition of the entity tag."""
        key = f"{array_key(area, digest)}/{name}"

        def read(start: int, stop: int) -> bytes:
            with _requests():
                options: GetOptions = {"range": (start, stop), "if_match": version}
                return bytes(obstore.get(self._objects, key, options=options).bytes())

        yield read

    def close(self) -> None:
        """Nothing is held."""

    def _get(self, key: str) -> bytes:
        with _requests():
            return bytes(obstore.get(self._objects, key).bytes())

    def _put_if_absent(self, key: str, content: bytes) -> bool:
        try:
            obstore.put(self._objects, key, content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        return True

    def _delete(self, keys: Sequence[str]) -> None:
        first = [key for key in keys if key.endswith(f"/{METADATA}")]
        for batch in (first, [key for key in keys if key not in first]):
            if batch:
                obstore.delete(self._objects, batch)

    def _list(self, prefix: str) -> "Iterator[ObjectMeta]":
        for batch in obstore.list(self._objects, prefix):
            yield from batch

    def _listed(self, area: Area) -> "Iterator[tuple[str, list[ObjectMeta]]]":
        """Every digest below an area with its objects; servers list in the order of keys."""
        with _requests():
            for parts, objects in groupby(self._list(area), key=lambda meta: meta["path"].split("/")[1:3]):
                yield parts[-1], list(objects)

    def _measure(self, key: str) -> StoredParts:
        with _requests():
            keys = [meta["path"] for meta in self._list(key)]
        return measure_parts({name.removeprefix(f"{key}/"): [self._get(name)] for name in keys})


def _open_objects(url: str) -> S3Store | GCSStore:
    # Options given here replace those of the environment, so the one that loopback servers need is read again.
    allow_http = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    kind = S3Store if url.startswith("s3://") else GCSStore
    with _requests():
        return kind.from_url(
            url,
            client_options={"timeout": REQUEST_TIMEOUT, "allow_http": allow_http},
            retry_config={"max_retries": RETRIES, "retry_timeout": REQUEST_TIMEOUT},
        )


@contextmanager
def _requests() -> Iterator[None]:
    """Turn what obstore raises into OSErrors that hold no more than a status and a code."""
    if _runtime_process() != os.getpid():
        raise OSError(errno.EIO, "this process was forked from one that used a bucket: spawn it instead")
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(_reason(error)) from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise PermissionError(errno.EACCES, _reason(error)) from None
    except PreconditionError as error:
        raise PartReplaced(errno.EIO, _reason(error)) from None
    except BaseError as error:
        raise OSError(errno.EIO, _reason(error)) from None


@cache
def _runtime_process() -> int:
    """The process whose threads obstore works in: the first that asks. A forked child has none and would wait."""
    return os.getpid()


def _reason(error: Exception) -> str:
    """The HTTP status and the server's code, or the first line without what stands after a URL or a tag."""
    text = str(error).partition("\n\nDebug source")[0]
    status = re.search(r"status code: (\d{3}[^:<]*)", text)
    if status is None:
        return re.sub(r"\w+://\S+", "the bucket", text).partition("<")[0].strip()
    code = re.search(r"<Code>(\w+)</Code>", text)
    return " ".join([status[1].strip(), *([code[1]] if code else [])])
