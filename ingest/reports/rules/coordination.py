"""Splits words that name several findings into one phrase for each, the shared place kept with every one."""

import re
from dataclasses import dataclass

from ingest.reports.rules.cues import ADJECTIVE, ATTRIBUTE, HEAD, SELF_PLACED, VAGUE
from ingest.reports.rules.phrases import trimmed
from ingest.reports.rules.regions import STRONG, find_region

_PLACE = re.compile(
    r"\b(?:in|on|at|within|around|along|through(?:out)?|adjacent to|near|between|from|extending|"
    r"to the level|of the|of both|more prominent)\b",
    re.IGNORECASE,
)
_SHARED = re.compile(r"\b(?:in|on|at|within|throughout|of the|of both)\b", re.IGNORECASE)
_WITH = re.compile(
    r"\b(?:with|containing|consistent with|compatible with|due to|secondary to|accompanied by|in which|"
    r"where|belonging to|including|such as|in favor of|in terms of|suggest\w*|suspicio\w+|related to|"
    r"causing|surrounding)\b",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r"\s*,\s*(?:and|or|as well as)?\s*|\s+(?:and|or|as well as|and/or|nor)\s+|\s*/\s*(?=[a-z])|\s+-\s+|\s+\+\s+|"
    r"\s+(?P<with>(?:together|associated|along) with|accompanied by|"
    r"(?<!compatible )(?<!consistent )(?<!accordance )(?<!line )(?<!together )with)\s+",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"(?:some|most|one of|one is|each|the (?:largest|biggest|larger|smaller|other)|which|more|especially|"
    r"predominantly|mostly|partially|including|in|on|at|where|whose|measuring|reaching|with|of|from|"
    r"extending|adjacent|approximately|sometimes|mainly|prominent|particularly|around|among|accompan\w+|"
    r"located|showing|containing|causing|surrounding|consistent|compatible|\d)\b",
    re.IGNORECASE,
)
_STATE_FIRST = re.compile(r"(?:slightly |mildly )?(?:increased|decreased|enlarged|dilated|ectatic)\b", re.IGNORECASE)
_ANOTHER = re.compile(r"\banother(?: one)?\b(?! \w*(?:nodul|lesion|mass|area|cyst|focus))", re.IGNORECASE)
_SITE = r"(?:pleural|pericardial|peribronchial)"
_OF_SITE = (
    r"(?:effusions?|thickenings?|thickness increases?|thickness|increases? in thickness|increased thickness|fluid)"
)
_SEP = r"(?:\s*-\s*|\s*,\s*(?:and |or )?|\s+and\s+|\s+or\s+|\s*/\s*)"
_GRID = re.compile(
    rf"(?P<sites>{_SITE}(?:{_SEP}(?:left |right |"
    rf"bilateral )?{_SITE})*)\s+(?P<things>(?:\w+ )?{_OF_SITE}(?:{_SEP}(?:\w+ )?{_OF_SITE})*)",
    re.IGNORECASE,
)
_HYPHEN = re.compile(r"\b([A-Za-z]+)-((?:active |minimal |mild )?[A-Za-z]+)\b")
_LEADING = re.compile(r"^((?:(?:bilateral|right|left|minimal|mild)\s+)*(?:bilateral|right|left)\s+)", re.IGNORECASE)
_SIDED = re.compile(r"\b(?:bilateral|right|left|both)\b", re.IGNORECASE)


def split_findings(words: str) -> list[str]:
    """Give a phrase for each finding that the words name, in their order; the words themselves where they name one."""
    parts = _parts(_with_grid(_hyphens_as_joints(_named_again(words))))
    if len(parts) < 2:
        return [text for text in (trimmed(words),) if text]
    groups = _sharing_place(_sharing_side(_sharing_noun([part.words for part in parts])))
    placed = _sharing_place_before(groups, [part.accompanies for part in parts])
    return [text for group in placed if (text := trimmed(group))]


@dataclass(frozen=True)
class _Part:
    """Words with a finding of their own, and whether `with` joins them to those before."""

    words: str
    accompanies: bool


def _named_again(words: str) -> str:
    """Write `nodule in X and another one in Y` as `nodule in X and nodule in Y`."""
    again, head = _ANOTHER.search(words), HEAD.search(words)
    return f"{words[: again.start()]}{head.group()}{words[again.end() :]}" if again and head else words


def _hyphens_as_joints(words: str) -> str:
    """Write `effusion-thickening` as `effusion and thickening` where both are findings."""

    def joint(match: re.Match[str]) -> str:
        both = _heads(match[1]) and _heads(match[2]) and not ADJECTIVE.fullmatch(match[1])
        return f"{match[1]} and {match[2]}" if both else match.group()

    return _HYPHEN.sub(joint, words)


def _heads(words: str) -> bool:
    return any(not VAGUE.fullmatch(match.group()) for match in HEAD.finditer(words))


def _with_grid(words: str) -> str:
    """Write `pleural or pericardial effusion-thickening` as a list of the four."""

    def listed(match: re.Match[str]) -> str:
        sites, things = (re.split(_SEP, match[name]) for name in ("sites", "things"))
        own = {thing: [""] for thing in things if re.match(_SITE, thing, re.IGNORECASE)}
        return ", ".join(f"{site} {thing}".strip() for thing in things for site in own.get(thing, sites))

    return _GRID.sub(listed, words)


def _parts(words: str) -> list[_Part]:
    """Cut before each part that begins with a finding of its own; other parts stay with what they follow."""
    parts: list[_Part] = []
    start, accompanies = 0, False
    for joint in _JOINT.finditer(words):
        before = words[start : joint.start()]
        if not _in_brackets(words, joint.start()) and _begins_finding(words, joint) and _ends_finding(before, joint):
            parts.append(_Part(before, accompanies))
            start, accompanies = joint.end(), bool(joint["with"])
    return [*parts, _Part(words[start:], accompanies)]


def _in_brackets(words: str, position: int) -> bool:
    return words.count("(", 0, position) > words.count(")", 0, position)


def _begins_finding(words: str, joint: re.Match[str]) -> bool:
    rest = words[joint.end() :]
    if not rest or _CONTINUES.match(rest):
        return False
    ends = [match.start() for match in (_PLACE.search(rest), _JOINT.search(rest), _WITH.search(rest)) if match]
    core = rest[: min(ends, default=len(rest))]
    if joint["with"]:
        return _heads(core) and not ATTRIBUTE.search(core)
    if "," in joint.group() and _STATE_FIRST.match(core):
        return True
    return _heads(core) or _is_adjective(core)


def _ends_finding(part: str, joint: re.Match[str]) -> bool:
    """Whether the part before can stand alone; `effusion with thickening and atelectasis` stays whole."""
    nested = not joint["with"] and _WITH.search(part) and "," not in joint.group()
    return not nested and (_heads(part) or _is_adjective(part) or bool(_STATE_FIRST.match(part)))


def _is_adjective(words: str) -> bool:
    """Whether the last word still needs a noun."""
    last = words.split()[-1:]
    return bool(last and ADJECTIVE.fullmatch(last[0]))


def _sharing_noun(groups: list[str]) -> list[str]:
    """Give a lone adjective the noun of the next group: `nodular or infiltrative lesion`."""
    shared = list(groups)
    for index in reversed(range(len(shared) - 1)):
        if _is_adjective(shared[index]):
            shared[index] = f"{shared[index]} {_noun(shared[index + 1])}"
    return shared


def _noun(group: str) -> str:
    place = _PLACE.search(group)
    core = group[: place.start()] if place else group
    return core.split()[-1] if core.split() else ""


def _sharing_place(groups: list[str]) -> list[str]:
    """Give a group without a place the place of the next group that has one."""
    place, shared = "", []
    for group in reversed(groups):
        found = _PLACE.search(group)
        if found and found.start() > 0:
            at = _SHARED.search(group)
            place = group[at.start() :] if at else ""
            shared.append(group)
        else:
            shared.append(f"{group} {place}".strip() if _may_be_at(group, place) else group)
    return shared[::-1]


def _sharing_place_before(groups: list[str], accompanies: list[bool]) -> list[str]:
    """Give what stands behind `with` the place of what it accompanies, where it has none."""
    shared: list[str] = []
    for group, with_before in zip(groups, accompanies, strict=True):
        at = _SHARED.search(shared[-1]) if shared else None
        alone = with_before and at is not None and not _PLACE.search(group)
        place = shared[-1][at.start() :] if at and alone else ""
        shared.append(f"{group} {place}" if place and _may_be_at(group, place) else group)
    return shared


def _may_be_at(group: str, place: str) -> bool:
    """Whether a place may be meant for a group too: no second side, no other region of the body."""
    sides = bool(_SIDED.search(group) and _SIDED.search(place))
    return (
        not sides and not SELF_PLACED.search(group) and find_region(group, least=STRONG) in {None, find_region(place)}
    )


def _sharing_side(groups: list[str]) -> list[str]:
    """Give the later groups the side at the head of the first, unless they name one."""
    leading = _LEADING.match(groups[0])
    if not leading:
        return groups
    side = leading[1].split()[-1].lower()
    return [
        groups[0],
        *(group if _SIDED.search(group) or _PLACE.search(group) else f"{side} {group}" for group in groups[1:]),
    ]
