"""Splits a sentence into clauses, each with one statement."""

import re
from itertools import pairwise

SEEN = (
    r"(?:observed|detected|seen|watched|visible|confirmed|counted|developed|noted|monitored|visuali[sz]ed|"
    r"identified|found|tracked|encountered|distinguished|followed|"
    r"viewed|noticed|selected|revealed|present|determined|recorded|available|evident|recognized|remarkable|discerned|"
    r"discernible|noteworthy|traced|demonstrated|shown|displayed)"
)
BE = r"(?:is|are|was|were|has been|have been|had been|be)"
_PREDICATE = re.compile(
    rf"\b(?:{BE}(?:\s+not)?|there\s+{BE}|has|have|had|increased|decreased|shows?|showed|contains?|reveals?|"
    r"draws? attention|attracts? attention|can(?:not)? be|could(?: not)? be|did not|does not|accompan(?:y|"
    r"ies)|appears?|not\s+(?:seen|observed|detected|found|visible))\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:which|that|whose|where|who|when|as far as|because|since|as|than|although|of them)\b[^,;]*$", re.IGNORECASE
)
_STRONG = re.compile(
    r";\s*|\.\s+(?=(?-i:[A-Z]))|,?\s+(?:but|however|while|whereas)\s+,?|,?\s+and\s+(?=(?:no|there|it|"
    r"they)\b)|,\s+(?=(?:no|there|it|they)\b)|"
    r"\s+(?=there (?:is|are|was|were) no\b)",
    re.IGNORECASE,
)
_WEAK = re.compile(r",\s+and\s+|\s+and\s+|,\s+", re.IGNORECASE)
_BRACKETED = re.compile(r"\([^()]*\)")


def split_clauses(text: str) -> list[str]:
    """Split where a second subject has its own predicate; words in brackets and relative clauses stay with theirs."""
    text = text.strip()
    if not text:
        return []
    joint = _joint(_hidden_brackets(text))
    if joint is None:
        return [text]
    return [*split_clauses(text[: joint[0]]), *split_clauses(text[joint[1] :])]


def _hidden_brackets(text: str) -> str:
    """Put low lines for what stands in brackets, so that nothing is found there."""
    return _BRACKETED.sub(lambda match: "_" * len(match.group()), text)


def _joint(text: str) -> tuple[int, int] | None:
    """Give where one clause ends and the next begins; None in a single clause."""
    for match in _STRONG.finditer(text):
        if (
            match.start() > 0
            and match.end() < len(text)
            and (match.group().strip() in {";", "."} or _both_state(text, match))
        ):
            return match.span()
    predicates = [match for match in _PREDICATE.finditer(text) if not _RELATIVE.search(text, 0, match.start())]
    for first, second in pairwise(predicates):
        joints = list(_WEAK.finditer(text, first.end(), second.start()))
        if joints and joints[-1].end() < second.start():
            return joints[-1].span()
    return None


def _both_state(text: str, joint: re.Match[str]) -> bool:
    """Whether there is a predicate before and after, so that both sides can stand alone."""
    return bool(_PREDICATE.search(text, 0, joint.start()) and _PREDICATE.search(text, joint.end()))
