"""The server's processes: found by their name and working folder, never by a number alone, and brought to an end.

A number in `postmaster.pid` may by now belong to another program, or to a zombie that nobody buries.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil

from schema.postgres.patience import attempts

_PAUSE_S = 0.005
_LARGEST_PID = (1 << 31) - 1
_NAMES = ("postgres", "postmaster")


@dataclass(frozen=True)
class PidFile:
    """What the server wrote into `postmaster.pid`; the later lines are there only when it has come so far."""

    pid: int
    socket_folder: Path | None
    ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    """The content of the data folder's `postmaster.pid`; None when it is absent or makes no sense."""
    try:
        lines = os.fsdecode((data / "postmaster.pid").read_bytes()).splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not 0 < pid <= _LARGEST_PID:
        return None
    folder, status = next(islice(lines, 4, None), ""), next(islice(lines, 7, None), "")
    return PidFile(pid, Path(folder) if folder else None, ready=status.strip() == "ready")


def find_postmaster(data: Path) -> psutil.Process | None:
    """The living server of the data folder, by `postmaster.pid`."""
    written = read_pid_file(data)
    if written is None:
        return None
    with suppress(psutil.Error, ValueError):
        process = psutil.Process(written.pid)
        return process if serves(process, data) else None
    return None


def serves(process: psutil.Process, data: Path) -> bool:
    """Whether the process is a living PostgreSQL process that works in the data folder."""
    try:
        return not is_gone(process) and process.name() in _NAMES and os.path.samefile(process.cwd(), data)
    except (psutil.Error, OSError):
        return False


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended; a zombie has, whether or not its parent ever asks for it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end(process: psutil.Process, number: signal.Signals, *, timeout_s: float) -> bool:
    """Send the signal and wait until the process has ended. False: it has not, in that time."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
    return any(is_gone(process) for _ in attempts(timeout_s, _PAUSE_S))


def clear_leftovers(data: Path) -> None:
    """End what a killed server left behind, where there is no living one.

    Backends may outlive it, and would keep a new server from starting. `postmaster.pid` is removed only when another
    program or a zombie has its number, or none can be read: in all other cases PostgreSQL's own checks do more.
    """
    file = data / "postmaster.pid"
    if not file.exists():
        return
    for orphan in orphans(data):
        if not end(orphan, signal.SIGQUIT, timeout_s=2):
            end(orphan, signal.SIGKILL, timeout_s=2)
    written = read_pid_file(data)
    if written is None or psutil.pid_exists(written.pid):
        file.unlink(missing_ok=True)


def orphans(data: Path) -> Iterator[psutil.Process]:
    """The living PostgreSQL processes that work in the data folder, whoever started them."""
    return (process for process in psutil.process_iter() if serves(process, data))
