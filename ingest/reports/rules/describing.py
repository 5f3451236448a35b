"""Describes a text: its side, lobe, segment, size, count, attenuation, margin, distribution, change, certainty."""

import re
from collections.abc import Callable, Iterable, Iterator

from ingest.reports.rules.anatomy import Lexicon, Mention, find_lobes, find_segments, find_sides
from ingest.reports.rules.measurements import find_measurements
from ingest.reports.rules.vocabulary import any_term, load_vocabulary
from ingest.reports.stages import Described, Description
from schema.descriptor import DescriptorKind

_LEXICONS = {DescriptorKind(kind): Lexicon(forms) for kind, forms in load_vocabulary("descriptors").items()}
_PLACES: dict[DescriptorKind, Callable[[str], Iterable[Mention]]] = {
    DescriptorKind.SIDE: find_sides,
    DescriptorKind.LOBE: find_lobes,
    DescriptorKind.SEGMENT: find_segments,
}
_NUMBERS = {
    **dict.fromkeys(("one", "single", "solitary"), 1),
    **{word: n for n, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)},  # noqa: SIM905
}
_COUNTED = any_term(load_vocabulary("findings")["countable"])
_COUNT = re.compile(
    rf"(?<![\w.,/x\u00d7-])(?:(\d{{1,2}})\s*-\s*)?(\d{{1,2}}|{'|'.join(_NUMBERS)})(?=\s+[a-z])"
    r"(?!\s*(?:mm|cm|x|\u00d7|hu|days?|weeks?|months?|years?|by|to)\b)",
    re.IGNORECASE,
)
_ORDINAL_BEFORE = re.compile(
    r"\b(?:segments?|stage|grade|series|image|type|level|the|this|in|of|at|number|no)\s*$", re.IGNORECASE
)
_OF_WALLS = re.compile(r"\s+(?:bronchial\s+)?(?:wall\s+)?(?:thick|cuff|calcification)", re.IGNORECASE)
_LIMIT_BEFORE = re.compile(
    r"(?:\b(?:less|smaller|shorter|larger|greater|thinner|bigger|more|lower) than|not exceed\w*|below|"
    r"under|above|over|[<>]|"
    r"\b(?:formerly|previously|was|compared (?:with|to))(?: (?:about|approximately|measured|as))*)\s*$",
    re.IGNORECASE,
)
_NO_SIZE_AFTER = re.compile(
    r"\s*(?:\)|,)?\s*(?:distant|away|proximal|distal|from|above|below|behind the|deep to|before\b|(?:in|"
    r"on|at) (?:the |an? )?(?:\w+ )?"
    r"(?:previous|prior|old|former|earlier|last))\b",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[,;:.()]|\b(?:in|of|at|on|with|and|or|is|are|was|were|to)\b", re.IGNORECASE)


def describe(text: str) -> Description:
    """Read the descriptors of a finding's or an observation's words, in their order; none in a text that says none.

    Each value stands once, at the words that say it first; sizes and counts stand as often as they are said.
    """
    found = [*_mentions(text), *_sizes(text), *_counts(text)]
    return Description(descriptors=tuple(sorted(found, key=lambda item: (item.start, item.end, item.kind, item.value))))


def _mentions(text: str) -> Iterator[Described]:
    finders = {**_PLACES, **{kind: lexicon.find for kind, lexicon in _LEXICONS.items()}}
    for kind, find in finders.items():
        first: dict[str, Mention] = {}
        for mention in find(text):
            if kind is DescriptorKind.DISTRIBUTION and _OF_WALLS.match(text, mention.end):
                continue
            first.setdefault(mention.value, mention)
        for value, mention in first.items():
            yield Described(kind=kind, value=value, start=mention.start, end=mention.end)


def _sizes(text: str) -> Iterator[Described]:
    for measured in find_measurements(text):
        if _LIMIT_BEFORE.search(text, 0, measured.start) or _NO_SIZE_AFTER.match(text, measured.end):
            continue
        yield Described(
            kind=DescriptorKind.SIZE,
            value=measured.value,
            sizes_mm=measured.sizes_mm,
            start=measured.start,
            end=measured.end,
        )


def _counts(text: str) -> Iterator[Described]:
    for match in _COUNT.finditer(text):
        if _ORDINAL_BEFORE.search(text, 0, match.start()) or not _counts_findings(text, match.end()):
            continue
        number = _NUMBERS.get(match[2].lower()) or int(match[2])
        yield Described(
            kind=DescriptorKind.COUNT, value=str(number), number=number, start=match.start(), end=match.end()
        )


def _counts_findings(text: str, start: int) -> bool:
    """Whether the nouns right after a number are things that are counted."""
    end = _BREAK.search(text, start)
    return bool(_COUNTED.search(text, start, end.start() if end else len(text)))
