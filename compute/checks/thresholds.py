"""Every limit that a check goes by, with its reason. A change of one raises the version of the checks that use it.

They are wide on purpose: a queue of contradictions is read by people, and one that cries wolf is not read.
"""

from dataclasses import dataclass

SIZE_FACTOR = 1.5
"""A said length may be this much beyond what is measured, either way."""
SIZE_SLACK_MM = 3.0
"""And so much more: readers differ by 1.7 mm on nodules (Revel et al., Radiology 2004), a border by a voxel."""

LOBE_SHARE = 0.1
"""Of an entity's voxels in a lobe: less than that is the fissure's uncertainty, not the lobe."""
LOBES_KNOWN_SHARE = 0.5
"""An entity with less in any lobe is not told by lobes."""

FULL_SEVERITY_RATIO = 4.0
"""A length that is so many times beyond the measured one has severity 1."""

OUT_OF_BODY_SHARE = 0.5
"""An entity with less of it within the body's outline is outside; the outline stands on a coarse grid of rows."""
FAR_FROM_LUNG_MM = 30.0
"""Segmented lungs leave out consolidation, tumour and fluid, which lie beside them; so far away nothing is."""

NODULE_MOST_MM = 120.0
"""The largest lung masses measure about 120 mm; what is called nodule or mass and reaches farther is another thing."""
BALL_FLATNESS = 0.8
"""Least over major axis: a band or scar is far flatter than that."""
BALL_LEAST_MM = 10.0
"""Below it, voxels are too coarse to tell a ball from a band."""

ONTOLOGY = "rexgroundingct 1"
"""The codes that the limits by category mean."""
LUNG_ROOTS = ("1", "2")
"""Its parents that are of lung, airways and pleura."""


@dataclass(frozen=True)
class Band:
    """The HU that something may have, of entities' `statistic`."""

    statistic: str
    least: float
    most: float
    why: str


WORD_BANDS = {
    "ground-glass": Band("hu_mean", -900.0, -100.0, "lets vessels show through; denser is solid (Fleischner glossary)"),
    "solid": Band("hu_mean", -500.0, 3000.0, "hides vessels; -500 HU lies halfway to lung"),
    "calcified": Band("hu_above_130", 0.02, 1.0, "calcium counts from 130 HU on (Agatston 1990)"),
    "fluid": Band("hu_mean", -150.0, 100.0, "water is 0 HU; borders of thin layers take part of lung"),
}
"""By the value of the descriptor."""
CATEGORY_BANDS = {
    "1c": Band(
        "hu_mean", -1100.0, -850.0, "emphysema is below -950 HU (Gevenois 1996), -910 on thick slices; lung is -850"
    ),
    "2b": Band("hu_mean", -600.0, 3000.0, "consolidation fills the air spaces; -600 HU is ground glass at best"),
    "2c": WORD_BANDS["ground-glass"],
    "2e": Band("hu_mean", -200.0, 3000.0, "fluid and pleura are soft tissue; below it is air"),
    "2g": Band("hu_mean", -1100.0, -700.0, "free air is -1000 HU"),
}
"""By the code, where the words name no attenuation."""
