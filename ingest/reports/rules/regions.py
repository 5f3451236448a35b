"""Places a sentence in a region of the report by its words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ingest.reports.rules.vocabulary import any_term, load_vocabulary
from schema.report import Region

STRONG, WEAK = 3, 1
_WORDS = {Region(name): words for name, words in load_vocabulary("regions").items()}
_ANY = any_term(term for words in _WORDS.values() for strength in ("strong", "weak") for term in words[strength])
_WEIGHTED = [
    (region, weight, any_term(words[strength]))
    for strength, weight in (("strong", STRONG), ("weak", WEAK))
    for region, words in _WORDS.items()
    if words[strength]
]


@lru_cache(maxsize=4096)
def find_region(text: str, *, least: int = WEAK) -> Region | None:
    """Give the region that most words speak of, the first named of equals; None where no word is as strong as asked."""
    weights: Counter[Region] = Counter()
    for region, weight in _regions(text):
        weights[region] += weight
    best = max(weights, key=weights.__getitem__, default=None)
    return best if best is not None and weights[best] >= least else None


def _regions(text: str) -> Iterator[tuple[Region, int]]:
    for match in _ANY.finditer(text):
        yield next((region, weight) for region, weight, pattern in _WEIGHTED if pattern.fullmatch(match.group()))


def first_region(texts: Iterable[str], *, least: int = WEAK) -> Region | None:
    """Give the region of the first text that has one."""
    return next((region for text in texts if (region := find_region(text, least=least))), None)
