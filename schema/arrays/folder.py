"""A local folder as the place of arrays: `AREA/DIGEST[:2]/DIGEST/` for each, all there or not there.

What another kind of place (an object store) would have to offer is this class's public methods.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote, urlsplit

from schema.arrays.disk_errors import reading, writing
from schema.arrays.scratch import Scratch
from schema.errors import ArrayStoreError, SettingsError

Area = Literal["volumes", "labels", "hidden"]
"""`hidden` holds labels of hidden splits: in the form of `labels`, in a folder with permissions of its own."""
AREAS: tuple[Area, ...] = get_args(Area)


@dataclass(frozen=True)
class FolderEntry:
    """One stored array: when it was last written or found again, and the bytes of its files."""

    area: Area
    digest: str
    modified_at: datetime
    stored_bytes: int


class ArrayFolder:
    """Arrays below one folder; it is made at the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scratch = Scratch(root / "scratch")

    def path(self, area: Area, digest: str) -> Path:
        """Where the array is, whether or not it is there; ValueError unless both are well-formed."""
        if area not in AREAS or not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"an array is named by one of {AREAS} and a SHA-256, not by {area!r} and {digest!r}")
        return self.root / area / digest[:2] / digest

    def has(self, area: Area, digest: str) -> bool:
        """Whether the array is there."""
        path = self.path(area, digest)
        with reading(path):
            return path.is_dir()

    def find(self, area: Area, digest: str) -> Path:
        """The path of an array that is there; ArrayStoreError when it is not."""
        path = self.path(area, digest)
        if not self.has(area, digest):
            raise ArrayStoreError(f"{path} is missing: restore it from a backup, or import it again")
        return path

    def make(self) -> None:
        """Make the root; ArrayStoreError where it cannot be made or written."""
        with writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with self.scratch.new_path() as path:
                path.mkdir()

    def publish(self, area: Area, digest: str, fill: Callable[[Path], None]) -> None:
        """Let `fill` write the array at a scratch path, then rename it into place; an array that is there is kept.

        Raises:
            ArrayStoreError: it cannot be written; nothing of it is left.
        """
        target = self.path(area, digest)
        with writing(target):
            if target.is_dir():
                _touch(target)
                return
            with self.scratch.new_path() as path:
                fill(path)
                _sync_tree(path)
                self._make_parents(target)
                _rename_unless_there(path, target)

    def delete(self, area: Area, digest: str) -> None:
        """Remove an array; it vanishes from its place in one step. Nothing happens when it is not there."""
        target = self.path(area, digest)
        with writing(target), self.scratch.new_path() as path, suppress(FileNotFoundError):
            os.rename(target, path)
            _sync(target.parent)

    def entries(self) -> Iterator[FolderEntry]:
        """Every array that is there, by area and digest; those that vanish meanwhile are left out."""
        for area in AREAS:
            with reading(self.root / area):
                paths = sorted((self.root / area).glob("[0-9a-f][0-9a-f]/*"))
            for path in paths:
                with reading(path), suppress(FileNotFoundError):
                    modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    yield FolderEntry(area, path.name, modified_at, stored_bytes(path))

    def _make_parents(self, target: Path) -> None:
        (self.root / "hidden").mkdir(mode=0o700, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(self.root)
        _sync(target.parent.parent)


def parse_folder(url: str) -> Path:
    """The absolute path that a setting names: a path, with or without `~`, or a file:// address.

    Raises:
        SettingsError: it is empty, or the address of something that is not a folder, like s3://.
    """
    parts = urlsplit(url)
    if "://" in url and (parts.scheme != "file" or parts.netloc not in ("", "localhost")):
        raise SettingsError(f"GROUNDCT_ARRAYS={url}: this version keeps arrays in folders only; give a folder's path")
    path = unquote(parts.path) if "://" in url else url
    if not path:
        raise SettingsError("GROUNDCT_ARRAYS is empty; give a folder's path")
    return Path(path).expanduser().absolute()


def stored_bytes(path: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def stored_sha256(path: Path) -> str:
    """SHA-256, hexadecimal, over the files below a folder, by path: `path \\0 size \\0` and the bytes of each."""
    digest = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(path).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _touch(path: Path) -> None:
    # An array that is found again counts as new to the grace time of garbage collection. Where others own it, the
    # lock that writers and collection share is protection enough.
    with suppress(PermissionError):
        os.utime(path)


def _rename_unless_there(path: Path, target: Path) -> None:
    try:
        os.rename(path, target)
        _sync(target.parent)
    except OSError:
        # A folder with something in it is never replaced; another writer of the same digest wrote the same array.
        if not target.is_dir():
            raise
        shutil.rmtree(path)


def _sync_tree(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
