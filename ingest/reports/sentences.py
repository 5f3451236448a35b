"""Sentences of radiology text, machine-translated too, as spans of its characters.

A lead-in stays with what follows: `When examined in the lung parenchyma window; A nodule is observed.` is one sentence,
because what is observed there is read with it. Other semicolons before a capital part sentences, so that a finding
stands apart from the recommendation behind it. An ordinal that a translator left bare (`Right 10. Fracture in rib.`)
and the number of an item stay with their words.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_ASIDE_CHARS = 300
"""The longest pair of brackets in which nothing is parted."""
_NEAR_CHARS = 40
"""How far back a decision looks: more than any item's number or abbreviation."""

_MARK = re.compile(
    r"(?P<stop>[.!?…]+[)\]\"'”\u2019»]*)|(?P<semicolon>;)|(?P<line>[^\S\n]*\n\s*)|(?P<bullet>\s(?=[·•▪]))|(?P<gap>[^\S\n]{2,})"
)
_ASIDE = re.compile(rf"\([^()]{{0,{_ASIDE_CHARS}}}\)")
_ITEM = re.compile(r"\W*(?:(?:left|right|both|bilateral)\s+)?\d[\d\s,-]*", re.IGNORECASE)
_LEAD_IN = re.compile(
    r"\s*(?:when|in|at|on|as|within|upon|after|according|compared|comparing|conclusion|result)\b", re.IGNORECASE
)
_AS_FAR = re.compile(r"\bas far as(?:\W+\w+){1,5}$", re.IGNORECASE)
_LAST_WORD = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*$")
_WORD = re.compile(r"[^\W\d_]+")
_VISIBLE = re.compile(r"\S")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_OPEN_ENDS = frozenset(",:;(-")
_BULLETS = frozenset("-*·•▪\u2013")
_TITLES = frozenset({"dr", "prof", "e.g", "i.e", "vs", "approx", "cf"})
_ABBREVIATIONS = _TITLES | frozenset(
    {"lab", "cor", "blind", "ca", "max", "min", "mm", "cm", "ml", "ant", "post", "sup", "inf", "lat", "med", "bil"}
    | {"seg", "diam", "incl", "resp", "etc", "yrs"}
)
_NUMBERED = _TITLES | {"ca", "no", "nr", "fig", "ser", "im", "img", "ima", "seg"}
_CONJUNCTIONS = frozenset({"and", "or", "with", "but", "ve", "veya", "ile"})


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, in characters."""

    start: int
    end: int


def split_sentences(text: str) -> tuple[Span, ...]:
    """Split a text into sentences, in order; `text[span.start:span.end]` is the sentence, without white space around.

    Every character that is not white space is in exactly one sentence; a text of white space has none.
    """
    return tuple(_trimmed(text, _with_words(text, _ends(text))))


def _ends(text: str) -> Iterator[int]:
    asides = deque(match.span() for match in _ASIDE.finditer(text))
    start = 0
    for mark in _MARK.finditer(text):
        while asides and asides[0][1] <= mark.start():
            asides.popleft()
        inside = asides and asides[0][0] < mark.start() and mark.end() < asides[0][1]
        if not inside and _parts(text, start, mark):
            start = mark.end()
            yield start


def _parts(text: str, start: int, mark: re.Match[str]) -> bool:
    """Tell whether a sentence that began at `start` ends with a mark."""
    before = text[max(start, mark.start() - _NEAR_CHARS) : mark.start()].rstrip()
    visible = _VISIBLE.search(text, mark.end())
    if visible is None or not before:
        return False
    after = text[visible.start() : visible.start() + _NEAR_CHARS]
    spaced = visible.start() > mark.end()
    match mark.lastgroup:
        case "bullet":
            return True
        case "semicolon":
            led_in = _LEAD_IN.match(text, start) or _AS_FAR.search(before)
            return spaced and after[0].isupper() and not led_in
        case "line":
            return mark[0].count("\n") > 1 or (_opens(after[0]) and before[-1] not in _OPEN_ENDS)
        case "gap":
            return after[0].isupper() and before[-1] not in _OPEN_ENDS and not _is_item(text, start, mark)
        case _:
            return not _is_item(text, start, mark) and (
                _stops(before, mark[0], after) if spaced else _stops_unspaced(before, after)
            )


def _is_item(text: str, start: int, mark: re.Match[str]) -> bool:
    return mark.start() - start <= _NEAR_CHARS and _ITEM.fullmatch(text, start, mark.start()) is not None


def _stops(before: str, stop: str, after: str) -> bool:
    following, word = after[0], _last_word(before)
    if following.islower():
        return stop[0] not in "?!" and not _goes_on(before, after)
    if following.isdigit():
        return word not in _NUMBERED
    return (following.isalpha() and word not in _TITLES) or following in _BULLETS


def _stops_unspaced(before: str, after: str) -> bool:
    """A space was forgotten: `detected.No nodule`, `parenchyma.8.2018`; not `K.C`, `2.5`, `e.g.`."""
    last, following = before[-1], after[0]
    if following.isupper():
        return last.islower() or last in ")?" or (last.isdigit() and after[1:2].islower())
    return following.isdigit() and len(_last_word(before)) > 2 and _last_word(before) not in _NUMBERED


def _goes_on(before: str, after: str) -> bool:
    """Whether a stop before a small letter is an abbreviation's, an ordinal's, or a slip before `and`."""
    word = _WORD.match(after)
    conjunction = word is not None and word[0] in _CONJUNCTIONS
    return conjunction or before[-1].isdigit() or _last_word(before) in _ABBREVIATIONS


def _last_word(before: str) -> str:
    match = _LAST_WORD.search(before)
    return match[0].lower() if match else ""


def _opens(character: str) -> bool:
    return character.isupper() or character.isdigit() or character in _BULLETS


def _with_words(text: str, ends: Iterator[int]) -> list[int]:
    """Drop ends that would leave a sentence without any letter or digit."""
    kept: list[int] = []
    word = _ALPHANUMERIC.search(text)
    for end in ends:
        if word and word.start() < end:
            kept.append(end)
            word = _ALPHANUMERIC.search(text, end)
    return [*(kept if word else kept[:-1]), len(text)]


def _trimmed(text: str, ends: list[int]) -> Iterator[Span]:
    start = 0
    for end in ends:
        sentence = text[start:end].strip()
        if sentence:
            first = text.index(sentence, start)
            yield Span(first, first + len(sentence))
        start = end
