"""The terms of `categories.toml`, as patterns over the words of a text, and where a text says them."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

STRENGTHS = {"names": 1.0, "tells": 0.8, "hints": 0.3}
"""How surely a term of each table stands for its code; what names a finding outweighs what only tells of one."""
GAP = r"(?:(?!(?:and|or|with|but|[,;()]) )\S+ ){0,4}?"
BESIDE = 8
"""Most characters between a finding and its own site, as in `cyst in the liver`, whatever other site is named."""
THORACIC = frozenset({"lung", "airway", "pleura"})
OUTSIDE = re.compile(
    r"(?<!\S)(?:adjacent to|next to|close to|around|near|neighbou?r\w* (?:of|to)|vicinity of) (?:the )?$"
)
"""What comes before a site that the finding is not in."""

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Term:
    """One way of saying something: the pattern, what it means (a code, a kind or a site), and its strength."""

    pattern: re.Pattern[str]
    stems: tuple[str, ...]
    """One of these stands wherever the pattern matches; to look for them takes a tenth of the time."""
    meaning: str
    strength: float


@dataclass(frozen=True)
class Mention:
    """Where words say a term: `words[start:end]`, half-open."""

    start: int
    end: int
    meaning: str
    strength: float

    @property
    def length(self) -> int:
        """Characters of the words."""
        return self.end - self.start


@dataclass(frozen=True)
class CategoryTerms:
    """All that `categories.toml` says."""

    terms: tuple[Term, ...]
    kinds: tuple[Term, ...]
    sites: tuple[Term, ...]
    codes: Mapping[str, Mapping[str, str]]
    """Codes by site and kind; `anywhere` where no site says more."""


@cache
def load_terms() -> CategoryTerms:
    """Read the terms; a pattern each."""
    content = tomllib.loads(files(__package__).joinpath("categories.toml").read_text("utf-8"))
    words = content["words"]
    return CategoryTerms(
        terms=tuple(_graded(content["terms"], words)),
        kinds=tuple(_graded(content["kinds"], words)),
        sites=tuple(_terms(content["sites"], words, 1.0)),
        codes=content["codes"],
    )


def plain_words(text: str) -> str:
    """Write a text as lower-case words and stops (`,` `;` `(` `)`) with a space behind each; hyphens are spaces."""
    text = re.sub(r"(?<=\d)[.,](?=\d)", "_", text.lower())
    text = re.sub(r"[.:;!?\n]+", " ; ", text)
    text = re.sub(r"[,()]", r" \g<0> ", text)
    return " ".join(re.sub(r"[^\w,;()]", " ", text).split()) + " "


def find_mentions(words: str) -> list[Mention]:
    """Give what the plain words of a text say, each by a code, in their order; the longest way of saying counts."""
    known = load_terms()
    found = list(_matches(known.terms, words))
    found += _resolve(_matches(known.kinds, words), _inside(_longest(_matches(known.sites, words)), words))
    return _longest(found)


def _graded(tables: Mapping[str, Mapping[str, list[str]]], words: Mapping[str, str]) -> Iterator[Term]:
    for grade, strength in STRENGTHS.items():
        yield from _terms(tables.get(grade, {}), words, strength)


def _terms(table: Mapping[str, list[str]], words: Mapping[str, str], strength: float) -> Iterator[Term]:
    for meaning, ways in table.items():
        for way in ways:
            pieces = re.sub(r"@(\w+)", lambda group: words[group[1]], way).split()
            pattern = re.compile(r"(?<!\S)" + "".join(map(_piece, pieces)))
            yield Term(pattern, _stems(pieces), meaning, strength)


def _piece(piece: str) -> str:
    """Write one word of a way of saying as a pattern that takes the space behind it too."""
    if piece == "..":
        return GAP
    ways = "|".join(re.escape(way).replace(r"\*", r"\w*") for way in piece.removesuffix("?").split("/"))
    return f"(?:(?:{ways}) )?" if piece.endswith("?") else f"(?:{ways}) "


def _stems(pieces: Iterable[str]) -> tuple[str, ...]:
    """Give the beginnings of the words of one piece that cannot be left out, of the one with the fewest."""
    needed = [piece.split("/") for piece in pieces if piece != ".." and not piece.endswith("?")]
    return tuple(way.removesuffix("*") for way in min(needed, key=len))


def _matches(terms: Iterable[Term], words: str) -> Iterator[Mention]:
    for term in terms:
        if any(stem in words for stem in term.stems):
            for match in term.pattern.finditer(words):
                yield Mention(match.start(), match.end(), term.meaning, term.strength)


def _longest(mentions: Iterable[Mention]) -> list[Mention]:
    """Leave out what lies inside a longer mention; of those of the same words the strongest and first stays."""
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda one: (one.start, -one.end, -one.strength)):
        if not kept or mention.end > kept[-1].end:  # what is kept has ever later ends
            kept.append(mention)
    return kept


def _inside(sites: list[Mention], words: str) -> list[Mention]:
    """Leave out sites that a finding is only near to, unless there are no others."""
    return [site for site in sites if not OUTSIDE.search(words, 0, site.start)] or sites


def _resolve(kinds: Iterable[Mention], sites: list[Mention]) -> Iterator[Mention]:
    for kind in kinds:
        if code := _code(kind, sites):
            yield Mention(kind.start, kind.end, code, kind.strength)


def _code(kind: Mention, sites: list[Mention]) -> str | None:
    """Give the code of a kind at its site: one right beside it, else one of lungs and pleura, else the nearest."""
    codes = load_terms().codes
    fitting = [site for site in sites if kind.meaning in codes[site.meaning]]
    beside = [site for site in fitting if _distance(kind, site) <= BESIDE]
    candidates = beside or [site for site in fitting if site.meaning in THORACIC] or fitting
    if not candidates:
        return codes["anywhere"].get(kind.meaning)
    nearest = min(candidates, key=lambda site: (_distance(kind, site), site.meaning not in THORACIC))
    return codes[nearest.meaning][kind.meaning]


def _distance(kind: Mention, site: Mention) -> int:
    """Characters between the two; 0 where they overlap."""
    return max(0, site.start - kind.end, kind.start - site.end)
