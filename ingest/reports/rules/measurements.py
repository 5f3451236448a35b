"""Lengths in words: `12x10 mm`, `2.5 cm`, `8-9 mm`, in millimetres."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = r"(?:millimet(?:er|re)s?|centimet(?:er|re)s?|mm|cm)"
_AXIS = rf"{_NUMBER}(?:\s*-?{_UNIT})?(?:\s*(?:-|\u2013|\bto\b)\s*{_NUMBER}(?:\s*-?{_UNIT})?)?"
_TIMES = r"\s*(?:x|\u00d7|\*|\bby\b)\s*"
_LENGTHS = re.compile(rf"(?<![\w.,/]){_AXIS}(?:{_TIMES}{_AXIS}){{0,2}}(?![\w²³])", re.IGNORECASE)
_LISTED = re.compile(rf"(?<![\w.,/]){_NUMBER}(?=\s*(?:,|and|or)\s+{_NUMBER}\s*-?(?P<unit>{_UNIT})\b)", re.IGNORECASE)
_NUMBERED = re.compile(r"\b(?:segments?|levels?|series|images?|ribs?|vertebrae?)\s*$", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\s+$", re.IGNORECASE)
_TO = re.compile(r"\s+to\s+", re.IGNORECASE)
_PART = re.compile(_AXIS, re.IGNORECASE)
_NUMBERS = re.compile(_NUMBER)
_UNITS = re.compile(_UNIT, re.IGNORECASE)
_CROSS = re.compile(rf"(?<=\d)({_UNIT})?\s*[xX\u00d7*]\s*(?=\d)", re.IGNORECASE)
_SLICE = re.compile(r"(?:section|slice|cut)s?[\s-]+thickness[\w\s:]*$", re.IGNORECASE)


@dataclass(frozen=True)
class Measurement:
    """One to three lengths in millimetres, in the order of the words, and where they are said: `text[start:end]`."""

    sizes_mm: tuple[float, ...]
    start: int
    end: int

    @property
    def value(self) -> str:
        """`12 x 10 mm`, `25 mm`."""
        return " x ".join(f"{size:g}" for size in self.sizes_mm) + " mm"


def find_measurements(text: str) -> Iterator[Measurement]:
    """Give the lengths of a text; the thickness of slices is left out.

    A range is its larger end, `from 12 to 9 mm` its last; `9 and 12 mm` are two.
    """
    for match in _LENGTHS.finditer(text):
        grown = _FROM.search(text, 0, match.start()) and _TO.split(match.group())
        sizes_mm = _sizes_mm(grown[-1] if grown else match.group())
        if sizes_mm and not _SLICE.search(text, 0, match.start()):
            yield Measurement(sizes_mm, match.start(), match.end())
    for match in _LISTED.finditer(text):
        sizes_mm = _sizes_mm(match.group() + match["unit"])
        if sizes_mm and not _NUMBERED.search(text, 0, match.start()):
            yield Measurement(sizes_mm, match.start(), match.end())


def _sizes_mm(words: str) -> tuple[float, ...]:
    """Give each axis in millimetres; an axis without a unit has that of a later one, no unit at the end gives none."""
    axes = [match.group() for match in _PART.finditer(words)]
    sizes_mm: list[float] = []
    factor = None
    for axis in reversed(axes):
        units = _UNITS.findall(axis)
        factor = (10.0 if units[-1].lower().startswith("c") else 1.0) if units else factor
        if factor is None:
            return ()
        sizes_mm.append(max(float(number.replace(",", ".")) for number in _NUMBERS.findall(axis)) * factor)
    sizes_mm = [round(size, 3) for size in reversed(sizes_mm)]
    return tuple(sizes_mm) if all(sizes_mm) else ()


def spaced(text: str) -> str:
    """Write `12x10 mm` as `12 x 10 mm`, and leave every number as it is."""
    return _CROSS.sub(lambda match: f"{match[1] or ''} x ", text)
