"""Sides, lobes and bronchopulmonary segments in words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.reports.rules.vocabulary import any_term, load_vocabulary

_WORDS: Mapping[str, Mapping[str, list[str]]] = load_vocabulary("anatomy")
_BOTH = ("right", "left")


@dataclass(frozen=True)
class Mention:
    """A value of a closed vocabulary, and where it is said: `text[start:end]`."""

    value: str
    start: int
    end: int


class Lexicon:
    """Finds the values of a vocabulary by their forms; the longest form wins, and forms do not overlap."""

    def __init__(self, forms: Mapping[str, list[str]]) -> None:
        """Take the forms of each value."""
        self._any = any_term(term for terms in forms.values() for term in terms)
        self._by_value = [(value, any_term(terms)) for value, terms in forms.items()]

    def find(self, text: str) -> Iterator[Mention]:
        """Give the mentions of a text in its order."""
        for match in self._any.finditer(text):
            yield Mention(self._value(match.group()), match.start(), match.end())

    def _value(self, words: str) -> str:
        return next(value for value, pattern in self._by_value if pattern.fullmatch(words))


_SIDES = Lexicon(_WORDS["side"])
_PAIRED = Lexicon(_WORDS["paired"])
_NO_SIDE = Lexicon(_WORDS["no_side"])
_LOBES = Lexicon(_WORDS["lobe"])
_SEGMENTS = Lexicon(_WORDS["segment"])
_BESIDE = Lexicon(_WORDS["segment_beside"])
_SIDE_WORD = re.compile(r"\b(?:(right|left)|(both|bilateral|bilaterally))\b", re.IGNORECASE)
_POSITION = r"(?:apical|posterior|anterior|lateral|medial|superior|inferior|lingular|\w*basal|apicoposterior)"
_LIST = rf"(?:and|or|the|segments?|lobes?|upper|middle|lower|{_POSITION})"
_SEPARATOR = r"\s*(?:,|and|-|/|or|&)\s*"
_OF_SIDE = re.compile(rf"(?:\s*{_LIST}\b|\s*[,/&-])*\s*(?:of|on)\s+(?:the\s+)?", re.IGNORECASE)
_OWN_LOBE = re.compile(r"\s+(?:lungs?\s+)?(?:upper|middle|lower)\b", re.IGNORECASE)
_COORDINATED_LOBE = re.compile(
    rf"\b(upper|middle|lower)(?=(?:{_SEPARATOR}(?:upper|middle|lower))*{_SEPARATOR}(?:upper|middle|lower)\s+lobes?\b)",
    re.IGNORECASE,
)
_THEN_SEGMENT = re.compile(rf"(?:(?:{_SEPARATOR}|\s*){_POSITION}\b)*[-\s]+segments?\b", re.IGNORECASE)
_AFTER_LOBE = re.compile(rf"\blobes?\s+(?:{_POSITION}\s*(?:,|and|-|/|\s)\s*)*$", re.IGNORECASE)
_BEFORE_LOBE = re.compile(
    r"\s+(?:(?:part |aspect |portion )?of\s+the\s+(?:\w+\s+)?)?(?:upper|middle|lower)\s+lobe\b", re.IGNORECASE
)
_ALL_LOBES = re.compile(r"\b(?:all|every|each)(?: (?:five|the|of the))* lobes?\b", re.IGNORECASE)
_WORDED = {"upper": "upper lobe", "middle": "right middle lobe", "lower": "lower lobe"}
_ABBREVIATIONS = {
    "RUL": "right upper lobe",
    "RML": "right middle lobe",
    "RLL": "right lower lobe",
    "LUL": "left upper lobe",
    "LLL": "left lower lobe",
}
_ABBREVIATED = re.compile(rf"\b(?:{'|'.join(_ABBREVIATIONS)})\b")


def find_sides(text: str) -> Iterator[Mention]:
    """Give the sides of the patient that words name; a lingula is left, a middle lobe right, plain `lungs` are both."""
    ignored = list(_NO_SIDE.find(text))
    named = [side for side in _SIDES.find(text) if not any(_overlap(side, each) for each in ignored)]
    yield from named or _PAIRED.find(text)
    for match in _ABBREVIATED.finditer(text):
        yield Mention(_ABBREVIATIONS[match.group()].split()[0], match.start(), match.end())


def _overlap(one: Mention, other: Mention) -> bool:
    return one.start < other.end and other.start < one.end


def find_lobes(text: str) -> Iterator[Mention]:
    """Give the lobes of the lungs; `both lower lobes` are two at the same words, `all lobes` five.

    Without a side anywhere, the plural is both, and the singular stays `lower lobe`.
    """
    for named in sorted([*_LOBES.find(text), *_coordinated_lobes(text)], key=lambda mention: mention.start):
        yield from _sided(named, text)
    for match in _ALL_LOBES.finditer(text):
        yield from (Mention(lobe, match.start(), match.end()) for lobe in _ABBREVIATIONS.values())
    for match in _ABBREVIATED.finditer(text):
        yield Mention(_ABBREVIATIONS[match.group()], match.start(), match.end())


def _coordinated_lobes(text: str) -> Iterator[Mention]:
    """Give `upper` of `upper and lower lobes`."""
    for match in _COORDINATED_LOBE.finditer(text):
        yield Mention(match[1].lower(), match.start(), match.end())


def _sided(named: Mention, text: str) -> Iterator[Mention]:
    if named.value == "lingula":
        yield Mention("left upper lobe", named.start, named.end)
    elif named.value == "middle":
        yield Mention(_WORDED["middle"], named.start, named.end)
    else:
        sides = _sides_of(named, text)
        for side in sides or ("",):
            yield Mention(f"{side} {_WORDED[named.value]}".strip(), named.start, named.end)


def _sides_of(named: Mention, text: str) -> tuple[str, ...]:
    """Give the sides of a lobe: those after `of the`, else the last ones before it, else the first ones after it."""
    after = _SIDE_WORD.search(text, named.end)
    if after and _OF_SIDE.fullmatch(text, named.end, after.start()) and not _OWN_LOBE.match(text, after.end()):
        return _named_sides(after)
    before = list(_SIDE_WORD.finditer(text, 0, named.start))
    if before:
        return _named_sides(before[-1])
    if after:
        return _named_sides(after)
    return _BOTH if text[: named.end].lower().endswith("s") else ()


def _named_sides(match: re.Match[str]) -> tuple[str, ...]:
    return (match[1].lower(),) if match[1] else _BOTH


def find_segments(text: str) -> Iterator[Mention]:
    """Give the bronchopulmonary segments; words such as `anterior` count only beside a lobe or the word segment."""
    certain = list(_SEGMENTS.find(text))
    yield from certain
    for mention in _BESIDE.find(text):
        if not any(_overlap(known, mention) for known in certain) and _is_segment(mention, text):
            yield mention


def _is_segment(mention: Mention, text: str) -> bool:
    return bool(
        _THEN_SEGMENT.match(text, mention.end)
        or _AFTER_LOBE.search(text, 0, mention.start)
        or _BEFORE_LOBE.match(text, mention.end)
    )
