"""What servers say of their limits, and budgets."""

import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest

from ingest.reports.hosted.limits import Budget, Pace, exhausted_s, retry_after_s
from schema.errors import RunStopped


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "150", "retry-after": "9"}, 0.15),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_to_wait_for() -> None:
    given = {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)}
    assert retry_after_s(given) == pytest.approx(99, abs=2)


@pytest.mark.parametrize(
    ("left", "reset", "seconds"),
    [
        ("1", "1m30.5s", None),
        ("0", "1m30.5s", 90.5),
        ("0", "20ms", 0.02),
        ("0", "7", 7),
        ("0", "?", None),
        ("0", "1h0m1s", 3601),
    ],
)
def test_requests_that_are_left(left: str, reset: str, seconds: float | None) -> None:
    headers = {"x-ratelimit-remaining-requests": left, "x-ratelimit-reset-requests": reset}
    assert exhausted_s(headers, 10) == seconds


def test_tokens_that_are_left() -> None:
    headers = {"x-ratelimit-remaining-tokens": "99", "x-ratelimit-reset-tokens": "6s"}
    assert exhausted_s(headers, 99) is None
    assert exhausted_s(headers, 100) == 6


def test_all_threads_wait_for_one_answer() -> None:
    pace = Pace()
    pace.hold(0.3)
    start = time.monotonic()
    threads = [threading.Thread(target=pace.wait) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 0.25 < time.monotonic() - start < 5


def test_nobody_waits_when_the_run_ends() -> None:
    pace = Pace()
    pace.hold(500)
    threading.Timer(0.05, pace.stopped.set).start()
    start = time.monotonic()
    with pytest.raises(RunStopped):
        pace.wait()
    assert time.monotonic() - start < 100
    with pytest.raises(RunStopped, match="3601 s"):
        pace.hold(3601)


def test_a_budget_counts_what_runs() -> None:
    budget = Budget(Decimal("1.00"))
    with budget.reserved(Decimal("0.6")), pytest.raises(RunStopped), budget.reserved(Decimal("0.6")):
        pass
    with budget.reserved(Decimal("0.6")):
        budget.spend(Decimal("0.9"))
    with pytest.raises(RunStopped, match=r"1\.00 USD is spent \(0\.9 USD\)"), budget.reserved(Decimal("0.2")):
        pass
    with Budget().reserved(None):
        pass
