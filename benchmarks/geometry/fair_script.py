"""What a careful person writes: one `find_objects`, crops with NumPy, scikit-image's mesh, SciPy's hull and labels."""

from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import generate_binary_structure, label
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes, mesh_surface_area

from benchmarks.geometry.case import Case
from benchmarks.geometry.crops import Crop, iter_crops
from benchmarks.geometry.values import Values

LACKS: tuple[str, ...] = ()
STRUCTURES = {6: generate_binary_structure(3, 1), 18: generate_binary_structure(3, 2), 26: np.ones((3, 3, 3), bool)}


def measure(case: Case) -> list[Values]:
    """Measure every entity of a case."""
    return [measure_crop(crop, case.spacing_zyx_mm) for crop in iter_crops(case)]


def measure_crop(crop: Crop, spacing_zyx_mm: tuple[float, float, float]) -> Values:
    """Measure one entity on its crop."""
    mask = crop.mask[crop.inside]
    places = np.nonzero(mask)
    return {
        "finding": crop.finding,
        "label": crop.label,
        "voxels": len(places[0]),
        "box_zyx": crop.bounds_zyx,
        "centroid_zyx": tuple(float(axis.mean()) + o for axis, o in zip(places, crop.origin_zyx, strict=True)),
        "volume_mm3": len(places[0]) * float(np.prod(spacing_zyx_mm)),
        **intensities(crop.image[crop.inside][places]),
        **shape(crop.mask, spacing_zyx_mm),
        **components(mask),
    }


def intensities(hu: NDArray[np.int16]) -> Values:
    """Summarise the HU of an entity."""
    p05, median, p95 = np.percentile(hu, (5, 50, 95)).tolist()
    return {
        "hu_mean": float(hu.mean()),
        "hu_std": float(hu.std()),
        "hu_min": int(hu.min()),
        "hu_max": int(hu.max()),
        "hu_median": median,
        "hu_p05": p05,
        "hu_p95": p95,
    }


def shape(mask: NDArray[np.bool_], spacing_zyx_mm: tuple[float, float, float]) -> Values:
    """Measure the mesh of a padded mask."""
    vertices, faces, _, _ = marching_cubes(mask, 0.5, spacing=spacing_zyx_mm)
    area = float(mesh_surface_area(vertices, faces))
    volume = mesh_volume(vertices.astype(np.float64), faces)
    hull = vertices[ConvexHull(vertices).vertices]
    return {
        "mesh_area_mm2": area,
        "mesh_volume_mm3": volume,
        "sphericity": (36 * pi * volume**2) ** (1 / 3) / area,
        "diameter_mm": float(pdist(hull).max()),
    }


def mesh_volume(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> float:
    """The volume of a closed mesh: the sum of the tetrahedra between its triangles and the origin."""
    a, b, c = (vertices[corner] for corner in faces.T)
    return abs(float(np.einsum("ij,ij->", a, np.cross(b, c)))) / 6


def components(mask: NDArray[np.bool_]) -> Values:
    """Count components of a mask under each connectivity."""
    counts = {ways: int(label(mask, structure)[1]) for ways, structure in STRUCTURES.items()}
    return {"components6": counts[6], "components18": counts[18], "components26": counts[26]}
