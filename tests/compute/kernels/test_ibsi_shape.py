"""The shape of IBSI's digital phantom against its consensus values."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from compute.kernels.axes import principal_axes
from compute.kernels.diameters import max_diameter_mm
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.mesh import mesh_area_mm2, mesh_cases, mesh_volume_mm3, sphericity
from compute.kernels.moments import label_moments
from compute.kernels.runs import label_runs


@pytest.fixture(scope="module")
def references(shared_data: Path) -> dict[str, tuple[float, float]]:
    with (shared_data / "ibsi/digital/reference_values.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines, delimiter=";") if row["reference value"]]
    return {row["tag"]: (float(row["reference value"]), float(row["tolerance"])) for row in rows}


@pytest.fixture(scope="module")
def values(shared_data: Path) -> dict[str, float]:
    image = nib.load(shared_data / "ibsi/digital/mask.nii.gz")
    mask = np.asanyarray(image.dataobj).T.astype(np.uint8)
    runs, height, steps_mm = label_runs(mask), mask.shape[1], steps_zyx_lps_mm(image.affine)
    cases, moments = mesh_cases(runs, height), label_moments(runs, height)
    area, volume = float(mesh_area_mm2(cases, steps_mm)), float(mesh_volume_mm3(cases, steps_mm))
    axes = principal_axes(moments.voxels, moments.second_moments_zyx, steps_mm)
    return {
        "morph_volume": volume,
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_sphericity": float(sphericity(area, volume)),
        "morph_diam": max_diameter_mm(runs, height, steps_mm),
        "morph_pca_maj_axis": float(axes.major_mm[0]),
        "morph_pca_min_axis": float(axes.minor_mm[0]),
        "morph_pca_least_axis": float(axes.least_mm[0]),
        "morph_pca_elongation": float(axes.elongation[0]),
        "morph_pca_flatness": float(axes.flatness[0]),
    }


@pytest.mark.parametrize(
    "tag",
    [
        "morph_volume",
        "morph_area_mesh",
        "morph_av",
        "morph_sphericity",
        "morph_diam",
        "morph_pca_maj_axis",
        "morph_pca_min_axis",
        "morph_pca_least_axis",
        "morph_pca_elongation",
        "morph_pca_flatness",
    ],
)
def test_meets_the_reference(tag: str, values: dict[str, float], references: dict[str, tuple[float, float]]) -> None:
    reference, tolerance = references[tag]
    assert values[tag] == pytest.approx(reference, abs=tolerance)
