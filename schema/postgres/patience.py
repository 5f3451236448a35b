"""Waiting for something to come true by asking again."""

import time
from collections.abc import Iterator


def attempts(timeout_s: float, pause_s: float = 0.01) -> Iterator[float]:
    """Yield the seconds waited so far: at once, then after each pause, and a last time when `timeout_s` is over."""
    begun = time.monotonic()
    waited = 0.0
    while waited < timeout_s:
        yield waited
        time.sleep(pause_s)
        waited = time.monotonic() - begun
    yield waited
