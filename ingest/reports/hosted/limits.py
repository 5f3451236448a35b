"""When the next request may go: what servers say of their limits, and what a run may spend.

Threads share both. Servers of OpenAI's protocol tell what is left in `x-ratelimit-remaining-requests` and `-tokens`,
and in `x-ratelimit-reset-...` when that is full again; one that refuses says `Retry-After`.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from threading import Event, Lock

from schema.errors import RunStopped

LONGEST_WAIT_S = 600.0
"""A server that asks for longer than this ends the run."""
_KINDS = ("requests", "tokens")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long a server asks to wait: seconds, milliseconds, or a date; None where it does not say."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    if given is None or (seconds := _number(given)) is not None:
        return seconds if given is not None else None
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def exhausted_s(headers: Mapping[str, str], tokens: int) -> float | None:
    """Read how long to wait until as many tokens as these, and one request, are left; None where there are."""
    waits = []
    for kind, needed in zip(_KINDS, (1, tokens), strict=True):
        left = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
        reset = _duration_s(headers.get(f"x-ratelimit-reset-{kind}"))
        if left is not None and reset is not None and left < needed:
            waits.append(reset)
    return max(waits, default=None)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d+(\.\d+)?", text.strip()) else None


def _duration_s(text: str | None) -> float | None:
    """Read `1m30.5s` or `20ms`; a bare number is seconds."""
    if text is None or (seconds := _number(text)) is not None:
        return seconds if text is not None else None
    parts = _PART.findall(text)
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts) if parts else None


@dataclass
class Pace:
    """Holds requests back until the server takes them again."""

    stopped: Event = field(default_factory=Event)
    """Set when the run ends: nobody waits any longer, and nothing is sent."""
    _not_before: float = 0.0
    _changing: Lock = field(default_factory=Lock)

    def hold(self, seconds: float) -> None:
        """Let nothing go for so long.

        Raises:
            RunStopped: that is too long to wait.
        """
        if seconds > LONGEST_WAIT_S:
            raise RunStopped(f"the server takes nothing for {seconds:.0f} s: run the same command again then to go on")
        with self._changing:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def wait(self, at_least_s: float = 0.0) -> None:
        """Wait until the next request may go, and at least so long.

        Raises:
            RunStopped: the run ends.
        """
        earliest = time.monotonic() + at_least_s
        while (left := max(earliest, self._not_before) - time.monotonic()) > 0:
            if self.stopped.wait(left):
                break
        if self.stopped.is_set():
            raise RunStopped("the run ends")


@dataclass
class Budget:
    """What a run may spend, in USD; None is without a limit."""

    most_usd: Decimal | None = None
    spent_usd: Decimal = Decimal(0)
    _reserved_usd: Decimal = Decimal(0)
    _changing: Lock = field(default_factory=Lock)

    @contextmanager
    def reserved(self, usd: Decimal | None) -> Iterator[None]:
        """Put aside what a request is thought to cost while it runs.

        Raises:
            RunStopped: so much is not left.
        """
        usd = usd or Decimal(0)
        with self._changing:
            if self.most_usd is not None and self.spent_usd + self._reserved_usd + usd > self.most_usd:
                raise RunStopped(
                    f"the budget of {self.most_usd} USD is spent ({self.spent_usd} USD): "
                    "run the same command with another --budget to go on"
                )
            self._reserved_usd += usd
        try:
            yield
        finally:
            with self._changing:
                self._reserved_usd -= usd

    def spend(self, usd: Decimal | None) -> None:
        """Note what a request cost."""
        with self._changing:
            self.spent_usd += usd or Decimal(0)
