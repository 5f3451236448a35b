"""How large: the lengths that the words say against measured diameters."""

import math

from compute.checks.counts import said_numbers
from compute.checks.facts import EntityFacts, FindingFacts, Verdict, contradicts, holds, unknown, unsaid
from compute.checks.thresholds import FULL_SEVERITY_RATIO, SIZE_FACTOR, SIZE_SLACK_MM
from schema.descriptor import DescriptorKind

DIAMETERS = ("2c", "2d")
"""Categories whose size is a diameter; of others it may be a thickness."""


def check_size(facts: FindingFacts) -> Verdict:
    """The longest said length against the largest entity.

    It holds between the entity's shortest plausible length, less the tolerance, and its greatest diameter, more of it.
    A diameter may be the axial mean, so the shortest is the short axis; a thickness may be the least axis. An entity
    that is larger than said contradicts always; one that is smaller, where all entities are drawn.
    """
    said = [max(one.sizes_mm) for one in facts.words.said if one.kind is DescriptorKind.SIZE and one.sizes_mm]
    if not said:
        return unsaid(facts.words, "size")
    measured = [span for one in facts.entities if (span := _span(one, facts.words.category))]
    if not measured:
        return unknown("no entity is measured in mm")
    least, most = max(measured, key=lambda span: span[1])
    longest = max(said)
    figures = {"said_mm": longest, "least_mm": round(least, 2), "most_mm": round(most, 2), "policy": str(facts.policy)}
    if least > longest * SIZE_FACTOR + SIZE_SLACK_MM:
        return contradicts(_severity(least / longest), **figures)
    if longest <= most * SIZE_FACTOR + SIZE_SLACK_MM:
        return holds(**figures)
    if not (facts.all_drawn or _as_many_as_said(facts)):
        return unknown("the largest need not be drawn", **figures)
    return contradicts(_severity(longest / most), **figures)


def _span(entity: EntityFacts, category: str | None) -> tuple[float, float] | None:
    shortest = entity.short_axis_mm if category in DIAMETERS else entity.least_axis_mm
    if entity.max_diameter_mm is None:
        return None
    return min(shortest or 0.0, entity.max_diameter_mm), entity.max_diameter_mm


def _as_many_as_said(facts: FindingFacts) -> bool:
    _, most = said_numbers(facts.words)
    return len(facts.entities) >= most


def _severity(ratio: float) -> float:
    return math.log(ratio) / math.log(FULL_SEVERITY_RATIO)
