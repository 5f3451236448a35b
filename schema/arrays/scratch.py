"""Where arrays are written before they have their name: one locked folder for each writer.

A writer's folder holds a file `lock`, locked (flock) for as long as the writer lives. The lock goes with the process,
however it ends, so a folder whose lock can be taken belongs to nobody and may be swept.
"""

import fcntl
import os
import shutil
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4


@dataclass(frozen=True)
class HeldFolder:
    """A scratch folder, the descriptor that holds its lock, and the process that took it."""

    path: Path
    descriptor: int
    process: int


class Scratch:
    """The scratch folders below `root`: one's own, taken at the first use, and those that dead writers left.

    Threads may share it; a forked child takes a folder of its own.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: HeldFolder | None = None
        self._mutex = threading.Lock()
        self._finalizer: weakref.finalize[[HeldFolder], Scratch] | None = None

    @contextmanager
    def new_path(self) -> Iterator[Path]:
        """A path that does not exist yet; whatever still lies there at the end is removed."""
        path = self._own_folder() / uuid4().hex
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def sweep(self) -> int:
        """Remove the folders of writers that live no longer, and give their number."""
        return sum(_sweep_folder(folder) for folder in _subfolders(self._root))

    def close(self) -> None:
        """Remove one's own folder; the next use takes a new one."""
        with self._mutex:
            if self._finalizer is not None:
                self._finalizer()
            self._own = self._finalizer = None

    def _own_folder(self) -> Path:
        with self._mutex:
            if self._own is None or self._own.process != os.getpid():
                self._own = _take_folder(self._root)
                self._finalizer = weakref.finalize(self, _release_folder, self._own)
            return self._own.path


def _take_folder(root: Path) -> HeldFolder:
    root.mkdir(parents=True, exist_ok=True)
    while True:
        path = root / uuid4().hex
        path.mkdir(mode=0o700)  # labels of hidden splits pass through here
        descriptor = _lock_folder(path)
        if descriptor is not None:
            return HeldFolder(path, descriptor, os.getpid())


def _lock_folder(path: Path) -> int | None:
    """A descriptor that holds the folder's lock; None when another has it, or had it and removed the folder."""
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A sweeper may have come between the two calls: then this lock is on a file that has no name.
        if os.path.samestat(os.fstat(descriptor), os.stat(path / "lock")):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _release_folder(held: HeldFolder) -> None:
    if held.process == os.getpid():
        shutil.rmtree(held.path, ignore_errors=True)
    os.close(held.descriptor)


def _sweep_folder(folder: Path) -> bool:
    descriptor = _lock_folder(folder)
    if descriptor is None:
        return False
    shutil.rmtree(folder, ignore_errors=True)  # another sweeper may be at it as soon as the lock file is gone
    os.close(descriptor)
    return not folder.exists()


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
