"""Which sentences of a translation say which ones of the original: a path through both, in order.

After Gale and Church (1993): lengths of what translates each other vary around a ratio; sentences may be joined, parted
or left out at a cost. Numbers are anchors: they stay the same in every language.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_VARIANCE = 6.8
"""Of the difference of lengths, a character; Gale and Church's figure."""
_BEADS = {(1, 1): 0.89, (2, 1): 0.045, (1, 2): 0.045, (1, 0): 0.005, (0, 1): 0.005, (2, 2): 0.005, (3, 1): 0.0025}
_BEADS |= {(1, 3): 0.0025}
"""How often so many sentences of one text are so many of the other."""
_NUMBER_COST = 4.0
"""What a number costs that only one side has, in the unit of -log(probability)."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_BAND = 40
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
        self.sizes = len(sentences), len(originals)
        self.lengths = [len(one) for one in sentences], [len(one) for one in originals]
        self.numbers = [_numbers(one) for one in sentences], [_numbers(one) for one in originals]
        self.ratio = sum(self.lengths[1]) / sum(self.lengths[0])

    def cost(self, sentence: int, original: int, taken: int, given: int) -> float:
        """Give -log of how likely these sentences say each other."""
        left = slice(sentence, sentence + taken), slice(original, original + given)
        lengths = [sum(each[part]) for each, part in zip(self.lengths, left, strict=True)]
        numbers = [sum(each[part], Counter()) for each, part in zip(self.numbers, left, strict=True)]
        unlike = (numbers[0] - numbers[1]).total() + (numbers[1] - numbers[0]).total()
        return -math.log(_BEADS[taken, given]) + self._length_cost(*lengths) + _NUMBER_COST * unlike

    def _length_cost(self, length: int, original: int) -> float:
        expected = (length * self.ratio + original) / 2 or 1
        away = abs(original - length * self.ratio) / math.sqrt(expected * _VARIANCE)
        return -math.log(max(math.erfc(away / math.sqrt(2)), 1e-12))


def _numbers(text: str) -> Counter[str]:
    return Counter(number.replace(",", ".") for number in _NUMBER.findall(text))


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
    for sentence in range(sentences + 1):
        middle = sentence * originals // sentences
        yield from ((sentence, n) for n in range(max(0, middle - _BAND), min(originals, middle + _BAND) + 1))


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
