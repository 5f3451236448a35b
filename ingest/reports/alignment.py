"""Which sentences of a translation say which ones of the original: a path through both, in order.

After Gale and Church (1993): lengths of what translates each other vary around a ratio; sentences may be joined, parted
or left out at a cost. Numbers are anchors: they stay the same in every language.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

_VARIANCE = 6.8
"""Of the difference of lengths, a character; Gale and Church's figure."""
_BEADS = {(1, 1): 0.89, (2, 1): 0.045, (1, 2): 0.045, (1, 0): 0.005, (0, 1): 0.005, (2, 2): 0.005, (3, 1): 0.0025}
_BEADS |= {(1, 3): 0.0025}
"""How often so many sentences of one text are so many of the other."""
_RARITY = {bead: -math.log(often) for bead, often in _BEADS.items()}
_NUMBER_COST = 4.0
"""What a number costs that only one side has, in the unit of -log(probability)."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_BAND = 12
"""How far the path may leave the diagonal, in sentences: a report's parts do not change places."""


@dataclass(frozen=True)
class Aligned:
    """A sentence, the one of the original that it says, and how surely, 0 to 1."""

    sentence: int
    original: int
    score: float


def align_sentences(sentences: Sequence[str], originals: Sequence[str]) -> tuple[Aligned, ...]:
    """Align the sentences of two texts, numbered from 0; one that is only in one text has no row."""
    if not sentences or not originals:
        return ()
    return tuple(_rows(_path(_Sides(sentences, originals))))


@dataclass(frozen=True)
class _Bead:
    """Sentences `[sentence, sentence + taken)` say originals `[original, original + given)`."""

    sentence: int
    original: int
    taken: int
    given: int
    cost: float


class _Sides:
    def __init__(self, sentences: Sequence[str], originals: Sequence[str]) -> None:
        self.left, self.right = _Side(sentences), _Side(originals)
        self.sizes = len(sentences), len(originals)
        self.ratio = self.right.length(0, len(originals)) / self.left.length(0, len(sentences))

    def cost(self, sentence: int, original: int, taken: int, given: int) -> float:
        """Give -log of how likely these sentences say each other."""
        rare = _RARITY[taken, given]
        if not (taken and given):
            return rare
        lengths = self.left.length(sentence, sentence + taken), self.right.length(original, original + given)
        numbers = self.left.numbers(sentence, sentence + taken), self.right.numbers(original, original + given)
        return rare + self._length_cost(*lengths) + _NUMBER_COST * _unlike(*numbers)

    def _length_cost(self, length: int, original: int) -> float:
        expected = (length * self.ratio + original) / 2 or 1
        away = abs(original - length * self.ratio) / math.sqrt(expected * _VARIANCE)
        return -math.log(max(math.erfc(away / math.sqrt(2)), 1e-12))


class _Side:
    def __init__(self, sentences: Sequence[str]) -> None:
        self._ends = [0, *accumulate(map(len, sentences))]
        self._numbers = [_NUMBER.findall(one.replace(",", ".")) for one in sentences]

    def length(self, start: int, end: int) -> int:
        return self._ends[end] - self._ends[start]

    def numbers(self, start: int, end: int) -> list[str]:
        return [number for numbers in self._numbers[start:end] for number in numbers]


def _unlike(numbers: list[str], others: list[str]) -> int:
    """Count the numbers that only one side has."""
    if numbers == others:
        return 0
    ours, theirs = Counter(numbers), Counter(others)
    return (ours - theirs).total() + (theirs - ours).total()


def _path(sides: _Sides) -> list[_Bead]:
    """Find the cheapest path by dynamic programming, near the diagonal."""
    best: dict[tuple[int, int], tuple[float, _Bead | None]] = {(0, 0): (0.0, None)}
    for sentence, original in _near_diagonal(*sides.sizes):
        reached = best.get((sentence, original))
        if reached is None:
            continue
        for taken, given in _BEADS:
            end = sentence + taken, original + given
            if end[0] > sides.sizes[0] or end[1] > sides.sizes[1]:
                continue
            cost = sides.cost(sentence, original, taken, given)
            if end not in best or reached[0] + cost < best[end][0]:
                best[end] = reached[0] + cost, _Bead(sentence, original, taken, given, cost)
    return _walk_back(best, sides.sizes)


def _near_diagonal(sentences: int, originals: int) -> Iterator[tuple[int, int]]:
    band = _BAND + originals // sentences
    for sentence in range(sentences + 1):
        middle = sentence * originals // sentences
        yield from ((sentence, n) for n in range(max(0, middle - band), min(originals, middle + band) + 1))


def _walk_back(best: dict[tuple[int, int], tuple[float, _Bead | None]], end: tuple[int, int]) -> list[_Bead]:
    beads = []
    while (bead := best[end][1]) is not None:
        beads.append(bead)
        end = bead.sentence, bead.original
    return beads[::-1]


def _rows(beads: list[_Bead]) -> Iterator[Aligned]:
    """Score a bead by its cost alone: 1 for what is as likely as can be."""
    for bead in beads:
        score = round(math.exp(-bead.cost / 4), 4)
        for sentence in range(bead.sentence, bead.sentence + bead.taken):
            for original in range(bead.original, bead.original + bead.given):
                yield Aligned(sentence, original, score)
