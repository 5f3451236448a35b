"""How many: the number that the words say against the entities."""

import math
from typing import Any

from compute.checks.facts import FindingFacts, Verdict, Words, contradicts, holds, unknown, unsaid
from schema.descriptor import DescriptorKind

MULTIPLE = "multiple"


def check_count(facts: FindingFacts) -> Verdict:
    """Numbers and `multiple` against the entities; with several numbers anything from the largest to their sum holds.

    Fewer entities contradict only where all are drawn; more contradict always.
    """
    least, most = said_numbers(facts.words)
    if least is None:
        return unsaid(facts.words, "number")
    drawn = len(facts.entities)
    figures: dict[str, Any] = {
        "said_least": least,
        "said_most": None if most == math.inf else int(most),
        "entities": drawn,
    }
    figures["policy"] = str(facts.policy)
    if drawn > most:
        return contradicts((drawn - most) / drawn, **figures)
    if drawn >= least:
        return holds(**figures)
    if not facts.all_drawn:
        return unknown("not all of it need be drawn", **figures)
    if least == 2 and most == math.inf and any((one.components26 or 1) > 1 for one in facts.entities):
        return unknown("an entity has several pieces", **figures)
    return contradicts((least - drawn) / least, **figures)


def said_numbers(words: Words) -> tuple[int | None, float]:
    """Give the least and the greatest number that the words allow; None and infinity where they say none."""
    numbers = [one.number for one in words.said if one.kind is DescriptorKind.COUNT and one.number is not None]
    if numbers:
        return max(numbers), sum(numbers)
    return (2 if MULTIPLE in words.values(DescriptorKind.DISTRIBUTION) else None), math.inf
