"""Taking turns: so many requests are worked on at a time, on threads; more wait, so many of them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio import CapacityLimiter, Semaphore, to_thread

from schema.limits import Limits

T = TypeVar("T")


class Turns:
    """What blocks runs here, as many at a time as have connections; the event loop only moves bytes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = Semaphore(limits.at_a_time)
        self._threads = CapacityLimiter(limits.at_a_time)
        self._inside = 0

    @property
    def working(self) -> int:
        """Requests that are worked on."""
        return min(self._inside, self._limits.at_a_time)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._inside - self.working

    @property
    def full(self) -> bool:
        """Whether no more may wait."""
        return self._inside >= self._limits.at_a_time + self._limits.waiting

    async def run(self, function: Callable[[], T], gone: Callable[[], Awaitable[bool]]) -> T | None:
        """Run a function on a thread when its turn comes; give None where nobody waits for it any more by then."""
        waits = self.working == self._limits.at_a_time
        self._inside += 1
        try:
            async with self._turns:
                if waits and await gone():
                    return None
                return await to_thread.run_sync(function, limiter=self._threads)
        finally:
            self._inside -= 1
