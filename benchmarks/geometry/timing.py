"""Timing contenders in turn, so that what disturbs the machine disturbs them all alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks.geometry.compare import Differences, compare_values
from benchmarks.geometry.contenders import Contender

SLOW_SECONDS = 20.0


@dataclass
class Timed:
    """What was measured of a contender on a case."""

    lacks: list[str] = field(default_factory=list)
    extra_mb: float = 0.0
    """Peak memory beyond the loaded arrays, in its first run."""
    seconds: list[float] = field(default_factory=list)
    """Of every run but the first."""
    differences: Differences = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Seconds, the median."""
        return median(self.seconds)


def time_in_turn(contenders: Mapping[str, Contender], runs: int) -> dict[str, Timed]:
    """Run every contender once for its memory, then all of them in turn; one that is slow has one counted run."""
    timed, turns = {}, {}
    for name, contender in contenders.items():
        first = contender.ask("time")
        timed[name] = Timed(contender.ask("lacks"), first["extra_mb"])
        turns[name] = 1 if first["seconds"] > SLOW_SECONDS else runs
    for turn in range(runs):
        for name, contender in contenders.items():
            if turn < turns[name]:
                timed[name].seconds.append(contender.ask("time")["seconds"])
    return timed


def add_differences(contenders: Mapping[str, Contender], timed: Mapping[str, Timed]) -> int:
    """Compare everybody's values with ours; gives the number of entities."""
    ours = contenders["ours"].ask("values")
    for name, contender in contenders.items():
        if name not in ("floor", "ours"):
            timed[name].differences = compare_values(ours, contender.ask("values"))
    return len(ours)
