"""Is a prediction stored otherwise than its truth: with an axis mirrored, axes swapped, or findings exchanged?

Every other arrangement is scored by voxels drawn at random from each predicted finding, and named where it fits far
better. It is a suspicion for a person to look at: nothing is repaired, and a prediction that fits nowhere is not
suspected.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment

from compute.kernels.overlaps import dice
from compute.kernels.readings import AS_STORED, Reading, readings_of
from compute.kernels.runs import Runs, labels_at, run_lengths
from compute.kernels.samples import voxels_inside
from compute.kernels.volumes import Ints, Triple

FLOOR = 0.3
"""The mean Dice that another arrangement must have at least, over the findings that it concerns."""
LEAD = 0.2
"""What it must have above the arrangement as stored; and it must have twice as much."""
_SAMPLES = 500
"""Voxels of a finding that are looked up: an estimated Dice is off by some 0.02."""


@dataclass(frozen=True)
class Arrangement:
    """Another way to read a prediction, with what it scores."""

    name: str
    """In words, such as "i mirrored" or "findings 0 and 2 exchanged"."""
    dice: float
    """Estimated, the mean over the findings that it concerns."""
    stored_dice: float
    """The same of the prediction as it is stored."""


def find_better_arrangement(
    truths: Sequence[Runs], predictions: Sequence[Runs], shape_zyx: Triple
) -> Arrangement | None:
    """The arrangement of a prediction that fits its truth best, if it fits far better than the stored one.

    Args:
        truths: of each finding of a case.
        predictions: of each finding, as many.
        shape_zyx: the volume's shape; only readings that keep it are tried.
    """
    case = _Case(truths, predictions, shape_zyx)
    better = [one for one in (*case.readings(), *case.exchanges()) if _is_far_better(one)]
    return max(better, key=lambda one: one.dice - one.stored_dice, default=None)


@dataclass(frozen=True)
class _Case:
    truths: Sequence[Runs]
    predictions: Sequence[Runs]
    shape_zyx: Triple

    @cached_property
    def drawn(self) -> list[int]:
        """The findings of which there is something on either side."""
        pairs = zip(self.truths, self.predictions, strict=True)
        return [n for n, (truth, prediction) in enumerate(pairs) if len(truth) and len(prediction)]

    @cached_property
    def samples_zyx(self) -> dict[int, Ints]:
        """Voxels of each predicted finding."""
        random = np.random.default_rng(0)
        return {n: voxels_inside(self.predictions[n], self.shape_zyx[1], _SAMPLES, random) for n in self.drawn}

    def readings(self) -> list[Arrangement]:
        """Every other reading of the axes, over all findings."""
        if not self.drawn:
            return []
        stored, *others = [(reading, self._mean_dice(reading)) for reading in readings_of(self.shape_zyx)]
        return [Arrangement(reading.name, mean, stored[1]) for reading, mean in others]

    def exchanges(self) -> list[Arrangement]:
        """The best assignment of predictions to truths, each of its cycles on its own."""
        scores = np.array([[self._dice(t, p, AS_STORED) for t in self.drawn] for p in self.drawn])
        if len(scores) < 2:
            return []
        _, chosen = linear_sum_assignment(scores, maximize=True)
        return [
            Arrangement(
                _named([self.drawn[n] for n in cycle]),
                float(scores[cycle, chosen[cycle]].mean()),
                float(scores[cycle, cycle].mean()),
            )
            for cycle in _cycles(chosen.tolist())
        ]

    def _mean_dice(self, reading: Reading) -> float:
        return float(np.mean([self._dice(n, n, reading) for n in self.drawn]))

    def _dice(self, truth: int, prediction: int, reading: Reading) -> float:
        """Estimated for one truth and one prediction."""
        voxels = reading.of(self.samples_zyx[prediction], self.shape_zyx)
        share = (labels_at(self.truths[truth], voxels, self.shape_zyx) > 0).mean()
        drawn, predicted = _voxels(self.truths[truth]), _voxels(self.predictions[prediction])
        return float(dice(share * predicted, drawn, predicted))


def _voxels(runs: Runs) -> int:
    return int(run_lengths(runs).sum(dtype=np.int64))


def _is_far_better(found: Arrangement) -> bool:
    return found.dice >= max(FLOOR, found.stored_dice + LEAD, 2 * found.stored_dice)


def _cycles(order: list[int]) -> list[list[int]]:
    """The cycles of a permutation that move anything."""
    cycles, seen = [], set()
    for start in range(len(order)):
        cycle, n = [], start
        while n not in seen:
            seen.add(n)
            cycle.append(n)
            n = order[n]
        cycles += [cycle] if len(cycle) > 1 else []
    return cycles


def _named(findings: list[int]) -> str:
    if len(findings) == 2:
        return f"findings {min(findings)} and {max(findings)} exchanged"
    return f"findings {', '.join(map(str, sorted(findings)))} in another order"
