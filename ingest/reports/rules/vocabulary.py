"""Reads the vocabularies of this package, and makes patterns of their terms."""

import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

ENDING = r"\w*"
GAP = r"[\s-]+"


def load_vocabulary(name: str) -> dict[str, Any]:
    """Read `name`.toml of this package."""
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))


def term_pattern(term: str) -> str:
    """Write a term as a pattern: `*` is any ending of a word, a space is any gap or a hyphen."""
    return re.escape(term).replace(r"\*", ENDING).replace(r"\ ", GAP)


def any_term(terms: Iterable[str]) -> re.Pattern[str]:
    """Match any of the terms as whole words, the longest first, in upper or lower case."""
    longest_first = sorted(terms, key=lambda term: (-len(term), term))
    return re.compile(rf"\b(?:{'|'.join(map(term_pattern, longest_first))})\b", re.IGNORECASE)


def any_pattern(patterns: Iterable[str]) -> re.Pattern[str]:
    """Match any of the regular expressions as whole words, in upper or lower case."""
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE)
