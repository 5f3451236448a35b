"""How often somebody may ask: a bucket of requests each, which fills by the minute. In this process's memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KNOWN = 50_000
"""Buckets that are remembered; whoever asked longest ago is forgotten first, and has a full one again."""


class Rates:
    """Buckets of so many requests by who asks; 0 is any number."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = a_minute, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Take a request out of a bucket; give 0, or the seconds until there is one."""
        if not self._most:
            return 0
        now, a_second = self._clock(), self._most / 60
        left, at = self._buckets.pop(who, (float(self._most), now))
        left = min(self._most, left + (now - at) * a_second)
        enough = left >= 1
        self._buckets[who] = (left - enough, now)
        if len(self._buckets) > MOST_KNOWN:
            self._buckets.popitem(last=False)
        return 0 if enough else (1 - left) / a_second
