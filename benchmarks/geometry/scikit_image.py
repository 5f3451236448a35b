"""scikit-image: `regionprops` on the padded crop with the percentiles as an extra property, its mesh and its labels.

It has no volume of a mesh. Its `feret_diameter_max` is the convex image's, another quantity, and is not asked for.
"""

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, marching_cubes, mesh_surface_area, regionprops_table

from benchmarks.geometry.case import Case
from benchmarks.geometry.crops import PAD, Crop, iter_crops
from benchmarks.geometry.values import Values

LACKS = ("mesh_volume_mm3", "sphericity", "diameter_mm")
PROPERTIES = (
    "num_pixels",
    "area",
    "bbox",
    "centroid",
    "intensity_mean",
    "intensity_std",
    "intensity_min",
    "intensity_max",
)


def percentiles(mask: NDArray[np.bool_], image: NDArray[np.int16]) -> NDArray[np.float64]:
    """The 5th, 50th and 95th percentile within a region."""
    return np.percentile(image[mask], (5, 50, 95))


def measure(case: Case) -> list[Values]:
    """Measure every entity of a case."""
    return [measure_crop(crop, case.spacing_zyx_mm) for crop in iter_crops(case)]


def measure_crop(crop: Crop, spacing_zyx_mm: tuple[float, float, float]) -> Values:
    """Measure one entity on its padded crop."""
    mask = crop.mask.view(np.uint8)
    table = regionprops_table(
        mask, crop.image, properties=PROPERTIES, extra_properties=(percentiles,), spacing=spacing_zyx_mm
    )
    row = {name: column.item() for name, column in table.items()}
    shift = [start - PAD for start in crop.origin_zyx]
    vertices, faces, _, _ = marching_cubes(crop.mask, 0.5, spacing=spacing_zyx_mm)
    return {
        "finding": crop.finding,
        "label": crop.label,
        "voxels": row["num_pixels"],
        "box_zyx": tuple((row[f"bbox-{n}"] + o, row[f"bbox-{n + 3}"] + o) for n, o in enumerate(shift)),
        "centroid_zyx": tuple(row[f"centroid-{n}"] / spacing_zyx_mm[n] + o for n, o in enumerate(shift)),
        "volume_mm3": row["area"],
        "hu_mean": row["intensity_mean"],
        "hu_std": row["intensity_std"],
        "hu_min": row["intensity_min"],
        "hu_max": row["intensity_max"],
        "hu_p05": row["percentiles-0"],
        "hu_median": row["percentiles-1"],
        "hu_p95": row["percentiles-2"],
        "mesh_area_mm2": float(mesh_surface_area(vertices, faces)),
        "components6": int(label(mask, connectivity=1).max()),
        "components18": int(label(mask, connectivity=2).max()),
        "components26": int(label(mask, connectivity=3).max()),
    }
