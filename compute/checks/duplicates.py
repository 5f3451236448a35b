"""The same finding twice on one scan: by its words, or by its voxels."""

from compute.checks.facts import FindingFacts, Verdict, contradicts, holds


def check_duplicate(facts: FindingFacts) -> Verdict:
    """Another finding of the scan with the same words, or drawn with the same voxels in the same round, contradicts.

    Words are the same whatever their case, spaces and full stops; voxels, whatever the labels.
    """
    words, drawn = _plain(facts.words.text), frozenset(one.drawn for one in facts.entities)
    same_words = [other.index for other in facts.others if words and _plain(other.text) == words]
    same_voxels = [other.index for other in facts.others if drawn and other.drawn == drawn]
    figures = {"compared": len(facts.others), "same_words": same_words, "same_voxels": same_voxels}
    if not same_words and not same_voxels:
        return holds(**figures)
    return contradicts(1.0 if same_words and same_voxels else 0.75, **figures)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(".", " ").split())
