"""One data folder's server: found, waited for, started, stopped. Whoever calls `ensure` or `stop` holds the lock."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal

import psutil
import psycopg

from schema.errors import ServerError
from schema.postgres.address import SOCKET, Address
from schema.postgres.binaries import Binaries, find_binaries
from schema.postgres.cluster import check_cluster, complete_cluster, create_cluster, is_complete
from schema.postgres.commands import one_line, run_server_program
from schema.postgres.configuration import write_configuration
from schema.postgres.folders import Folders, choose_socket_folder, is_private
from schema.postgres.patience import attempts
from schema.postgres.postmaster import (
    PidFile,
    clear_leftovers,
    end,
    find_postmaster,
    is_gone,
    read_pid_file,
)

StopMode = Literal["smart", "fast", "immediate"]
"""Wait for the clients to go; send them away; end at once, so that the next start recovers."""

_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_LONGEST_LOG = 16 << 20


class Instance:
    """The server of `folders.data`, which need not be there yet."""

    def __init__(
        self, folders: Folders, binaries: Binaries | None, *, timeout_s: float, notice: Callable[[str], None]
    ) -> None:
        self._folders = folders
        self._binaries = binaries
        self._timeout_s = timeout_s
        self._notice = notice

    @property
    def postmaster(self) -> psutil.Process | None:
        """The server's living process, whether or not it answers."""
        return find_postmaster(self._folders.data)

    @property
    def answering(self) -> Address | None:
        """Where the server answers; None when a connection does not work."""
        address = _address(self._pid_file)
        return None if _ask(address) is None else address

    def ensure(self) -> Address:
        """Attach to the server that answers, or wait for the one that is on its way, or start one.

        Raises:
            ServerError: it does not start, or does not answer in time.
        """
        return self._found() or self._awaited() or self._started()

    def stop(self, mode: StopMode) -> bool:
        """End the server and what a killed one left. False: there was no living one.

        Raises:
            ServerError: it does not end in time.
        """
        written, postmaster = self._pid_file, self.postmaster
        if postmaster is None:
            self._clear()
            return False
        if not end(postmaster, _SIGNALS[mode], timeout_s=self._timeout_s):
            raise ServerError(self._slow(postmaster))
        self._remove_socket_folder(written)
        return True

    @property
    def _pid_file(self) -> PidFile | None:
        return read_pid_file(self._folders.data)

    def _found(self) -> Address | None:
        """The server that answers, completed where the process that made it was killed too early."""
        address = _address(self._pid_file)
        complete = _ask(address)
        if address is None or complete is None:
            return None
        if not complete:
            complete_cluster(address)
        return address

    def _awaited(self) -> Address | None:
        """Wait for a living server that does not answer: it starts, recovers or stops. None: there is none any more."""
        postmaster = self.postmaster
        if postmaster is None:
            return None
        if _is_deaf(self._pid_file):
            end(postmaster, signal.SIGINT, timeout_s=self._timeout_s)
        for _ in self._patient_attempts():
            if is_gone(postmaster):
                return None
            if address := self._found():
                return address
        raise ServerError(self._slow(postmaster))

    def _started(self) -> Address:
        binaries = self._binaries or find_binaries()
        if not self._folders.data.is_dir():
            create_cluster(self._folders, binaries)
        check_cluster(self._folders, binaries)
        self._prepare()
        before = self._rotate_log()
        command = [binaries.program("pg_ctl"), "start", "--wait", "--timeout=3", "--silent", "--log=log"]
        run_server_program(command, folder=self._folders.root, data=self._folders.data)
        address = self._found() or self._awaited()
        if address is None:
            raise ServerError(self._failure(before))
        return address

    def _prepare(self) -> None:
        previous = self._pid_file
        self._clear()
        folder = choose_socket_folder(self._folders.root, previous.socket_folder if previous else None)
        (folder / f"{SOCKET}.lock").unlink(missing_ok=True)  # the folder is this server's alone, and it does not live
        write_configuration(self._folders.data, socket_folder=folder)

    def _clear(self) -> None:
        """A server that answers lives, although this process does not see its process."""
        if self.answering is None:
            clear_leftovers(self._folders.data)

    def _rotate_log(self) -> int:
        """Put a long log aside. Returns where the next line will stand."""
        log = self._folders.log
        if log.exists() and log.stat().st_size > _LONGEST_LOG:
            log.replace(log.with_name("log.1"))
        return log.stat().st_size if log.exists() else 0

    def _remove_socket_folder(self, written: PidFile | None) -> None:
        if written and written.socket_folder and written.socket_folder != self._folders.root:
            with suppress(OSError):
                written.socket_folder.rmdir()

    def _patient_attempts(self) -> Iterator[None]:
        """Attempts until the time is over, and a notice every second."""
        told = 0.0
        for waited in attempts(self._timeout_s):
            if waited > told + 1:
                told = waited
                self._notice(f"waiting for PostgreSQL for {waited:.0f} s, see {self._folders.log}")
            yield

    def _slow(self, postmaster: psutil.Process) -> str:
        return (
            f"PostgreSQL (process {postmaster.pid}) has neither answered nor ended for {self._timeout_s:.0f} s and may "
            f"still be recovering: see {self._folders.log}, then run the command again, or end that process"
        )

    def _failure(self, before: int) -> str:
        log = self._folders.log
        said = log.read_bytes()[before:].decode(errors="replace") if log.exists() else ""
        return f"PostgreSQL does not start ({one_line(said)}): see {log}"


def _address(written: PidFile | None) -> Address | None:
    """Where the server says that it listens; nowhere when somebody else could have put that folder there."""
    if written is None or written.socket_folder is None or not is_private(written.socket_folder):
        return None
    return Address(written.socket_folder)


def _ask(address: Address | None) -> bool | None:
    """Whether the database is there; None when a connection does not work."""
    with suppress(psycopg.OperationalError):
        return None if address is None else is_complete(address)
    return None


def _is_deaf(written: PidFile | None) -> bool:
    """Whether a server that is ready lost its socket's place, to a cleaner of temporary files for instance."""
    if written is None or not written.ready:
        return False
    address = _address(written)
    return address is None or not (address.folder / SOCKET).exists()
