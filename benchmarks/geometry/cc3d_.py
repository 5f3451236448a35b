"""cc3d: its statistics and its connected components on the padded crop; it knows neither HU nor meshes."""

import cc3d
import numpy as np

from benchmarks.geometry.case import Case
from benchmarks.geometry.crops import PAD, Crop, iter_crops
from benchmarks.geometry.values import CORE, Values

HAS = ("voxels", "box_zyx", "centroid_zyx", "volume_mm3", "components6", "components18", "components26")
LACKS = tuple(name for name in CORE if name not in HAS)


def measure(case: Case) -> list[Values]:
    """Measure every entity of a case."""
    return [measure_crop(crop, float(np.prod(case.spacing_zyx_mm))) for crop in iter_crops(case)]


def measure_crop(crop: Crop, voxel_mm3: float) -> Values:
    """Measure one entity on its padded crop."""
    mask = crop.mask.view(np.uint8)
    found = cc3d.statistics(mask)
    shift = [start - PAD for start in crop.origin_zyx]
    voxels, box = int(found["voxel_counts"][1]), found["bounding_boxes"][1]
    return {
        "finding": crop.finding,
        "label": crop.label,
        "voxels": voxels,
        "box_zyx": tuple((side.start + o, side.stop + o) for side, o in zip(box, shift, strict=True)),
        "centroid_zyx": tuple(float(c) + o for c, o in zip(found["centroids"][1], shift, strict=True)),
        "volume_mm3": voxels * voxel_mm3,
        "components6": count_components(crop, 6),
        "components18": count_components(crop, 18),
        "components26": count_components(crop, 26),
    }


def count_components(crop: Crop, connectivity: int) -> int:
    """Count components under a connectivity."""
    return int(cc3d.connected_components(crop.mask, connectivity=connectivity, return_N=True)[1])
