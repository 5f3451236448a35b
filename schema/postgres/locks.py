"""Locks of the kernel on files: who may start or stop the server, and who uses it.

They are `flock` locks, which belong to the open file: the kernel lets go of them when the process ends, however it
ends. A forked child shares the open file, so unlocking is always explicit; closing alone would leave the child's copy.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from schema.errors import ServerError
from schema.postgres.patience import attempts


@dataclass(frozen=True)
class Client:
    """A user of the server: a file that stays locked for as long as the lease lasts."""

    path: Path
    descriptor: int


@contextmanager
def exclusive(path: Path, *, timeout_s: float) -> Iterator[None]:
    """Hold the lock of the file at `path`, made when absent.

    Raises:
        ServerError: another process holds it for longer than `timeout_s`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path, timeout_s=timeout_s)
        yield
    finally:
        _release(descriptor)


def register(folder: Path) -> Client:
    """Make a locked file in `folder`. The caller holds the exclusive lock, so that no sweep comes in between."""
    path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return Client(path, descriptor)


def forget(client: Client) -> None:
    """Unlock and remove the client's file, also when somebody removed it before."""
    _release(client.descriptor)
    client.path.unlink(missing_ok=True)


def living(folder: Path) -> list[int]:
    """The process numbers of the clients in `folder`, one for each lease."""
    return [int(path.name.partition("-")[0]) for path in _files(folder) if _is_held(path)]


def sweep(folder: Path) -> None:
    """Remove the files of clients that ended without a word. The caller holds the exclusive lock."""
    for path in _files(folder):
        if not _is_held(path):
            path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _acquire(descriptor: int, path: Path, *, timeout_s: float) -> None:
    if not any(_try(descriptor, fcntl.LOCK_EX) for _ in attempts(timeout_s)):
        raise ServerError(f"another command has held {path} for {timeout_s:.0f} s: wait for it, or end it")


def _try(descriptor: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False


def _release(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _is_held(path: Path) -> bool:
    """Tried with a shared lock, so that two processes that look at once do not take each other for the client."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    held = not _try(descriptor, fcntl.LOCK_SH)
    _release(descriptor)
    return held
