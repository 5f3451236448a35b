"""What is compared: the core set of quantities, one record an entity."""

from typing import TypedDict


class Values(TypedDict, total=False):
    """One entity; a contender leaves out what it does not have. Lengths in mm, boxes half-open, HU as they are."""

    finding: int
    label: int
    voxels: int
    box_zyx: tuple[tuple[int, int], ...]
    centroid_zyx: tuple[float, ...]
    """Mean voxel index in the volume."""
    volume_mm3: float
    hu_mean: float
    hu_std: float
    """Of the population."""
    hu_min: float
    hu_max: float
    hu_median: float
    hu_p05: float
    """Percentiles by linear interpolation."""
    hu_p95: float
    mesh_area_mm2: float
    mesh_volume_mm3: float
    sphericity: float
    diameter_mm: float
    """Greatest distance between two vertices of the mesh."""
    components6: int
    components18: int
    components26: int


CORE = tuple(name for name in Values.__annotations__ if name not in ("finding", "label"))
EXACT = frozenset({"voxels", "box_zyx", "hu_min", "hu_max", "components6", "components18", "components26"})
"""Whole numbers, in which nothing may differ."""
