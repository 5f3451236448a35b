"""Gives a finding its code by the words that it is told in; where none is known, by findings that mean the same."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from compute.embedder.embedder import Embedder
from ingest.reports.rules.category_evidence import weigh_codes
from ingest.reports.rules.category_exemplars import Exemplars
from ingest.reports.stages import Categorisation, ScoredCode

MOST_CHARACTERS = 2000
"""What is read of a text; findings have some hundred."""
SHARPNESS = 6.0
DOUBT = 20.0
"""What speaks for any other code, on the scale of `exp(SHARPNESS * weight)`."""


class Categoriser:
    """Decides by rules; the embedder is opened when a text first needs it. Threads may share it."""

    def __init__(self, open_embedder: Callable[[], Embedder], model: str) -> None:
        self._open_embedder, self.model = open_embedder, model

    def categorise(self, text: str) -> Categorisation:
        """Give the code that a text speaks for most, and the others; no code where nothing speaks for any.

        Raises:
            ModelError: the embedder cannot be opened.
        """
        words = text[:MOST_CHARACTERS]
        if not words.strip():
            return Categorisation(code=None)
        return _decide(weigh_codes(words) or self._exemplars.weigh_codes(words))

    def categorise_all(self, texts: Iterable[str]) -> list[Categorisation]:
        """Categorise texts, each by itself, in their order."""
        return [self.categorise(text) for text in texts]

    @cached_property
    def _exemplars(self) -> Exemplars:
        return Exemplars(self._open_embedder())


def _decide(weights: Mapping[str, float]) -> Categorisation:
    """Turn weights, heaviest first, into shares of a whole that leaves room for doubt."""
    if not weights:
        return Categorisation(code=None)
    powers = {code: math.exp(SHARPNESS * weight) for code, weight in weights.items()}
    whole = sum(powers.values()) + DOUBT
    best, *others = [ScoredCode(code=code, score=round(power / whole, 4)) for code, power in powers.items()]
    return Categorisation(code=best.code, score=best.score, alternatives=tuple(others))
