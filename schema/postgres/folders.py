"""The folders of one embedded server, and the private folder of its socket. Nobody but their owner can enter them."""

import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from schema.errors import ServerError
from schema.postgres.address import SOCKET

LONGEST_SOCKET = 103
"""Bytes in a socket's path: Linux holds 107 and macOS 103."""


@dataclass(frozen=True)
class Folders:
    """The places under `home`/postgres; `home` is an absolute path without symbolic links."""

    home: Path

    @property
    def root(self) -> Path:
        """Holds everything below."""
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder, there only when it is whole."""
        return self.root / "data"

    @property
    def unfinished(self) -> Path:
        """A data folder while it is being made."""
        return self.root / "data.part"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "log"

    @property
    def lock(self) -> Path:
        """The file whose lock is held by whoever starts or stops the server."""
        return self.root / "lock"

    @property
    def keep(self) -> Path:
        """Is there while the server stays up without leases."""
        return self.root / "keep"

    @property
    def clients(self) -> Path:
        """One locked file for each lease."""
        return self.root / "clients"

    def check(self) -> None:
        """Check that what is there, if anything, is this user's.

        Raises:
            ServerError: it is another user's, or cannot be seen.
        """
        try:
            owner = self.root.stat().st_uid if self.root.exists() else os.geteuid()
        except OSError as error:
            raise unwritable(self.home, error) from error
        if owner != os.geteuid():
            raise ServerError(f"{self.root} belongs to another user: run as that user, or set GROUNDCT_HOME")

    def make(self) -> None:
        """Make what is missing.

        Raises:
            ServerError: the home cannot be written, or is another user's.
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            self.root.mkdir(mode=0o700, exist_ok=True)
            self.check()
            self.clients.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise unwritable(self.home, error) from error


def unwritable(home: Path, error: OSError) -> ServerError:
    """The error for a home that cannot be written."""
    return ServerError(f"{home} cannot be used ({error.strerror}): set GROUNDCT_HOME to a local folder of your own")


def choose_socket_folder(root: Path, previous: Path | None = None) -> Path:
    """`root` where the socket's path fits there, otherwise `previous` if it is still private, or a new private folder.

    Raises:
        ServerError: no folder for temporary files has a path that is short enough.
    """
    if fits(root):
        return root
    if previous is not None and previous != root and is_private(previous):
        return previous
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes a new folder of mode 0700 or fails
        with suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="groundct-", dir=parent))
            if fits(folder):
                return folder
            folder.rmdir()
    raise ServerError(f"no folder for the socket of {root}: set TMPDIR to a writable folder with a short path")


def fits(folder: Path) -> bool:
    """Whether a socket can lie in `folder`: short enough, and no comma, at which libpq would split the path."""
    name = os.fsencode(folder / SOCKET)
    return len(name) <= LONGEST_SOCKET and b"," not in name


def is_private(folder: Path) -> bool:
    """Whether `folder` is a real folder of this user that nobody else can enter."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
