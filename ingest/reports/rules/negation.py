"""Finds what is denied, in the manner of NegEx: triggers before and after, and the words that end their scope."""

import re
from dataclasses import dataclass

from ingest.reports.rules.clauses import BE, SEEN

_CHANGE = (
    r"(?:(?:significant|obvious|interval|other|marked|clear|notable|further|distinct)\s+)*"
    r"(?:change|difference|increase in size|decrease in size|progression|regression|dimensional)\w*\b"
)
_BEFORE = re.compile(
    r"\b(?:there (?:is|are|was|were|has been) no|without(?: any)?|absence of|free (?:of|from)|neither|nor|"
    r"(?:does|do|did) not (?:show|contain|have|include|demonstrate|exhibit)|nothing(?: in the form of)?|"
    r"no(?! longer))\b"
    rf"(?!\s+{_CHANGE})\s*",
    re.IGNORECASE,
)
_STATES = (
    r"(?:dilated|enlarged|increased|decreased|reduced|thick|thickened|widened|wide|narrow|narrowed|stenotic|obstructed|"
    r"calcified|displaced|elevated|deviated|swollen|obstructive|occluded|distended|prominent|fractured|ectatic)"
)
_AFTER_SEEN = re.compile(
    rf"\s*,?\s*\b(?:{BE}\s+not(?:\s+been)?|(?:has|have|had)\s+not\s+been|could\s?not\s+be|can\s?not\s+be|not)\s+"
    rf"(?:\w+ly\s+)?{SEEN}\b(?:\s+any\s?more)?"
    r"(?!\s+(?:in|on|at)\s+(?:the\s+|any\s+|his\s+|her\s+)?(?:\w+'s\s+)?(?:previous|prior|old|earlier|last)\b)",
    re.IGNORECASE,
)
_AFTER_ABSENT = re.compile(
    r"\s*\b(?:is|are|was|were|has been|have been)\s+(?:absent|excluded|ruled out|not (?:the case|"
    r"in question|at issue))\b",
    re.IGNORECASE,
)
_AFTER_COLON = re.compile(r"\s*:\s*(?:none|no|absent|negative|not \w+)\b.*$", re.IGNORECASE)
_NOT_STATE = re.compile(rf"\s*\b{BE}\s+not\s+(?:\w+ly\s+)?(?={_STATES}\b)", re.IGNORECASE)
_END = re.compile(
    r"\s*[,;]?\s*\b(?:but|however|although|whereas|(?P<except>except(?: for)?|apart from|other than|besides|"
    r"with the exception of))\b\s*",
    re.IGNORECASE,
)
_EXCEPT_FIRST = re.compile(r"^\s*(?:except(?: for)?|apart from|other than|besides)\s+", re.IGNORECASE)
_GONE = re.compile(
    r"\s*,?\s*\b(?:(?:has|have|had|was|were|is|are)\s+)?(?:(?:completely|totally)\s+)?"
    r"(?:disappeared|cleared|vanished|resolved)(?:\s+(?:completely|totally))?\b|"
    r"\s*\b(?:has|have|had)?\s*(?:completely|totally) regressed\b|"
    rf"\s*\b(?:can|could|is|are|was|were)\s+no longer\s+(?:be\s+)?{SEEN}\b",
    re.IGNORECASE,
)
_ALMOST = re.compile(r"\b(?:almost|nearly|partially|partly|mostly|largely)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Denial:
    """Words that are denied, the words before them, and the words that are excepted from the denial."""

    words: str
    before: str = ""
    excepted: str = ""


def find_denial(clause: str) -> Denial | None:
    """Give what a clause denies; None where it denies nothing.

    `No nodule was detected in X` denies `nodule was detected in X`; `X-Y was not observed` denies `X-Y`.
    `No change` denies no finding; what could not be *evaluated* is not denied either.
    """
    if match := _AFTER_COLON.search(clause):
        return _denial(clause[: match.start()], "")
    before = _BEFORE.search(clause)
    if before and not (before.group().lower().startswith("without") and before.start() > 0):
        return _denial(clause[before.end() :], _EXCEPT_FIRST.sub("", clause[: before.start()]))
    for after in (_AFTER_SEEN, _AFTER_ABSENT, _NOT_STATE):
        if match := after.search(clause):
            return _denial(f"{clause[: match.start()]} {clause[match.end() :]}", "")
    return None


def _denial(words: str, before: str) -> Denial:
    """Cut at the first word that ends a denial; what is excepted is not denied."""
    end = _END.search(words)
    if not end or end.start() == 0:
        return Denial(words.strip(" ,;:"), before.strip(" ,;:-"))
    excepted = words[end.end() :] if end["except"] else ""
    return Denial(words[: end.start()].strip(" ,;:"), before.strip(" ,;:-"), excepted.strip(" ,;:"))


def find_gone(clause: str) -> str | None:
    """Give what a clause says is there no more: `The nodules have disappeared`; None where nothing is gone."""
    match = _GONE.search(clause)
    if match is None or _ALMOST.search(clause):
        return None
    return f"{clause[: match.start()]} {clause[match.end() :]}".strip()


def split_without(phrase: str) -> tuple[str, str]:
    """Split `X without Y` into what is there and what is not; the latter is empty where nothing is denied."""
    match = re.search(r",?\s+\bwithout(?: any)?\s+", phrase, re.IGNORECASE)
    return (phrase[: match.start()], phrase[match.end() :]) if match else (phrase, "")
