"""The embedded server's life: found by the next process, started by the first lease, stopped by the last one to end.

A client that is killed leaves a file that nobody locks any more; the next one to end normally sees that and stops the
server. A server that is killed is told by its processes, and started again.
"""

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schema.errors import ServerError
from schema.postgres import locks
from schema.postgres.address import Address
from schema.postgres.binaries import Binaries
from schema.postgres.folders import Folders, unwritable
from schema.postgres.instance import Instance, StopMode

State = Literal["absent", "stopped", "starting", "running"]
"""`starting` is every living server that does not answer: it starts, recovers, stops or hangs."""


@dataclass(frozen=True)
class Status:
    """What can be told of the embedded server without starting it."""

    state: State
    pid: int | None
    address: Address | None
    clients: tuple[int, ...]
    """The process of each living lease."""
    log: Path


class EmbeddedServer:
    """The server of one home. Nothing is made or started before it is needed."""

    def __init__(
        self,
        home: Path,
        *,
        binaries: Binaries | None = None,
        timeout_s: float = 300,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        """Take the programs from `binaries`, or find them at the first start.

        A start, a recovery, a stop, or another command's, may take `timeout_s`; `notice` gets lines while one takes
        over a second.
        """
        self._folders = Folders(home.resolve())
        self._timeout_s = timeout_s
        self._instance = Instance(self._folders, binaries, timeout_s=timeout_s, notice=notice or _tell_nobody)

    def attach(self, *, keep: bool = False) -> "Lease":
        """Start the server unless it runs, and use it until `Lease.leave` or the normal end of this process.

        With `keep`, the server stays when this lease and later ones end, until `stop`. A forked child takes a lease
        of its own.

        Raises:
            ServerError: there is no server, and there can be none; the message holds the remedy.
        """
        with self._locked():
            client = locks.register(self._folders.clients)
            try:
                address = self._instance.ensure()
            except BaseException:
                locks.forget(client)
                raise
        return Lease(self, address, client, keep=keep)

    @contextmanager
    def lease(self, *, keep: bool = False) -> Iterator[Address]:
        """`attach`, and leave at the end of the block."""
        lease = self.attach(keep=keep)
        try:
            yield lease.address
        finally:
            lease.leave()

    def ensure_running(self) -> Address:
        """Start the server unless it runs, without a lease: it stays until somebody's last lease ends.

        Raises:
            ServerError: as `attach`.
        """
        with self._locked():
            return self._instance.ensure()

    def stop(self, mode: StopMode = "fast") -> bool:
        """Stop the server, whoever uses it. False: it did not run.

        Raises:
            ServerError: it does not stop in time, or is another user's or container's.
        """
        self._folders.check()
        if not self._folders.data.is_dir():
            return False
        with self._locked():
            self._folders.keep.unlink(missing_ok=True)
            stopped = self._instance.stop(mode)
        if not stopped and self.is_running():
            raise ServerError(f"the server of {self._folders.root} runs in another container: stop it there")
        return stopped

    def is_running(self) -> bool:
        """Whether a connection works."""
        return self._instance.answering is not None

    def status(self) -> Status:
        """What is there; starts nothing and waits for nobody.

        Raises:
            ServerError: it is another user's.
        """
        self._folders.check()
        postmaster = self._instance.postmaster
        return Status(
            state=self._state(),
            pid=postmaster.pid if postmaster else None,
            address=self._instance.answering,
            clients=tuple(locks.living(self._folders.clients)),
            log=self._folders.log,
        )

    def leave(self, client: locks.Client, *, keep: bool) -> None:
        """End a client's lease (`Lease.leave` does), and stop the server when it was the last one.

        With `keep`, the server stays, after this lease and later ones, until `stop`.

        Raises:
            ServerError: the server does not stop in time.
        """
        if not self._folders.data.is_dir():
            locks.forget(client)  # the home was removed, and its server ends by itself as soon as it sees that
            return
        with self._locked():
            locks.forget(client)
            locks.sweep(self._folders.clients)
            if keep:
                self._folders.keep.touch()
            if not self._folders.keep.exists() and not locks.living(self._folders.clients):
                self._instance.stop("fast")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folders.make()
        try:
            with locks.exclusive(self._folders.lock, timeout_s=self._timeout_s):
                yield
        except OSError as error:
            raise unwritable(self._folders.root, error) from error

    def _state(self) -> State:
        if self.is_running():
            return "running"
        if self._instance.postmaster is not None:
            return "starting"
        return "stopped" if self._folders.data.is_dir() else "absent"


class Lease:
    """The use of a server by this process, until `leave` or the normal end of the process."""

    def __init__(self, server: EmbeddedServer, address: Address, client: locks.Client, *, keep: bool) -> None:
        self.address = address
        self._server = server
        self._client: locks.Client | None = client
        self._keep = keep
        self._pid = os.getpid()
        atexit.register(self.leave)

    def leave(self) -> None:
        """End the use, once. In a forked child nothing happens: the lease is its parent's.

        Raises:
            ServerError: this was the last lease, and the server does not stop in time.
        """
        client, self._client = self._client, None
        if client is None or os.getpid() != self._pid:
            return
        atexit.unregister(self.leave)
        self._server.leave(client, keep=self._keep)


def _tell_nobody(line: str) -> None:
    """What an absent `notice` does with the line."""
