"""What a place of arrays offers, be it a folder or a bucket: named parts, there together or not at all.

An array is a few parts under one name: `zarr.json`, and shards such as `c/0/0/0`. The store above knows what is in
them; a place knows only bytes.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, get_args

Area = Literal["volumes", "labels", "hidden"]
"""`hidden` holds labels of hidden splits: in the form of `labels`, in a place with permissions of its own."""
AREAS: tuple[Area, ...] = get_args(Area)

METADATA = "zarr.json"
"""The part that every array has, and that says what the others hold."""
Parts = Mapping[str, Sequence[bytes]]
"""The parts of one array by name, each as pieces that follow one another."""
ReadRange = Callable[[int, int], bytes]
"""Gives the bytes start <= n < stop of one part; fewer where the part is shorter."""


class PartReplaced(OSError):
    """A part is no longer the one whose version was given: the array was removed and written again."""


@dataclass(frozen=True)
class ArrayEntry:
    """One stored array: when it was last written or found again, and the bytes of its parts."""

    area: Area
    digest: str
    modified_at: datetime
    stored_bytes: int


@dataclass(frozen=True)
class StoredParts:
    """The bytes of an array's parts, and the SHA-256, hexadecimal, over them.

    The hash is over `name \\0 size \\0` and the bytes of each part, in the order of their names.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Tail:
    """The end of a part, and what tells this part from a later one of the same name."""

    content: bytes
    version: str


@dataclass(frozen=True)
class Reach:
    """How a place is read best: ranges at once, bytes of a range, and the gap between two that is read through."""

    threads: int
    range_bytes: int
    gap_bytes: int


class Place(Protocol):
    """Where arrays lie. Its errors are OSErrors; FileNotFoundError means that this part is not there."""

    reach: Reach

    def address(self, area: Area, digest: str) -> str:
        """Where the array is, or would be, as a path or URL."""

    def zarr_store(self, area: Area, digest: str) -> dict[str, Any]:
        """What `zarr.open_array` takes to find the array."""

    def has(self, area: Area, digest: str) -> bool:
        """Whether the array is there."""

    def make(self) -> None:
        """Make the place where it can be made, and find out whether it can be written."""

    def renew(self, area: Area, digest: str) -> StoredParts | None:
        """Let an array that is there count as written just now; None when it is not there."""

    def publish(self, area: Area, digest: str, parts: Parts) -> StoredParts:
        """Put an array in its place; where another writer was first, that one's parts stay."""

    def delete(self, area: Area, digest: str) -> None:
        """Remove an array, if it is there; it is gone in one step."""

    def entries(self) -> Iterator[ArrayEntry]:
        """Every array that is there."""

    def sweep(self, unfinished_for: timedelta | None) -> int:
        """Remove what killed writers left, and give its number; see `ArrayStore.sweep_scratch`."""

    def read(self, area: Area, digest: str, name: str) -> bytes:
        """A whole part."""

    def read_tail(self, area: Area, digest: str, name: str, length: int) -> Tail:
        """The last `length` bytes of a part, or all of a shorter one."""

    def open_part(self, area: Area, digest: str, name: str, version: str) -> AbstractContextManager[ReadRange]:
        """Read ranges of a part, from several threads at once; PartReplaced when its version is another."""

    def close(self) -> None:
        """Give back what is held outside this process's memory."""


def array_key(area: Area, digest: str) -> str:
    """`AREA/DIGEST[:2]/DIGEST`; ValueError unless both are well-formed."""
    if area not in AREAS or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"an array is named by one of {AREAS} and a SHA-256, not by {area!r} and {digest!r}")
    return f"{area}/{digest[:2]}/{digest}"


def measure_parts(parts: Parts) -> StoredParts:
    """Sum up and hash parts."""
    digest, total = hashlib.sha256(), 0
    for name in sorted(parts):
        size = sum(map(len, parts[name]))
        digest.update(f"{name}\0{size}\0".encode())
        for piece in parts[name]:
            digest.update(piece)
        total += size
    return StoredParts(total, digest.hexdigest())
