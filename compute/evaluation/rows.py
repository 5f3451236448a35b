"""The findings of a result, one row each, with what they are grouped by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from compute.evaluation.settings import GROUNDCT
from schema.ontology import rexgroundingct_ontology


@dataclass(frozen=True)
class FindingRow:
    """One scored finding."""

    file: str
    name: str
    """Such as `finding_0`."""
    patient: str
    category: str | None
    protocol: str | None
    scores: Mapping[str, Any]
    """As the result holds them."""

    @property
    def parent(self) -> str | None:
        """The category above, or the category itself where it has none."""
        return None if self.category is None else _PARENTS.get(self.category, self.category)

    @property
    def focality(self) -> str | None:
        """Whether lesions of the category are focal, non_focal or neither."""
        return None if self.category is None else _FOCALITIES.get(self.category)

    @property
    def diameter_mm(self) -> float | None:
        """Of the sphere that has the volume of all that is drawn; None where nothing is, and without millimetres."""
        volume_ml = self.scores.get("truth_volume_ml")
        return None if not volume_ml else float(np.cbrt(volume_ml * 1000 * 6 / np.pi))

    @property
    def size(self) -> str | None:
        """Its class by diameter, at the edges at which recall by size has them."""
        if self.diameter_mm is None:
            return None
        return size_names(GROUNDCT.size_edges_mm)[int(np.digitize(self.diameter_mm, GROUNDCT.size_edges_mm))]


_CATEGORIES = rexgroundingct_ontology().categories
_PARENTS = {category.code: category.parent for category in _CATEGORIES if category.parent}
CATEGORY_NAMES = {category.code: category.name for category in _CATEGORIES}
_FOCALITIES = {category.code: str(category.focality) for category in _CATEGORIES}


def size_names(edges_mm: Sequence[float]) -> list[str]:
    """Classes of size in words, the smallest first."""
    edges = [f"{edge:g}" for edge in edges_mm]
    between = [f"{low} to {high} mm" for low, high in pairwise(edges)]
    return [f"under {edges[0]} mm", *between, f"{edges[-1]} mm and more"]


def finding_rows(result: Mapping[str, Any]) -> list[FindingRow]:
    """The rows of an evaluator's result, in its order; cases that were left out have none."""
    inputs = result["groundct"]["inputs"]
    return [
        _row(case["file"], name, scores, inputs.get(case["file"], {}))
        for case in result["cases"]
        for name, scores in case.get("findings", {}).items()
    ]


def _row(file: str, name: str, scores: Mapping[str, Any], facts: Mapping[str, Any]) -> FindingRow:
    category = facts.get("categories", {}).get(name.removeprefix("finding_"))
    return FindingRow(file, name, facts.get("patient", file), category, facts.get("protocol"), scores)
