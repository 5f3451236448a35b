"""Density: what the words, or else the category, let one expect against the HU of entities."""

from collections.abc import Mapping

from compute.checks.facts import EntityFacts, FindingFacts, Verdict, Words, contradicts, holds, unknown
from compute.checks.thresholds import CATEGORY_BANDS, ONTOLOGY, WORD_BANDS, Band
from schema.descriptor import DescriptorKind

_ANY = ("calcified",)
"""One entity of this kind is enough: `nodules, one of them calcified`."""


def check_attenuation(facts: FindingFacts) -> Verdict:
    """Entities with at least half of the voxels outside the HU of any thing that is said contradict."""
    bands = _bands(facts.words)
    if not bands:
        return unknown(_reason(facts.words))
    known = [one for one in facts.entities if one.hu_mean is not None]
    if not known:
        return unknown("of no entity the HU are known", said=list(bands))
    figures = {"said": list(bands), "hu_mean": {str(one.label): round(one.hu_mean or 0.0, 1) for one in known}}
    out = {name: _outside(known, band, enough=name in _ANY) for name, band in bands.items()}
    name, share = max(out.items(), key=lambda item: item[1])
    if share < 0.5:
        return holds(**figures)
    band = bands[name]
    return contradicts(share, **figures, which=name, statistic=band.statistic, least=band.least, most=band.most)


def _bands(words: Words) -> Mapping[str, Band]:
    said = words.values(DescriptorKind.ATTENUATION)
    if said:
        return {value: WORD_BANDS[value] for value in said if value in WORD_BANDS}
    if words.ontology == ONTOLOGY and words.category in CATEGORY_BANDS:
        return {words.category: CATEGORY_BANDS[words.category]}
    return {}


def _reason(words: Words) -> str:
    if words.category is not None and words.ontology != ONTOLOGY:
        return category_stranger(words)
    return "neither words nor category let one expect HU"


def category_stranger(words: Words) -> str:
    """Say that the limits by category do not know this category."""
    where = f"of {words.ontology}" if words.ontology else "in no known ontology"
    return f"category {words.category} is {where}; the limits mean {ONTOLOGY}"


def _outside(entities: list[EntityFacts], band: Band, *, enough: bool) -> float:
    """Share of the voxels in entities out of the band; none where one entity within is enough."""
    wrong = [one for one in entities if not band.least <= (getattr(one, band.statistic) or 0.0) <= band.most]
    if enough and len(wrong) < len(entities):
        return 0.0
    return sum(one.voxels for one in wrong) / sum(one.voxels for one in entities)
