"""Reduces a clause to the words of a finding: no verb of seeing, no article, the place after the thing."""

import re

from ingest.reports.rules.clauses import BE, SEEN
from ingest.reports.rules.wording import tidy

_EXISTS = re.compile(rf"^\s*(?:there\s+{BE}|it {BE} (?:seen|observed|noted|understood) that|{BE})\s+", re.IGNORECASE)
_PLACE_FIRST = re.compile(
    r"^(?:(?:in|at|on|within|around|adjacent to|through|along|inside|near|from|to|above|below|under|"
    r"between|throughout|over)\b)",
    re.IGNORECASE,
)
_VERB = re.compile(
    rf"\s*,?\s*(?<!can )(?<!could )(?<!not )\b{BE}\s+(?:(?:also|still|clearly|again|only|partially|"
    rf"occasionally|mostly|just|now|especially|newly|diffusely|commonly)\s+)*{SEEN}\b",
    re.IGNORECASE,
)
_DRAWS = re.compile(
    r"\s*\b(?:draws?|attracts?|drew|attracted) (?:the )?attention\b|\b(?:is|are|was|were) striking\b|"
    r"\b(?:takes?|took) place\b",
    re.IGNORECASE,
)
_MEASURES = re.compile(rf"\b{BE}\s+(?:approximately\s+)?(?:measured|calculated)(?: (?:as|at|to be))?\b", re.IGNORECASE)
_THERE = re.compile(rf",?\s*\bthere\s+{BE}\s+", re.IGNORECASE)
_RELATIVE = re.compile(rf"(?<!of )\b(?:which|that)\s+{BE}\s+", re.IGNORECASE)
_LARGEST = re.compile(
    rf"\b(the (?:largest|biggest|larger))(?: one)? of (?:which|them|these)(?:\s+{BE})?(?:\s+(?:measured|located))?\b",
    re.IGNORECASE,
)
_SUBJECT_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had)(?: been)?\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:an?|the|also|and|or|with|of|any|some of the)\s+", re.IGNORECASE)
_LOOSE_END = re.compile(
    r"[\s,;:.-]*\b(?:and|or|but|with|in|of|which|that|on|at|the|is|are|was|were|to|,)[\s,;:.-]*$|[\s,;:.-]+$",
    re.IGNORECASE,
)
_IS = re.compile(rf"\s+\b(?:{BE}|appears?|has|have)\b", re.IGNORECASE)
_MEASURE = re.compile(
    r",?\s+(?:and\s+)?(?:calibrations?|aeration|ventilation|diameters?|contours?|sizes?|heights?|widths?|"
    r"thickness|dimensions)\b",
    re.IGNORECASE,
)
_MEASURE_OF = re.compile(
    r"^(?:the\s+)?(?:calibrations?|aeration|ventilation|diameters?|contours?|sizes?|heights?|"
    r"widths?)\s+of\s+(?:the\s+)?",
    re.IGNORECASE,
)
_MANY_WORDS = 25


def finding_words(clause: str) -> str:
    """Give the noun phrase of a clause: `In the RUL, there is a nodule` becomes `nodule in the RUL`."""
    text = _LARGEST.sub(r"\1", clause.strip())
    text = _place_last(text)
    text = _EXISTS.sub("", _VERB.sub("", _DRAWS.sub("", text)))
    text = _RELATIVE.sub("", _MEASURES.sub("", text))
    if len(text.split()) <= _MANY_WORDS:
        text = _SUBJECT_VERB.sub("", text, count=1) if not _inner_clause(text) else text
    return trimmed(text)


def subject(clause: str) -> str:
    """Give what a clause is about: `trachea` of `The trachea is open`, `both lungs` of `Aeration of both lungs is`."""
    verb = _IS.search(clause)
    words = clause[: verb.start()] if verb else ""
    return trimmed(_MEASURE_OF.sub("", _MEASURE.sub("", words)))


def _inner_clause(text: str) -> bool:
    return bool(re.search(r"\b(?:which|that|where|in which|whose)\b", text, re.IGNORECASE))


def _place_last(text: str) -> str:
    """Move a place that stands first behind the thing."""
    there = _THERE.search(text)
    if there and there.start() > 0:
        return f"{trimmed(text[there.end() :])} {_place(text[: there.start()])}"
    comma = text.find(", ")
    if comma > 0 and _PLACE_FIRST.match(text) and _VERB.search(text, comma):
        place, thing = _split_place(text)
        return f"{trimmed(_VERB.sub('', thing))} {_place(place)}" if thing else text
    return text


def _split_place(text: str) -> tuple[str, str]:
    """Split at the first comma whose right side does not begin with a further place."""
    at = 0
    while (at := text.find(", ", at + 1)) > 0:
        if not re.match(
            r"(?:in|at|on|and|or)\b|[\w-]+,|(?:\w+ )?(?:lobe|segment|level)", text[at + 2 :], re.IGNORECASE
        ):
            return text[:at], text[at + 2 :]
    first = text.find(", ")
    return text[:first], text[first + 2 :]


def _place(words: str) -> str:
    words = words.strip(" ,;:.")
    if not words or _PLACE_FIRST.match(words):
        return words[:1].lower() + words[1:]
    return (
        f"in {words[:1].lower()}{words[1:]}"
        if words.split()[0].lower() in {"the", "both", "bilateral"}
        else f", {words}"
    )


def trimmed(text: str) -> str:
    """Take away articles at the head, and loose words and stops at the end."""
    text = tidy(text)
    previous = None
    while text != previous:
        previous = text
        text = _LOOSE_END.sub("", _ARTICLE.sub("", text)).strip()
    return tidy(text)
