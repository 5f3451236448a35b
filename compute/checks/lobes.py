"""Lobes: those that the words name against those that entities lie in."""

from compute.checks.facts import EntityFacts, FindingFacts, Verdict, contradicts, holds, unknown, unsaid
from compute.checks.thresholds import LOBE_SHARE, LOBES_KNOWN_SHARE
from schema.descriptor import DescriptorKind


def check_lobe(facts: FindingFacts) -> Verdict:
    """Every entity must have a tenth of it in a named lobe; where all are drawn, every named lobe an entity.

    A lobe without a side, `lower lobe`, means both. An entity that is mostly in no lobe is not told by them.
    """
    named = facts.words.values(DescriptorKind.LOBE)
    if not named:
        return unsaid(facts.words, "lobe")
    lobes = {one.label: shares for one in facts.entities if (shares := lobe_shares(one))}
    if not lobes:
        return unknown("no organ mask tells the lobe of an entity", said=named)
    figures = {"said": named, "shares": {str(label): shares for label, shares in lobes.items()}}
    elsewhere = [label for label, shares in lobes.items() if not any(_within(shares, name) for name in named)]
    if elsewhere:
        return contradicts(len(elsewhere) / len(lobes), **figures, labels=elsewhere)
    empty = [name for name in named if not any(_within(shares, name) for shares in lobes.values())]
    if not empty:
        return holds(**figures)
    if not facts.all_drawn or len(lobes) < len(facts.entities):
        return unknown("not all of it need be drawn", **figures, empty=empty)
    return contradicts(len(empty) / len(named), **figures, empty=empty)


def lobe_shares(entity: EntityFacts) -> dict[str, float]:
    """Give the shares of an entity in lobes, by the organ mask that has most of it in them; empty where none tells."""
    best = max((place.lobes for place in entity.places), key=lambda lobes: sum(lobes.values()), default={})
    return dict(best) if sum(best.values()) >= LOBES_KNOWN_SHARE else {}


def _within(shares: dict[str, float], named: str) -> bool:
    return sum(share for lobe, share in shares.items() if lobe.endswith(named)) >= LOBE_SHARE
