"""Whether contenders measured the same: the greatest difference of each quantity from ours."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.geometry.values import CORE, EXACT, Values

TOLERANCE: Mapping[str, float] = {
    **dict.fromkeys(CORE, 1e-9),
    **dict.fromkeys(EXACT, 0.0),
    **dict.fromkeys(("mesh_area_mm2", "mesh_volume_mm3", "sphericity"), 0.02),
    "diameter_mm": 1e-6,
}
"""Relative. Meshes may cut the corners of a cell in other ways, which moves a surface by some percent."""
Differences = dict[str, float]


def compare_values(ours: Sequence[Values], theirs: Sequence[Values]) -> Differences:
    """The greatest relative difference of each quantity that they have; infinite where entities do not match.

    Centroids and boxes are compared in voxels, not relative to anything.
    """
    known = {(row["finding"], row["label"]): row for row in ours}
    if [(row["finding"], row["label"]) for row in theirs] != list(known):
        return dict.fromkeys(CORE, np.inf)
    pairs = [(known[row["finding"], row["label"]], row) for row in theirs]
    names = [name for name in CORE if theirs and name in theirs[0]]
    return {name: max(_difference(name, *pair) for pair in pairs) for name in names}


def _difference(name: str, one: Mapping[str, object], other: Mapping[str, object]) -> float:
    a, b = (np.asarray(row[name], np.float64) for row in (one, other))
    distance = float(np.abs(a - b).max())
    return distance if name.endswith("_zyx") else distance / max(float(np.abs(a).max()), 1e-300)


def iter_violations(contender: str, differences: Differences) -> Iterator[str]:
    """One line for each quantity that differs by more than its tolerance."""
    for name, difference in differences.items():
        if not difference <= TOLERANCE[name]:
            yield f"{contender}: {name} differs from ours by {difference:.3g}, {TOLERANCE[name]:.3g} is allowed"
