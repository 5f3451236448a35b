"""How much the words of a text speak for each code: what it is about stands first and is not denied.

A mention counts in full where it is the finding itself. It counts less where other words make it an attribute
(`ground-glass nodule`), a place (`adjacent to the effusion`), a companion (`with air bronchograms`) or a guess
(`consistent with pneumonia`), and a little less behind each finding that was named before it. Of a text about the lungs
and something else, the lungs count: theirs are the findings that masks are drawn for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ingest.reports.rules.category_terms import STRENGTHS, Mention, Span, find_mentions, plain_words
from schema.ontology import rexgroundingct_ontology

LATER = 0.75
"""What is left of a mention's weight behind each finding before it."""
AGAIN = 0.1
"""What of the lesser weights counts where a code is mentioned more than once."""
ATTRIBUTE = 0.35
OVERLAPPED = 0.6
ELSEWHERE = 0.7
"""What is left of other findings where there is one of lungs, airways or pleura too."""
STOP = re.compile(r"(?<!\S)(?:[,;()]|but|is|are|was|were) ")
END = re.compile(r"(?<!\S)(?:[,;()]|but|however) ")


@dataclass(frozen=True)
class Role:
    """What the words from an opening to a closing are, and what of their weight is left."""

    opening: re.Pattern[str]
    weight: float
    closing: re.Pattern[str] = STOP


def _role(weight: float, ways: str) -> Role:
    return Role(re.compile(rf"(?<!\S)(?:{ways}) "), weight)


ROLES = (
    Role(re.compile(r"\("), 0.45, re.compile(r"\)")),
    _role(
        0.2,
        r"adjacent(?: to)?|next to|around|near|close to|surrounding|neighbou?r\w*(?: of| to)?|vicinity of|abutting|"
        r"(?<!as )secondary to|due to|because of|caused by|background of|basis of|causing|causes?|resulting in|"
        r"extend\w* (?:to|from|towards?|into)|leading to|superposed on|along|reach\w*|invad\w+|within|previous\w*|"
        r"originating from|arising from",
    ),
    _role(
        0.7,
        r"consistent with|compatible with|in favou?r of|suggest\w*|suspicious for|representing|evaluated as|considered|"
        r"thought to|such as|in the form of|in the appearance of|belong\w* to|related to|may be|could be|can be",
    ),
    _role(
        0.45,
        r"with|accompan\w*|includ\w*|contain\w*|associated|show\w*|having|has|have|in addition to|as well as|"
        r"some of which|in which|whose|becoming|turning into|converted (?:in)?to",
    ),
)
DENIAL = re.compile(
    r"(?<!\S)(?:no|without|absence of|free of|neither|nor) (?!(?:significant |interval )?(?:change|differ))"
)
DENIED = re.compile(
    r"(?<!\S)(?:not (?:been )?(?:\w+ )?(?:observed|detected|seen|identified|present|found|noted|visualized)|absent|"
    r"ruled out) (?!in (?:the )?(?:previous|prior|last|old))"
)
FILLING = re.compile(
    r"(?:(?:densit(?:y|ies)|style|like|type|form|appearances?|increase[sd]?|areas?|changes?|pattern|attenuation|multiple|"
    r"small|thin|mild|focal|nonspecific|millimetric|parenchymal|subpleural) )*"
)
"""Words between an attribute and its noun."""


def weigh_codes(text: str) -> dict[str, float]:
    """Give the weight of every code that a text mentions, about 0..1, heaviest first; empty where it mentions none.

    What is denied counts only where nothing else is mentioned: `no effusion` is about effusion.
    """
    words = plain_words(text)
    mentions = find_mentions(words)
    denied = list(_denied_spans(words))
    present = [mention for mention in mentions if not _starts_in(mention, denied)]
    return _prefer_chest(_sum_by_code(_weigh(present or mentions, words)))


def _weigh(mentions: Sequence[Mention], words: str) -> Iterator[tuple[str, float]]:
    roles = [(span, role.weight) for role in ROLES for span in _scopes(role.opening, role.closing, words)]
    before = 0
    for mention, following in zip(mentions, [*mentions, None][1:], strict=True):
        weight = _attribute_weight(mention, following, words) * _role_weight(mention, roles)
        yield mention.meaning, mention.strength * weight * LATER**before
        before += weight == 1.0 and mention.strength > STRENGTHS["hints"]


def _attribute_weight(mention: Mention, following: Mention | None, words: str) -> float:
    """Give what is left where the next mention is the noun that this one only describes."""
    if following is None or following.strength < STRENGTHS["tells"]:
        return 1.0
    if mention.end > following.start:
        return OVERLAPPED if following.strength >= mention.strength else 1.0
    return ATTRIBUTE if FILLING.fullmatch(words, mention.end, following.start) else 1.0


def _role_weight(mention: Mention, roles: Iterable[tuple[Span, float]]) -> float:
    return next((weight for (start, end), weight in roles if start < mention.start < end), 1.0)


def _scopes(opening: re.Pattern[str], closing: re.Pattern[str], words: str) -> Iterator[Span]:
    """Give what lies between each opening and the next closing, from the opening's first character."""
    for match in opening.finditer(words):
        end = closing.search(words, match.end())
        yield match.start(), end.start() if end else len(words)


def _denied_spans(words: str) -> Iterator[Span]:
    yield from _scopes(DENIAL, END, words)
    for match in DENIED.finditer(words):
        yield max((stop.end() for stop in END.finditer(words, 0, match.start())), default=-1), match.start()


def _starts_in(mention: Mention, spans: Iterable[Span]) -> bool:
    return any(start <= mention.start < end for start, end in spans)


def _sum_by_code(weighed: Iterable[tuple[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for code, weight in weighed:
        so_far = sums.get(code, 0.0)
        sums[code] = max(so_far, weight) + AGAIN * min(so_far, weight)
    return sums


def _prefer_chest(weights: Mapping[str, float]) -> dict[str, float]:
    """Lessen what lies elsewhere, if anything does not, and put the heaviest first."""
    segmented = _segmented_codes()
    share = 1.0 if segmented.isdisjoint(weights) else ELSEWHERE
    weights = {code: weight if code in segmented else weight * share for code, weight in weights.items()}
    return dict(sorted(weights.items(), key=lambda one: -one[1]))


@cache
def _segmented_codes() -> frozenset[str]:
    return frozenset(each.code for each in rexgroundingct_ontology().categories if each.segmented)
