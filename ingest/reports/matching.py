"""How alike two texts are in radiology's terms, and the best pairing of texts by it.

Terms are those of the database's `finding_terms`: what is seen, how it is, where it is, other words, measurements; what
is denied has a minus before it, so that `no effusion` and `effusion` have nothing in common.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

Terms: TypeAlias = Mapping[str, float]
"""Weight by lexeme."""

ENOUGH = 0.5
"""The least likeness by which texts are taken to say the same."""
_WEIGHTS = {"A": 1.0, "B": 0.3, "C": 0.5, "": 0.2}
_MEASUREMENT = re.compile(r"[\d.]+mm")
_LEXEME = re.compile(r"'(~?)((?:[^']|'')*)':1([ABC]?)")
_SIDES = ({"left"}, {"right"})
_OTHER_SIDE = 0.5
"""What is left of a likeness where one text names the left only and the other the right only."""
_OF_FINDING = 0.7
"""How much it counts that a text says all of a finding; the rest is that it says nothing beside it."""


@dataclass(frozen=True)
class Pair:
    """A row and a column that belong together, and how alike they are."""

    row: int
    column: int
    score: float


def parse_terms(tsvector: str) -> Terms:
    """Read what `finding_terms` gives; what a text only mentions counts like what it is about."""
    found = ((lexeme, "A" if tilde else kind) for tilde, lexeme, kind in _LEXEME.findall(tsvector))
    return {lexeme: 1.0 if _MEASUREMENT.fullmatch(lexeme) else _WEIGHTS[kind] for lexeme, kind in found}


def likeness(finding: Terms, said: Terms) -> float:
    """Tell how surely a text says a finding: 0 nothing in common, 1 all of it and nothing else."""
    shared = sum(weight for lexeme, weight in finding.items() if lexeme in said)
    if not shared:
        return 0.0
    score = _OF_FINDING * shared / sum(finding.values()) + (1 - _OF_FINDING) * shared / max(sum(said.values()), shared)
    return score * _OTHER_SIDE if _contradict(finding, said) else score


def _contradict(one: Terms, other: Terms) -> bool:
    sides = [{side for side in ("left", "right") if side in terms} for terms in (one, other)]
    return sides[0] in _SIDES and sides[1] in _SIDES and sides[0] != sides[1]


def pair_up(scores: Sequence[Sequence[float]], least: float = ENOUGH) -> tuple[Pair, ...]:
    """Pair rows with columns, each once, so that the sum of scores is greatest; pairs below the least are left out."""
    matrix = np.array(scores, dtype=float)
    if matrix.size == 0:
        return ()
    kept = np.where(matrix >= least, matrix, 0.0)
    pairs = zip(*linear_sum_assignment(kept, maximize=True), strict=True)
    return tuple(Pair(int(row), int(column), float(kept[row, column])) for row, column in pairs if kept[row, column])
