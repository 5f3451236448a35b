"""Turns translated words into those of American radiology; no number, side or finding is added or lost."""

import re

from ingest.reports.rules.measurements import spaced
from ingest.reports.rules.vocabulary import any_pattern, load_vocabulary

_WORDING = load_vocabulary("wording")
_LEAD_IN = re.compile(rf"\s*(?:{'|'.join(_WORDING['lead_ins'])})\s*", re.IGNORECASE)
_FILLER = any_pattern(_WORDING["fillers"])
_REPLACEMENTS = [(any_pattern([item["from"]]), item["to"]) for item in _WORDING["replace"]]
_BOTH_LUNGS = re.compile(r"\b(?:both|bilateral) lung", re.IGNORECASE)
_SIDE = re.compile(r"\b(?:left|right|both|bilateral|lingula\w*|middle lobe)\b", re.IGNORECASE)
_LOOSE = [
    (re.compile(r"\s+([,.;:?)])"), r"\1"),
    (re.compile(r"\(\s+"), "("),
    (re.compile(r"\(\)"), ""),
    (re.compile(r"\s+"), " "),
    (re.compile(r",(?:\s*,)+"), ","),
    (re.compile(r"[,.;:\s]+\."), "."),
]


def without_lead_ins(text: str) -> str:
    """Take away what stands before the statement: `When examined in the lung parenchyma window;`."""
    while (match := _LEAD_IN.match(text)) and match.end() > match.start():
        text = text[match.end() :]
    return text


def lead_in(text: str) -> str:
    """Give what `without_lead_ins` takes away."""
    return text[: len(text) - len(without_lead_ins(text))]


def reworded(text: str) -> str:
    """Write a sentence in the usual words, measurements spaced, lead-ins and remarks on the scan's reach taken away."""
    text = _FILLER.sub("", _led_in(text.strip()))
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return capitalised(tidy(spaced(text)))


def _led_in(text: str) -> str:
    """Take lead-ins away; what they say of both lungs is kept where the statement names no side."""
    statement = without_lead_ins(text)
    if _BOTH_LUNGS.search(lead_in(text)) and statement and not _SIDE.search(statement):
        return f"{statement.rstrip(' .')} in both lungs."
    return statement


def tidy(text: str) -> str:
    """Put spaces and commas right after words were taken out."""
    for pattern, replacement in _LOOSE:
        text = pattern.sub(replacement, text)
    return text.strip(" ,;:")


def capitalised(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]
