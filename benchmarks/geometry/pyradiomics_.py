"""pyradiomics: shape and first-order features on the padded crop, only those of the core set.

Its classes are called directly, without the extractor's own checks and cropping. It has neither box nor centroid,
and no percentiles but the 10th, 50th and 90th; the enabled ones among the rest cost nothing beside the mesh.
"""

import logging
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as its own documentation imports it
from radiomics.firstorder import RadiomicsFirstOrder
from radiomics.shape import RadiomicsShape

from benchmarks.geometry.case import Case
from benchmarks.geometry.crops import Crop, iter_crops
from benchmarks.geometry.values import Values

LACKS = ("box_zyx", "centroid_zyx", "hu_p05", "hu_p95", "components6", "components18", "components26")
SHAPE = ("VoxelVolume", "MeshVolume", "SurfaceArea", "Sphericity", "Maximum3DDiameter")
INTENSITIES = ("Mean", "Variance", "Minimum", "Maximum", "Median")
logging.getLogger("radiomics").setLevel(logging.CRITICAL)


def measure(case: Case) -> list[Values]:
    """Measure every entity of a case."""
    return [measure_crop(crop, case.spacing_zyx_mm) for crop in iter_crops(case)]


def measure_crop(crop: Crop, spacing_zyx_mm: tuple[float, float, float]) -> Values:
    """Measure one entity on its padded crop."""
    mask, image = (sitk.GetImageFromArray(array) for array in (crop.mask.view(np.uint8), crop.image))
    for each in (mask, image):
        each.SetSpacing(spacing_zyx_mm[::-1])
    shape = calculate(RadiomicsShape(image, mask, label=1), SHAPE)
    hu = calculate(RadiomicsFirstOrder(image, mask, label=1), INTENSITIES)
    return {
        "finding": crop.finding,
        "label": crop.label,
        "voxels": round(shape["VoxelVolume"] / float(np.prod(spacing_zyx_mm))),
        "volume_mm3": shape["VoxelVolume"],
        "mesh_volume_mm3": shape["MeshVolume"],
        "mesh_area_mm2": shape["SurfaceArea"],
        "sphericity": shape["Sphericity"],
        "diameter_mm": shape["Maximum3DDiameter"],
        "hu_mean": hu["Mean"],
        "hu_std": hu["Variance"] ** 0.5,
        "hu_min": hu["Minimum"],
        "hu_max": hu["Maximum"],
        "hu_median": hu["Median"],
    }


def calculate(features: Any, names: tuple[str, ...]) -> dict[str, float]:
    """Calculate the named features of a class."""
    for name in names:
        features.enableFeatureByName(name)
    return {name: float(value) for name, value in features.execute().items()}
