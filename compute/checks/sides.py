"""Left and right: the side that the words name against where entities lie."""

from compute.checks.facts import EntityFacts, FindingFacts, Verdict, contradicts, holds, unknown
from schema.finding import Side

_OPPOSITE = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
BOTH_SHARE = 0.1
"""An entity with so much of it in each lung lies on both sides."""


def check_side(facts: FindingFacts) -> Verdict:
    """One named side against every entity: none may lie on the other one; the midline says nothing against a side.

    Where a lung mask tells the sides, an entity lies on the other side only if it has more of it there too.
    """
    named = facts.words.sides
    if facts.words.both_sides or not named & _OPPOSITE.keys():
        return unknown("the words name both sides" if facts.words.both_sides else "the words name no side")
    (said,) = named & _OPPOSITE.keys()
    known = [one for one in facts.entities if one.side is not None]
    if not known:
        return unknown("of no entity the side is known", said=said)
    wrong = [one for one in known if _lies_on(one, _OPPOSITE[said])]
    sides = {str(one.label): str(one.side) for one in known}
    if wrong:
        return contradicts(_share(wrong, known), said=said, sides=sides, labels=[one.label for one in wrong])
    return holds(said=said, sides=sides)


def check_bilateral(facts: FindingFacts) -> Verdict:
    """Both sides in words against entities on both; one side alone contradicts where all are drawn."""
    if not facts.words.both_sides:
        return unknown("the words do not name both sides")
    known = [one for one in facts.entities if one.side is not None]
    if not known:
        return unknown("of no entity the side is known")
    sides = {str(one.label): str(one.side) for one in known}
    seen = {one.side for one in known} - {Side.MIDLINE}
    if len(seen) > 1 or any(_on_both(one) for one in known):
        return holds(sides=sides)
    if not facts.all_drawn:
        return unknown("not all of it need be drawn", sides=sides, policy=str(facts.policy))
    if not seen:
        return unknown("every entity lies in the midline", sides=sides)
    return contradicts(1.0, sides=sides, policy=str(facts.policy))


def _lies_on(entity: EntityFacts, side: Side) -> bool:
    if entity.side is not side:
        return False
    for place in entity.places:
        left, right = place.left_share, place.right_share
        if left is not None and right is not None and left + right > 0:
            return (left >= right) == (side is Side.LEFT)
    return True


def _on_both(entity: EntityFacts) -> bool:
    return any(min(place.left_share or 0, place.right_share or 0) >= BOTH_SHARE for place in entity.places)


def _share(some: list[EntityFacts], of: list[EntityFacts]) -> float:
    return sum(one.voxels for one in some) / sum(one.voxels for one in of)
