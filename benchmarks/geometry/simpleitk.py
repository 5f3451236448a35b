"""SimpleITK: label shape and intensity statistics and connected components on the padded crop.

It has no mesh: its perimeter and Feret diameter are other quantities, and are not asked for. Percentiles but the
median, and components by edges, it has not.
"""

from math import sqrt

import numpy as np
import SimpleITK as sitk  # noqa: N813 - as its own documentation imports it

from benchmarks.geometry.case import Case
from benchmarks.geometry.crops import PAD, Crop, iter_crops
from benchmarks.geometry.values import Values

LACKS = ("hu_p05", "hu_p95", "mesh_area_mm2", "mesh_volume_mm3", "sphericity", "diameter_mm", "components18")


def measure(case: Case) -> list[Values]:
    """Measure every entity of a case."""
    return [measure_crop(crop, case.spacing_zyx_mm) for crop in iter_crops(case)]


def measure_crop(crop: Crop, spacing_zyx_mm: tuple[float, float, float]) -> Values:
    """Measure one entity on its padded crop."""
    mask, image = (sitk.GetImageFromArray(array) for array in (crop.mask.view(np.uint8), crop.image))
    for each in (mask, image):
        each.SetSpacing(spacing_zyx_mm[::-1])
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputePerimeterOff()
    shape.Execute(mask)
    return {
        "finding": crop.finding,
        "label": crop.label,
        "voxels": shape.GetNumberOfPixels(1),
        **place(crop, shape, spacing_zyx_mm),
        "volume_mm3": shape.GetPhysicalSize(1),
        **intensities(mask, image, shape.GetNumberOfPixels(1)),
        "components6": count_components(mask, fully_connected=False),
        "components26": count_components(mask, fully_connected=True),
    }


def place(
    crop: Crop, shape: sitk.LabelShapeStatisticsImageFilter, spacing_zyx_mm: tuple[float, float, float]
) -> Values:
    """The box and the centroid in the volume."""
    shift = [start - PAD for start in crop.origin_zyx]
    box = shape.GetBoundingBox(1)
    starts, sizes, centroid = box[2::-1], box[:2:-1], shape.GetCentroid(1)[::-1]
    return {
        "box_zyx": tuple((a + o, a + o + n) for a, n, o in zip(starts, sizes, shift, strict=True)),
        "centroid_zyx": tuple(mm / step + o for mm, step, o in zip(centroid, spacing_zyx_mm, shift, strict=True)),
    }


def intensities(mask: sitk.Image, image: sitk.Image, voxels: int) -> Values:
    """Summarise the HU; its sigma divides by n - 1, which is turned into the population's."""
    found = sitk.LabelIntensityStatisticsImageFilter()
    found.SetNumberOfBins(1 << 16)  # else the median is a bin of 256 wide
    found.Execute(mask, image)
    return {
        "hu_mean": found.GetMean(1),
        "hu_std": found.GetStandardDeviation(1) * sqrt((voxels - 1) / voxels),
        "hu_min": found.GetMinimum(1),
        "hu_max": found.GetMaximum(1),
        "hu_median": found.GetMedian(1),
    }


def count_components(mask: sitk.Image, *, fully_connected: bool) -> int:
    """Count components by faces, or by faces, edges and corners."""
    found = sitk.ConnectedComponentImageFilter()
    found.SetFullyConnected(fully_connected)
    found.Execute(mask)
    return int(found.GetObjectCount())
