"""Finds what is denied, in the manner of NegEx: triggers before and after, and the words that end their scope."""

import re
from dataclasses import dataclass

from ingest.reports.rules.clauses import BE, SEEN

_BEFORE = re.compile(
    r"\b(?:there (?:is|are|was|were|has been) no|no longer|without(?: any)?|absence of|free of|neither|nor|no)\b"
    r"(?!\s+(?:(?:significant|obvious|interval|other|marked|clear|notable|further|distinct)\s+)*(?:change|difference|increase in size|decrease in size|progression|regression|dimensional)\w*\b)\s*",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"\s*,?\s*\b(?:{BE}\s+not(?:\s+been)?|could\s?not\s+be|can\s?not\s+be|not)\s+(?:\w+ly\s+)?{SEEN}\b", re.IGNORECASE
)
_AFTER_ABSENT = re.compile(rf"\s*\b{BE}\s+absent\b", re.IGNORECASE)
_END = re.compile(
    r"\s*[,;]?\s*\b(?:but|however|although|except|apart from|other than|besides|whereas|with the exception)\b",
    re.IGNORECASE,
)
_OTHER_THAN = re.compile(r"^\s*(?:except|apart from|other than|besides)\b[^,]*,\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Denial:
    """Words that are denied, and the words before them that only say where."""

    place: str
    words: str


def find_denial(clause: str) -> Denial | None:
    """Give what a clause denies; None where it denies nothing.

    `No nodule was detected in X` denies `nodule was detected in X`; `X-Y was not observed` denies `X-Y`.
    `No change` denies no finding; what could not be *evaluated* is not denied either.
    """
    before = _BEFORE.search(clause)
    if before and before.group().lower().startswith("without") and before.start() > 0:
        before = None
    if before:
        return Denial(clause[: before.start()].strip(" ,;:-"), _scope(clause[before.end() :]))
    after = _AFTER.search(clause) or _AFTER_ABSENT.search(clause)
    if after:
        return Denial("", _scope(f"{clause[: after.start()]} {clause[after.end() :]}"))
    return None


def _scope(words: str) -> str:
    """Cut at the first word that ends a denial."""
    end = _END.search(words)
    return (words[: end.start()] if end and end.start() > 0 else words).strip(" ,;:")


def split_without(phrase: str) -> tuple[str, str]:
    """Split `X without Y` into what is there and what is not; the latter is empty where nothing is denied."""
    match = re.search(r",?\s+\bwithout(?: any)?\s+", phrase, re.IGNORECASE)
    return (phrase[: match.start()], phrase[match.end() :]) if match else (phrase, "")
