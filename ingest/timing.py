"""Seconds by stage, for benchmarks and logs."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Stopwatch:
    """Adds up the seconds of named stages: `with watch("mask"): ...`. Threads may share it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._mutex = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the block's wall time to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            with self._mutex:
                self.seconds[stage] += seconds

    def each(self, stage: str, items: Iterable[Item]) -> Iterator[Item]:
        """Count the time that making each item takes to a stage."""
        iterator = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
