"""Entities that are no lesions: single voxels, and what lies outside the body or far from the lungs."""

from compute.checks.facts import EntityFacts, FindingFacts, Verdict, contradicts, holds, unknown
from compute.checks.thresholds import FAR_FROM_LUNG_MM, LUNG_ROOTS, ONTOLOGY, OUT_OF_BODY_SHARE


def check_single_voxel(facts: FindingFacts) -> Verdict:
    """An entity of one voxel is a slip of the pen."""
    single = [one.label for one in facts.entities if one.voxels == 1]
    figures = {"entities": len(facts.entities), "labels": single}
    if not facts.entities:
        return unknown("nothing is drawn")
    return contradicts(len(single) / len(facts.entities), **figures) if single else holds(**figures)


def check_outside_body(facts: FindingFacts) -> Verdict:
    """An entity that is mostly outside the body; of a lung finding, one that no part of is near a lung, too."""
    known = [one for one in facts.entities if one.body_share is not None or _lung_distances(one)]
    if not known:
        return unknown("neither the body's outline nor a lung mask is known")
    words = facts.words
    of_lung = words.ontology == ONTOLOGY and (words.category or "").rstrip("abcdefgh") in LUNG_ROOTS
    outside = [one.label for one in known if one.body_share is not None and one.body_share < OUT_OF_BODY_SHARE]
    far = [one.label for one in known if of_lung and _is_far(one)]
    shares = {str(one.label): one.body_share for one in known}
    distances = {str(one.label): min(found) for one in known if (found := _lung_distances(one))}
    figures = {"body_share": shares, "lung_border_mm": distances, "outside": outside, "far_from_lung": far}
    if outside or far:
        return contradicts(len({*outside, *far}) / len(known), **figures)
    return holds(**figures)


def _is_far(entity: EntityFacts) -> bool:
    distances = _lung_distances(entity)
    return bool(distances) and min(distances) > FAR_FROM_LUNG_MM and _lung_share(entity) == 0


def _lung_distances(entity: EntityFacts) -> list[float]:
    return [place.lung_border_mm for place in entity.places if place.lung_border_mm is not None]


def _lung_share(entity: EntityFacts) -> float:
    return max((place.lung_share or 0.0 for place in entity.places), default=0.0)
