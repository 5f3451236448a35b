"""The words of a finding: templates whose side, lobe, size and count come from what was painted.

`{where}` is "the right lower lobe", "the left lung" or "both lungs"; `{side}` is "right", "left" or "bilateral";
`{size}` is "12 x 10 mm", of the largest lesion; `{count}` is "three". All sentences were made up for the phantoms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ingest.phantoms.lesions import Lesion

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True)
class Wording:
    """Templates for a single lesion and for several of a category."""

    one: tuple[str, ...]
    many: tuple[str, ...]


WORDINGS: Mapping[str, Wording] = {
    "1a": Wording(
        one=(
            "Thick-walled bronchus in {where}",
            "Segmental bronchial wall thickening in {where}",
            "Cuffing around a bronchus of {where}",
            "A bronchus in {where} with a wall thicker than its neighbours",
        ),
        many=(
            "Bronchial wall thickening along {count} bronchi in {where}",
            "Thickened bronchial walls in {where}",
            "Peribronchial cuffing of {count} airways in {where}",
            "{count} bronchi with thick walls are seen in {where}",
        ),
    ),
    "1b": Wording(
        one=(
            "Cylindrical bronchiectasis in {where}",
            "Dilated bronchus without tapering in {where}",
            "Bronchiectatic airway running towards the pleura in {where}",
            "A widened bronchus with a visible wall in {where}",
        ),
        many=(
            "Bronchiectasis of {count} airways in {where}",
            "{count} ectatic bronchi in {where}",
            "Tubular bronchiectatic changes in {where}",
            "Widened, non-tapering bronchi in {where}",
        ),
    ),
    "1c": Wording(
        one=(
            "A cluster of emphysematous spaces in {where}",
            "Centrilobular emphysema confined to {where}",
            "Patch of destroyed, low-density parenchyma in {where}",
            "Small group of air-filled spaces without walls in {where}",
        ),
        many=(
            "Centrilobular emphysema in {where}, {count} clusters",
            "Emphysematous destruction in {where}",
            "{count} areas of abnormally low density in {where}, in keeping with emphysema",
            "Scattered emphysematous holes in {where}",
        ),
    ),
    "1d": Wording(
        one=(
            "Interlobular septal thickening in {where}",
            "A small reticular area in {where}",
            "Smoothly thickened septa in a part of {where}",
            "Localised network of thick septal lines in {where}",
        ),
        many=(
            "Septal thickening at {count} places in {where}",
            "Reticulation in {where}",
            "{count} patches of thick interlobular septa in {where}",
            "Thickened septal lines forming a network in {where}",
        ),
    ),
    "1e": Wording(
        one=(
            "A cluster of micronodules in {where}",
            "Tree-in-bud pattern in {where}",
            "Grouped centrilobular dots in {where}",
            "Fine nodular pattern within a part of {where}",
        ),
        many=(
            "Clustered micronodules in {where}, {count} groups",
            "Tree-in-bud changes at {count} sites in {where}",
            "Centrilobular micronodules in {where}",
            "{count} groups of tiny nodules in {where}",
        ),
    ),
    "1f": Wording(
        one=(
            "Mucus-filled bronchus in {where}",
            "Bronchial impaction with a finger-like shape in {where}",
            "Branching opacity of a plugged airway in {where}",
            "Secretions fill a segmental bronchus of {where}",
        ),
        many=(
            "Mucus plugging of {count} bronchi in {where}",
            "{count} impacted, branching airways in {where}",
            "Airways filled with secretions in {where}",
            "Finger-like mucoid impaction in {where}",
        ),
    ),
    "2a": Wording(
        one=(
            "Linear band in {where}",
            "Plate-like subsegmental atelectasis in {where}",
            "A thin scar that reaches the pleura in {where}",
            "Band of fibrosis in {where}",
        ),
        many=(
            "{count} linear bands in {where}",
            "Discoid atelectatic lines in {where}",
            "Fibrotic strands in {where}, {count} in number",
            "Parenchymal bands reaching the pleura in {where}",
        ),
    ),
    "2b": Wording(
        one=(
            "Wedge-shaped consolidation in {where}",
            "Consolidated lung with a broad pleural base in {where}",
            "Airless segment in {where}",
            "Dense subpleural consolidation in {where}",
        ),
        many=(
            "{count} consolidated areas in {where}",
            "Multifocal consolidation in {where}",
            "Pleura-based consolidations in {where}, {count} in all",
            "Airless wedges of lung in {where}",
        ),
    ),
    "2c": Wording(
        one=(
            "{size} ground-glass opacity in {where}",
            "Ground-glass density of {size} in {where}",
            "Hazy patch in {where}, {size}, vessels still visible through it",
            "Single area of ground glass in {where} measuring {size}",
        ),
        many=(
            "{count} ground-glass opacities in {where}, the largest {size}",
            "Patchy ground glass in {where}",
            "Hazy, ill-defined densities in {where}, up to {size}",
            "Ground-glass areas in {where}, {count} in number",
        ),
    ),
    "2d": Wording(
        one=(
            "{size} solid nodule in {where}",
            "Solid nodule in {where} measuring {size}",
            "A well-defined nodular lesion of {size} in {where}",
            "Nodule in {where}, {size}",
            "Round, sharply outlined opacity of {size} in {where}",
        ),
        many=(
            "{count} nodules in {where}, the largest {size}",
            "Several solid nodules in {where} measuring up to {size}",
            "Nodules in {where}, {count} in number, up to {size}",
            "{count} discrete nodular opacities in {where}",
            "Multiple nodular lesions in {where}; the biggest one is {size}",
        ),
    ),
    "2e": Wording(
        one=(
            "{side} pleural effusion",
            "Free fluid in the {side} pleural space",
            "Layering {side}-sided effusion behind the lung",
            "Dependent fluid collection along the {side} pleura",
        ),
        many=(
            "{side} pleural effusions",
            "Fluid in the pleural space on both sides",
            "Pleural fluid layering behind both lungs",
            "Dependent effusions, {side}",
        ),
    ),
    "2f": Wording(
        one=(
            "Honeycombing in {where}",
            "Stacked subpleural cysts in {where}",
            "A honeycomb area at the periphery of {where}",
            "Clustered cysts with shared walls in {where}",
        ),
        many=(
            "{count} areas of honeycombing in {where}",
            "Peripheral honeycomb change in {where}",
            "Subpleural stacked cysts in {where}, {count} patches",
            "Honeycomb cysts along the pleura of {where}",
        ),
    ),
    "2g": Wording(
        one=(
            "{side} pneumothorax",
            "Free air in the {side} pleural space",
            "Anterior pneumothorax on the {side}",
            "{side}-sided pleural air collection in front of the lung",
        ),
        many=(
            "{side} pneumothoraces",
            "Pneumothorax on both sides",
            "Free pleural air in front of both lungs",
            "{side} anterior pleural air collections",
        ),
    ),
    "2h": Wording(
        one=(
            "{size} cavity with a thick wall in {where}",
            "Cavitary lesion in {where}, outer size {size}",
            "Thick-walled air-containing lesion of {size} in {where}",
            "A cavity in {where} measuring {size}",
        ),
        many=(
            "{count} thick-walled cavities in {where}, up to {size}",
            "Cavitary lesions in {where}, {count} in number",
            "{count} cavities in {where}",
            "Cavities with thick walls in {where}, the largest {size}",
        ),
    ),
    "midline": Wording(
        one=(
            "Polypoid lesion on the wall of the trachea",
            "Nodular thickening within the tracheal lumen",
            "Small intraluminal mass of the trachea",
            "Tracheal wall nodule bulging into the lumen",
        ),
        many=(),
    ),
}


def word_finding(rng: np.random.Generator, code: str, lesions: Sequence[Lesion], taken: Collection[str]) -> str:
    """A text for these lesions of one category that is not among `taken`; the plainest one gets a number otherwise."""
    wording = WORDINGS["midline" if lesions[0].flank is None else code]
    templates = wording.one if len(lesions) == 1 else wording.many
    facts = name_facts(lesions)
    texts = [fill(templates[n], facts) for n in rng.permutation(len(templates))]
    fresh = [text for text in texts if text not in taken]
    return fresh[0] if fresh else f"{texts[0]}, further finding {len(taken) + 1}"


def name_facts(lesions: Sequence[Lesion]) -> dict[str, str]:
    """What the templates may say of these lesions."""
    sizes = [lesion.size_mm for lesion in lesions if lesion.size_mm]
    return {
        "where": name_place(lesions),
        "side": name_side(lesions),
        "size": name_size(max(sizes)) if sizes else "",
        "count": NUMBERS[len(lesions)] if len(lesions) < len(NUMBERS) else str(len(lesions)),
    }


def name_side(lesions: Sequence[Lesion]) -> str:
    """`right`, `left`, or `bilateral`."""
    flanks = {lesion.flank for lesion in lesions}
    return "bilateral" if len(flanks) > 1 else str(lesions[0].flank).lower()


def name_place(lesions: Sequence[Lesion]) -> str:
    """The smallest of lobe, lung and both lungs that holds these lesions."""
    side, lobes = name_side(lesions), {lesion.lobe for lesion in lesions}
    if side == "bilateral":
        return "both lungs"
    if len(lobes) > 1:
        return f"the {side} lung"
    if side == "left" and lobes == {"middle"}:
        return "the lingular segment of the left upper lobe"
    return f"the {side} {lobes.pop()} lobe"


def name_size(size_mm: tuple[int, ...]) -> str:
    """`12 x 10 mm`."""
    return " x ".join(str(n) for n in size_mm) + " mm"


def fill(template: str, facts: Mapping[str, str]) -> str:
    """A template with its facts, beginning with a capital letter."""
    text = template.format_map(facts)
    return text[0].upper() + text[1:]
