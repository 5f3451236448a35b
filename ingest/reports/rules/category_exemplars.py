"""Findings written beforehand, each with its code, and those of them that mean most nearly the same as a text."""

import re
import tomllib
from collections import defaultdict
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from compute.embedder.embedder import Embedder

NEIGHBOURS = 5
LEAST = 0.5
"""The cosine from which a neighbour is one."""
PLACES = re.compile(
    r"\b(?:\d[\d.,x ]*(?:mm|cm)?|(?:in|of|at|on) (?:the|both)|right|left|both|bilateral(?:ly)?|lungs?|lobes?|segments?|"
    r"upper|middle|lower|(?:antero|postero|latero|medio|anteromedio)?basal|anterior|posterior|lateral|medial|superior|"
    r"inferior|apical|lingular?|hemithorax|level|zones?|there (?:is|are)|"
    r"(?:is|are|was|were) (?:observed|seen|noted|present))\b",
    re.IGNORECASE,
)


@cache
def load_exemplars() -> tuple[tuple[str, str], ...]:
    """Read (code, text) of every exemplar."""
    content = tomllib.loads(files(__package__).joinpath("category_exemplars.toml").read_text("utf-8"))
    return tuple((code, text) for code, texts in content.items() for text in texts)


class Exemplars:
    """The exemplars under one embedder."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._codes = [code for code, _ in load_exemplars()]
        self._vectors = embedder.embed([text for _, text in load_exemplars()])

    def weigh_codes(self, text: str) -> dict[str, float]:
        """Give codes by the cosines of the nearest exemplars, best first; empty where none is near."""
        vector = self._embedder.embed([without_places(text)])[0]
        return self._vote(self._vectors @ vector)

    def _vote(self, cosines: NDArray[np.float32]) -> dict[str, float]:
        votes: dict[str, float] = defaultdict(float)
        for row in np.argsort(-cosines, kind="stable")[:NEIGHBOURS]:
            if cosines[row] >= LEAST:
                votes[self._codes[row]] += float(cosines[row]) / NEIGHBOURS
        return dict(sorted(votes.items(), key=lambda one: (-one[1], one[0])))


def without_places(text: str) -> str:
    """Take away the words that say where and how large, so that what it is decides."""
    return " ".join(PLACES.sub(" ", text).split())
