"""The memory of this process and all that it started, watched while something runs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psutil

INTERVAL_S = 0.2


class PeakMemory:
    """The most resident memory that the watched processes had together, and the most that one of them had, in bytes.

    The database server, which is a process of its own standing, is not among them.
    """

    def __init__(self) -> None:
        self.together = 0
        self.one = 0

    def look(self) -> None:
        """Look once."""
        sizes = [_resident(each) for each in (psutil.Process(), *psutil.Process().children(recursive=True))]
        self.together, self.one = max(self.together, sum(sizes)), max(self.one, *sizes, 0)


@contextmanager
def watch_memory() -> Iterator[PeakMemory]:
    """Watch until the block ends."""
    peak, ended = PeakMemory(), Event()

    def watch() -> None:
        while not ended.wait(INTERVAL_S):
            peak.look()

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
