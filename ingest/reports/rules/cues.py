"""What a clause is for: a remark on the scan, advice, a guess, a normal state, a comparison with a prior."""

import re

from ingest.reports.rules.vocabulary import any_pattern, any_term, load_vocabulary

_CUES = load_vocabulary("cues")
_NOUNS = load_vocabulary("findings")

EMPTY = re.compile(rf"[\W_]*(?:(?:{'|'.join(_CUES['empty'])})[\W_]*)?[\W\d_]*", re.IGNORECASE)
TECHNIQUE = any_pattern(_CUES["technique"])
RECOMMENDATION = re.compile(rf"\b(?:{'|'.join(_CUES['recommendation'])})", re.IGNORECASE)
SPECULATION = any_pattern(_CUES["speculation"])
NORMAL = any_pattern(_CUES["normal"])
ABNORMAL = any_pattern(_CUES["abnormal"])
ANAPHORIC = re.compile(rf"\s*(?:{'|'.join(_CUES['anaphoric'])})\b", re.IGNORECASE)
HEAD = any_term(_NOUNS["heads"])
VAGUE = any_term(_NOUNS["vague"])
NOTHING = re.compile(
    rf"(?:(?:{'|'.join(_NOUNS['plain'])})\s+)*(?:{'|'.join(_NOUNS['nothing'])})\b(?! (?:compatible|"
    rf"consistent|in favou?r|of)\b)",
    re.IGNORECASE,
)
ATTRIBUTE = any_term(_NOUNS["attributes"])
SELF_PLACED = any_term(_NOUNS["self_placed"])
HYPOTHESIS = re.compile(rf"\b(?:{'|'.join(_CUES['hypothesis'])})\b", re.IGNORECASE)
_INFERRED = any_term(_NOUNS["inferred"])
ADJECTIVE = any_term(_NOUNS["adjectives"])
_QUALIFIED = re.compile(
    r"\b(?:hypo|hyper|low-?)dens\w*\s+(?:\w+\s+)?$|"
    r"\b(?:nodular|linear|cystic|polypoid|solid|reticular|patchy|soft tissue)\s+$",
    re.IGNORECASE,
)
_PRIOR = any_pattern(_CUES["prior"])
_NOT_PRIOR = any_pattern(_CUES["not_prior"])


def refers_to_prior(text: str) -> bool:
    """Whether the words speak of an earlier examination or of a change since."""
    return bool(_PRIOR.search(_NOT_PRIOR.sub("", text)))


def names_inference_only(text: str) -> bool:
    """Whether every finding that the words name is what something may mean, such as pneumonia."""
    heads = [match.group() for match in HEAD.finditer(text)]
    return bool(heads) and all(_INFERRED.fullmatch(head) for head in heads)


def names_finding(text: str) -> bool:
    """Whether the words hold the noun of a finding: more than `appearance`, unless that is dense, nodular, ..."""
    return any(
        not VAGUE.fullmatch(match.group()) or _QUALIFIED.search(text, 0, match.start()) for match in HEAD.finditer(text)
    )
