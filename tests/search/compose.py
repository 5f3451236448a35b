"""Writes labelled.json: 400 findings and 150 queries with graded relevance, composed by rule from words made up here.

    python -m tests.search.compose

A finding is a concept at a place, perhaps of a size, perhaps denied. A query asks for a concept, often in other words
than any finding has, perhaps at a place, perhaps denied. Relevance: 2 is the concept at the place asked for, as
present or absent as asked; 1 is the concept elsewhere, or a concept of the same family at that place or with none
asked; 0 is all else, so what is denied never answers a query for what is there. The set was written before the ranking
was tuned, and the rules know nothing of the dictionary that the search uses.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("labelled.json")
SEED = 20


@dataclass(frozen=True)
class Concept:
    """A kind of finding: its family, what kind of place it has, how reports write it, how people ask for it."""

    family: str
    places: str
    said: Sequence[str]
    asked: Sequence[str]


LUNG, SIDE, NONE = "lung", "side", "none"
CONCEPTS: Mapping[str, Concept] = {
    "wall_thickening": Concept(
        "airways",
        LUNG,
        ("Thickened bronchial walls {in}", "Peribronchial cuffing {in}", "Bronchial wall thickening {in}"),
        ("bronchial wall thickening", "cuffed airways", "thick-walled bronchi"),
    ),
    "bronchiectasis": Concept(
        "airways",
        LUNG,
        (
            "Cylindrical bronchiectasis {in}",
            "Dilated, non-tapering bronchi {in}",
            "Varicose bronchiectatic change {in}",
        ),
        ("bronchiectasis", "widened airways", "dilated bronchi"),
    ),
    "mucus": Concept(
        "airways",
        LUNG,
        ("Mucus plugs within segmental bronchi {in}", "Bronchi filled by secretions {in}", "Mucoid impaction {in}"),
        ("mucus plugging", "impacted airways"),
    ),
    "emphysema": Concept(
        "lucency",
        LUNG,
        ("Centrilobular emphysema {in}", "Paraseptal emphysematous change {in}", "Panlobular emphysema {in}"),
        ("emphysema", "destroyed lung parenchyma with low density", "COPD changes"),
    ),
    "bulla": Concept(
        "lucency",
        LUNG,
        ("Subpleural bulla {in}", "Thin-walled bullous air space {in}", "Several bullae {in}"),
        ("bulla", "large air sac under the pleura"),
    ),
    "septal": Concept(
        "interstitium",
        LUNG,
        (
            "Interlobular septal thickening {in}",
            "Smooth thickening of the interlobular septa {in}",
            "Kerley lines {in}",
        ),
        ("septal thickening", "prominent interlobular septa"),
    ),
    "honeycomb": Concept(
        "interstitium",
        LUNG,
        ("Honeycombing {in}", "Stacked subpleural cysts in a honeycomb pattern {in}", "End-stage honeycomb lung {in}"),
        ("honeycombing", "UIP-like cystic clusters"),
    ),
    "reticulation": Concept(
        "interstitium",
        LUNG,
        ("Subpleural reticulation {in}", "Reticular opacities with fibrosis {in}", "Fine reticular pattern {in}"),
        ("reticular pattern", "interstitial fibrosis", "ILD"),
    ),
    "tree_in_bud": Concept(
        "small nodules",
        LUNG,
        ("Tree-in-bud opacities {in}", "Budding tree appearance {in}", "Tree in bud nodularity {in}"),
        ("tree-in-bud", "TIB", "bronchiolitis pattern of branching dots"),
    ),
    "micronodules": Concept(
        "small nodules",
        LUNG,
        ("Centrilobular micronodules {in}", "Miliary nodules {in}", "Innumerable tiny nodules {in}"),
        ("micronodules", "miliary pattern", "many tiny centrilobular nodules"),
    ),
    "ground_glass": Concept(
        "opacity",
        LUNG,
        ("Ground-glass opacity {in}", "Hazy ground glass attenuation {in}", "Patchy ground-glass density {in}"),
        ("GGO", "ground glass", "ground-glass opacities", "hazy increase in lung density"),
    ),
    "consolidation": Concept(
        "opacity",
        LUNG,
        ("Consolidation with air bronchograms {in}", "Airspace consolidation {in}", "Dense consolidative opacity {in}"),
        ("consolidation", "air-space disease", "pneumonic infiltrate with air bronchogram"),
    ),
    "atelectasis": Concept(
        "opacity",
        LUNG,
        ("Subsegmental atelectasis {in}", "Passive atelectatic lung {in}", "Volume loss with atelectasis {in}"),
        ("atelectasis", "collapsed lung tissue", "atelectatic change"),
    ),
    "linear": Concept(
        "scar",
        LUNG,
        ("Linear scar {in}", "Fibrotic band reaching the pleura {in}", "Parenchymal band {in}"),
        ("linear opacity", "fibrous band", "pleuroparenchymal scarring", "sequela change"),
    ),
    "nodule": Concept(
        "nodular",
        LUNG,
        ("Solid nodule{size} {in}", "Pulmonary nodule{size} {in}", "Subpleural nodule{size} {in}", "Nodule{size} {in}"),
        ("lung nodule", "pulmonary nodule", "small round lesion of the lung", "SPN"),
    ),
    "mass": Concept(
        "nodular",
        LUNG,
        ("Spiculated mass{size} {in}", "Lobulated mass{size} {in}", "Heterogeneous mass lesion{size} {in}"),
        ("mass", "tumour", "lung cancer suspected lesion"),
    ),
    "cavity": Concept(
        "nodular",
        LUNG,
        ("Thick-walled cavitary lesion{size} {in}", "Cavitating lesion{size} {in}", "Cavity with a fluid level {in}"),
        ("cavity", "cavitary lesion", "excavated lesion"),
    ),
    "effusion": Concept(
        "pleura",
        SIDE,
        ("Pleural effusion {in}", "Free fluid in the pleural space {in}", "Small pleural effusion {in}"),
        ("pleural effusion", "fluid around the lung", "pleural fluid", "hydrothorax"),
    ),
    "pleural_thickening": Concept(
        "pleura",
        SIDE,
        ("Pleural thickening {in}", "Thickened pleura {in}", "Smooth thickening of the costal pleura {in}"),
        ("pleural thickening", "thick pleura"),
    ),
    "plaque": Concept(
        "pleura",
        SIDE,
        ("Calcified pleural plaques {in}", "Pleural plaque {in}", "Diaphragmatic pleural plaques {in}"),
        ("pleural plaques", "asbestos related pleural disease"),
    ),
    "pneumothorax": Concept(
        "pleura",
        SIDE,
        ("Pneumothorax {in}", "Free air in the pleural space {in}", "Apical pneumothorax {in}"),
        ("pneumothorax", "PTX", "air in the pleural cavity"),
    ),
    "lymph_node": Concept(
        "nodes",
        NONE,
        (
            "Enlarged mediastinal lymph nodes",
            "Hilar lymphadenopathy",
            "Pathologically enlarged subcarinal node",
            "Mediastinal adenopathy with a short axis of {mm} mm",
        ),
        ("lymphadenopathy", "enlarged LN", "LAP", "big lymph glands"),
    ),
    "pericardial": Concept(
        "heart",
        NONE,
        ("Pericardial effusion", "Fluid in the pericardial sac", "Pericardial effusion measuring {mm} mm"),
        ("pericardial effusion", "fluid around the heart"),
    ),
    "cardiomegaly": Concept(
        "heart",
        NONE,
        ("Cardiomegaly", "Increased heart size", "Enlarged heart", "Dilated left ventricle"),
        ("cardiomegaly", "big heart", "increased cardiothoracic ratio"),
    ),
    "coronary": Concept(
        "vessels",
        NONE,
        (
            "Coronary artery calcifications",
            "Calcified atheromatous plaques in the coronary arteries",
            "Coronary calcium",
        ),
        ("CAC", "coronary calcification", "calcified LAD"),
    ),
    "aneurysm": Concept(
        "vessels",
        NONE,
        ("Ascending aortic aneurysm of {mm} mm", "Dilated ascending aorta", "Ectasia of the thoracic aorta"),
        ("aortic aneurysm", "wide aorta", "aortic dilatation"),
    ),
    "embolism": Concept(
        "vessels",
        SIDE,
        ("Pulmonary embolism {in}", "Filling defect in the pulmonary artery {in}", "Thrombus in a lobar artery {in}"),
        ("PE", "pulmonary embolus", "clot in the pulmonary arteries"),
    ),
    "hernia": Concept(
        "gut",
        NONE,
        ("Sliding hiatal hernia", "Hiatus hernia", "Herniation of the stomach through the oesophageal hiatus"),
        ("hiatal hernia", "stomach sliding into the chest"),
    ),
    "steatosis": Concept(
        "liver",
        NONE,
        ("Hepatic steatosis", "Fatty liver", "Diffusely reduced liver attenuation in keeping with fat"),
        ("fatty liver", "hepatosteatosis"),
    ),
    "liver_cyst": Concept(
        "liver",
        NONE,
        ("Simple cyst of {mm} mm in the liver", "Hypodense liver lesion, probably a cyst", "Hepatic cyst"),
        ("liver cyst", "hypodense hepatic lesion"),
    ),
    "kidney_stone": Concept(
        "stones",
        NONE,
        ("Stone of {mm} mm in the left kidney", "Nephrolithiasis", "Calculus in the right renal pelvis"),
        ("kidney stone", "renal calculus"),
    ),
    "gallstone": Concept(
        "stones",
        NONE,
        ("Cholelithiasis", "Stones in the gallbladder", "Gallbladder calculi"),
        ("gallstones", "stone in the gall bladder"),
    ),
    "granuloma": Concept(
        "nodular",
        LUNG,
        ("Calcified granuloma {in}", "Calcific nodule in keeping with old granulomatous disease {in}"),
        ("granuloma", "old calcified TB nodule"),
    ),
    "fracture": Concept(
        "bone",
        NONE,
        ("Rib fracture", "Healed fracture of the seventh rib", "Compression fracture of T8", "Old rib fractures"),
        ("fracture", "broken rib"),
    ),
    "degenerative": Concept(
        "bone",
        NONE,
        ("Osteophytes of the thoracic spine", "Degenerative changes of the vertebrae", "Spondylosis with osteophytes"),
        ("degenerative spine", "bony spurs of vertebrae", "osteophytes"),
    ),
    "thyroid": Concept(
        "glands",
        NONE,
        ("Thyroid nodule of {mm} mm", "Hypodense nodule of the thyroid gland", "Enlarged nodular thyroid"),
        ("thyroid nodule", "goitre"),
    ),
    "adrenal": Concept(
        "glands",
        NONE,
        ("Left adrenal adenoma", "Adrenal nodule of {mm} mm", "Thickened right adrenal gland"),
        ("adrenal lesion", "adrenal adenoma"),
    ),
    "device": Concept(
        "device",
        NONE,
        ("Central venous catheter", "Cardiac pacemaker with leads in the right ventricle", "Endotracheal tube"),
        ("catheter or tube", "pacemaker"),
    ),
}

LUNG_PLACES: Mapping[str, Sequence[str]] = {
    "RUL": ("right upper lobe", "upper lobe of the right lung", "RUL"),
    "RML": ("right middle lobe", "middle lobe", "RML"),
    "RLL": ("right lower lobe", "lower lobe of the right lung", "RLL"),
    "LUL": ("left upper lobe", "upper lobe of the left lung", "LUL"),
    "LIN": ("lingula", "lingular segment", "lingula of the left lung"),
    "LLL": ("left lower lobe", "lower lobe of the left lung", "LLL"),
    "BIL": ("both lungs", "bilateral lungs", "both lungs"),
}
SIDE_PLACES: Mapping[str, Sequence[str]] = {
    "R": ("on the right", "on the right side", "in the right hemithorax"),
    "L": ("on the left", "on the left side", "in the left hemithorax"),
    "B": ("on both sides", "bilaterally", "in both hemithoraces"),
}
DENIED = ("No {}", "No evidence of {}", "{} is not seen", "{} was not detected", "Without {}", "There is no {}")
DENIALS = ("no {}", "absence of {}", "without {}", "{} not seen")
DENIABLE = (
    *("effusion", "pneumothorax", "nodule", "consolidation", "ground_glass", "lymph_node", "pericardial"),
    *("embolism", "fracture", "mass", "pleural_thickening", "bronchiectasis", "emphysema", "honeycomb"),
)
PLAIN: Mapping[str, Sequence[str]] = {
    "effusion": ("pleural effusion",),
    "pneumothorax": ("pneumothorax",),
    "nodule": ("pulmonary nodule", "suspicious nodule"),
    "consolidation": ("consolidation", "airspace consolidation"),
    "ground_glass": ("ground-glass opacity",),
    "lymph_node": ("enlarged lymph node", "lymphadenopathy"),
    "pericardial": ("pericardial effusion",),
    "embolism": ("pulmonary embolism",),
    "fracture": ("rib fracture", "fracture"),
    "mass": ("mass", "mass lesion"),
    "pleural_thickening": ("pleural thickening",),
    "bronchiectasis": ("bronchiectasis",),
    "emphysema": ("emphysema",),
    "honeycomb": ("honeycombing",),
}
LEADS = ("", "", "", "There is ", "Seen is ", "Mild ", "Stable ")


@dataclass(frozen=True)
class Meant:
    """What a finding or a query means."""

    concept: str
    place: str | None
    denied: bool = False


def relevance(query: Meant, finding: Meant) -> int:
    """Grade a finding for a query: 0, 1 or 2."""
    if query.denied != finding.denied:
        return 0
    here = query.place is None or finding.place is None or _overlap(query.place, finding.place)
    if query.concept == finding.concept:
        return 2 if here else 1
    related = CONCEPTS[query.concept].family == CONCEPTS[finding.concept].family
    return int(related and here and not query.denied)


def _overlap(asked: str, there: str) -> bool:
    return asked == there or there in {"BIL", "B"} or asked in {"BIL", "B"}


def compose(seed: int = SEED) -> dict[str, Any]:
    """Compose the set: findings, queries, and for each query the grades above 0 by the finding's number."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    findings = _findings(chance)
    queries = _queries(chance)
    return {
        "findings": [{"text": text, "concept": meant.concept, "denied": meant.denied} for text, meant in findings],
        "queries": [
            {"text": text, "kind": kind, "relevant": _grades(meant, [said for _, said in findings])}
            for text, kind, meant in queries
        ],
    }


def _grades(query: Meant, findings: Sequence[Meant]) -> dict[str, int]:
    graded = {str(n): relevance(query, finding) for n, finding in enumerate(findings)}
    return {n: grade for n, grade in graded.items() if grade}


def _findings(chance: random.Random) -> list[tuple[str, Meant]]:
    made: dict[str, Meant] = {}
    present = [name for name in CONCEPTS for _ in range(2 if CONCEPTS[name].places == NONE else 4)]
    while len(made) < 320:
        text, meant = _present(chance, chance.choice(present))
        made.setdefault(text, meant)
    while len(made) < 400:
        text, meant = _absent(chance)
        made.setdefault(text, meant)
    shuffled = list(made.items())
    chance.shuffle(shuffled)
    return shuffled


def _present(chance: random.Random, name: str) -> tuple[str, Meant]:
    concept = CONCEPTS[name]
    place, where = _place(chance, concept.places)
    millimetres = chance.randint(3, 48)
    size = chance.choice(("", f" of {millimetres} mm", f" measuring {millimetres / 10:.1f} cm", f", {millimetres} mm,"))
    text = chance.choice(concept.said).replace("{in}", where).replace("{size}", size).replace("{mm}", str(millimetres))
    lead = chance.choice(LEADS)
    text = " ".join((lead + (text[0].lower() + text[1:] if lead else text)).split())
    return text, Meant(name, place)


def _place(chance: random.Random, kind: str) -> tuple[str | None, str]:
    if kind == NONE:
        return None, ""
    places = LUNG_PLACES if kind == LUNG else SIDE_PLACES
    place = chance.choice(list(places))
    where = chance.choice(places[place])
    if kind == LUNG:
        where = f"in {where}" if place == "BIL" or where.isupper() else f"in the {where}"
    return place, where


def _absent(chance: random.Random) -> tuple[str, Meant]:
    name = chance.choice(DENIABLE)
    places = CONCEPTS[name].places
    place, where = _place(chance, places) if chance.random() < 0.5 else (None, "")
    said = chance.choice(DENIED).format(" ".join(f"{chance.choice(PLAIN[name])} {where}".split()))
    return said[0].upper() + said[1:], Meant(name, place, denied=True)


def _queries(chance: random.Random) -> list[tuple[str, str, Meant]]:
    """50 for a concept, 70 at a place, 30 denied."""
    alone = [(asked, name) for name, concept in CONCEPTS.items() for asked in concept.asked]
    made = [(text, "concept", Meant(name, None)) for text, name in chance.sample(alone, 50)]
    placed = [(text, name) for text, name in alone if CONCEPTS[name].places != NONE]
    while len(made) < 120:
        text, name = chance.choice(placed)
        place, where = _place(chance, CONCEPTS[name].places)
        _add(made, (f"{text} {where}", "place", Meant(name, place)))
    while len(made) < 150:
        name = chance.choice(DENIABLE)
        plain = chance.choice((*PLAIN[name], CONCEPTS[name].asked[0]))
        _add(made, (chance.choice(DENIALS).format(plain), "denied", Meant(name, None, denied=True)))
    return made


def _add(made: list[tuple[str, str, Meant]], query: tuple[str, str, Meant]) -> None:
    if query not in made:
        made.append(query)


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(compose(), indent=1) + "\n")


if __name__ == "__main__":
    main()
