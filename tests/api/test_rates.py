"""Buckets of requests: they empty, fill, and are forgotten."""

import pytest

from api import rates
from api.rates import Rates


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_empties_and_fills(clock: Clock) -> None:
    some = Rates(60, clock)
    assert [some.take("ann") for _ in range(60)] == [0] * 60
    assert some.take("ann") == pytest.approx(1)
    assert some.take("bob") == 0
    clock.now += 0.5
    assert some.take("ann") == pytest.approx(0.5)
    clock.now += 0.5
    assert some.take("ann") == 0
    clock.now += 1e6
    assert [some.take("ann") > 0 for _ in range(61)] == [False] * 60 + [True]


def test_none_is_any_number(clock: Clock) -> None:
    assert not any(Rates(0, clock).take("ann") for _ in range(1000))


def test_only_so_many_are_remembered(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_KNOWN", 2)
    some = Rates(1, clock)
    assert [some.take(who) for who in ("ann", "bob", "carla")] == [0, 0, 0]
    assert some.take("carla") > 0
    assert some.take("ann") == 0
