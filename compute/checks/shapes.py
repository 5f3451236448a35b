"""Shape: entities that cannot be what their category says."""

from compute.checks.attenuation import category_stranger
from compute.checks.facts import EntityFacts, FindingFacts, Verdict, contradicts, holds, unknown
from compute.checks.thresholds import BALL_FLATNESS, BALL_LEAST_MM, NODULE_MOST_MM, ONTOLOGY


def check_category_shape(facts: FindingFacts) -> Verdict:
    """A nodule or mass (2d) that is larger than any, and a linear opacity (2a) that is a ball, contradict."""
    words = facts.words
    if words.category is not None and words.ontology != ONTOLOGY:
        return unknown(category_stranger(words))
    known = [one for one in facts.entities if one.max_diameter_mm is not None]
    if words.category not in ("2a", "2d") or not known:
        return unknown("no limit for this category" if known else "no entity is measured in mm")
    longest = {str(one.label): round(one.max_diameter_mm or 0.0, 1) for one in known}
    figures = {"category": words.category, "max_diameter_mm": longest}
    wrong = [one for one in known if (_too_large(one) if words.category == "2d" else _is_ball(one))]
    if wrong:
        share = sum(one.voxels for one in wrong) / sum(one.voxels for one in known)
        return contradicts(share, **figures, labels=[one.label for one in wrong], most_mm=NODULE_MOST_MM)
    return holds(**figures)


def _too_large(entity: EntityFacts) -> bool:
    return (entity.max_diameter_mm or 0.0) > NODULE_MOST_MM


def _is_ball(entity: EntityFacts) -> bool:
    return (entity.flatness or 0.0) > BALL_FLATNESS and (entity.max_diameter_mm or 0.0) >= BALL_LEAST_MM
