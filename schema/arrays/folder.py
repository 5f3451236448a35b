"""A local folder as the place of arrays: `AREA/DIGEST[:2]/DIGEST/` for each, renamed into place as a whole."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from schema.arrays.place import (
    AREAS,
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
from schema.arrays.scratch import Scratch
from schema.arrays.threads import CORES, workers


class ArrayFolder:
    """Arrays below one folder; it is made at the first write."""

    reach = Reach(threads=CORES, range_bytes=2**20, gap_bytes=2**15)

    def __init__(self, root: Path) -> None:
        self.root = root
        self.scratch = Scratch(root / "scratch")

    def path(self, area: Area, digest: str) -> Path:
        """Where the array is, whether or not it is there."""
        return self.root / array_key(area, digest)

    def address(self, area: Area, digest: str) -> str:
        """The array's path."""
        return str(self.path(area, digest))

    def zarr_store(self, area: Area, digest: str) -> dict[str, Any]:
        """The array's path."""
        return {"store": self.path(area, digest)}

    def has(self, area: Area, digest: str) -> bool:
        """Whether the array's folder is there."""
        return self.path(area, digest).is_dir()

    def make(self) -> None:
        """Make the root, and a folder in its scratch."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self.scratch.new_path() as path:
            path.mkdir()

    def renew(self, area: Area, digest: str) -> StoredParts | None:
        """Set the folder's time, where it is there and one's own."""
        path = self.path(area, digest)
        if not path.is_dir():
            return None
        _touch(path)
        return _measure(path)

    def publish(self, area: Area, digest: str, parts: Parts) -> StoredParts:
        """Write the parts to scratch, sync them, and rename their folder."""
        target = self.path(area, digest)
        measured = workers().submit(measure_parts, parts)  # hashed while the disk is busy
        with self.scratch.new_path() as path:
            for name in parts:
                _write(path / name, parts[name])
            _sync_tree(path)
            self._make_parents(target)
            first = _rename_unless_there(path, target)
        return measured.result() if first else _measure(target)

    def delete(self, area: Area, digest: str) -> None:
        """Rename the array's folder into scratch, and remove it there."""
        target = self.path(area, digest)
        with self.scratch.new_path() as path, suppress(FileNotFoundError):
            os.rename(target, path)
            _sync(target.parent)

    def entries(self) -> Iterator[ArrayEntry]:
        """By area and digest; those that vanish meanwhile are left out."""
        for area in AREAS:
            for path in sorted((self.root / area).glob("[0-9a-f][0-9a-f]/*")):
                with suppress(FileNotFoundError):
                    modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                    yield ArrayEntry(area, path.name, modified_at, sum(file.stat().st_size for file in _files(path)))

    def sweep(self, unfinished_for: timedelta | None) -> int:  # noqa: ARG002 - a folder knows by its lock who is dead
        """Remove the scratch folders of writers that live no longer."""
        return self.scratch.sweep()

    def read(self, area: Area, digest: str, name: str) -> bytes:
        """A whole file."""
        return (self.path(area, digest) / name).read_bytes()

    def read_tail(self, area: Area, digest: str, name: str, length: int) -> Tail:
        """The end of a file, with its inode, time and size as the version."""
        with (self.path(area, digest) / name).open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            content = os.pread(file.fileno(), length, max(0, status.st_size - length))
            return Tail(content, _version(status))

    @contextmanager
    def open_part(self, area: Area, digest: str, name: str, version: str) -> Iterator[ReadRange]:
        """Open the file, and read from it where asked."""
        with (self.path(area, digest) / name).open("rb", buffering=0) as file:
            descriptor = file.fileno()
            if _version(os.fstat(descriptor)) != version:
                raise PartReplaced(f"{name} was written anew")
            yield lambda start, stop: os.pread(descriptor, stop - start, start)

    def close(self) -> None:
        """Remove this process's scratch folder."""
        self.scratch.close()

    def _make_parents(self, target: Path) -> None:
        (self.root / "hidden").mkdir(mode=0o700, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(self.root)
        _sync(target.parent.parent)


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()]


def _measure(path: Path) -> StoredParts:
    return measure_parts({file.relative_to(path).as_posix(): [file.read_bytes()] for file in _files(path)})


def _touch(path: Path) -> None:
    # An array that is found again counts as new to the grace time of garbage collection. Where others own it, the
    # lock that writers and collection share is protection enough.
    with suppress(PermissionError):
        os.utime(path)


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.writelines(pieces)


def _rename_unless_there(path: Path, target: Path) -> bool:
    """Rename a folder; False, and the folder is gone, where the target is there already."""
    try:
        os.rename(path, target)
    except OSError:
        # A folder with something in it is never replaced; another writer of the same digest wrote the same array.
        if not target.is_dir():
            raise
        shutil.rmtree(path)
        return False
    _sync(target.parent)
    return True


def _sync_tree(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
