"""IBSI's consensus values, and one real case in the layout of ReXGroundingCT."""

import csv
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.frames import centroid_lps_mm, voxel_volume_mm3
from compute.kernels.intensities import percentile_of_counts
from compute.kernels.orientation import audit_orientation
from compute.kernels.readings import readings_of
from compute.kernels.samples import sample_inside_and_shell
from compute.kernels.sides import body_midline_lps_mm, side_of
from compute.kernels.statistics import LabelStatistics, label_statistics


def load(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    image = nib.load(path)
    return np.asanyarray(image.dataobj).T, image.affine


@pytest.fixture(scope="module")
def ibsi(shared_data: Path) -> dict[str, tuple[float, float]]:
    with (shared_data / "ibsi/digital/reference_values.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines, delimiter=";") if row["reference value"]]
    return {row["tag"]: (float(row["reference value"]), float(row["tolerance"])) for row in rows}


@pytest.fixture(scope="module")
def phantom(shared_data: Path) -> tuple[LabelStatistics, npt.NDArray[np.int16], float]:
    mask, affine = load(shared_data / "ibsi/digital/mask.nii.gz")
    image, _ = load(shared_data / "ibsi/digital/phantom.nii.gz")
    return label_statistics(mask.astype(np.uint8), image), image[mask > 0], voxel_volume_mm3(affine)


def meets(found: float, reference: tuple[float, float]) -> bool:
    """Within the tolerance; where that is 0, equal in the three digits that are published."""
    value, tolerance = reference
    return abs(found - value) <= tolerance or float(f"{found:.3g}") == value


def test_ibsi_volume_and_intensities(
    ibsi: dict[str, tuple[float, float]], phantom: tuple[LabelStatistics, npt.NDArray[np.int16], float]
) -> None:
    statistics, hu, volume_mm3 = phantom
    assert statistics.hu is not None
    assert meets(statistics.voxels[0] * volume_mm3, ibsi["morph_vol_approx"])
    counts = np.bincount(hu)
    percentile = {percent: percentile_of_counts(counts, 0, len(hu), percent) for percent in (10, 25, 75, 90)}
    found = {
        "mean": statistics.hu.mean[0],
        "var": statistics.hu.std[0] ** 2,
        "median": statistics.hu.median[0],
        "min": statistics.hu.min[0],
        "max": statistics.hu.max[0],
        "p10": percentile[10],
        "p90": percentile[90],
        "iqr": percentile[75] - percentile[25],
        "cov": statistics.hu.std[0] / statistics.hu.mean[0],
    }
    missed = {
        tag: (value, ibsi[f"stat_{tag}"]) for tag, value in found.items() if not meets(value, ibsi[f"stat_{tag}"])
    }
    assert missed == {}


def test_ibsi_axes_need_the_sample_covariance(
    ibsi: dict[str, tuple[float, float]], phantom: tuple[LabelStatistics, npt.NDArray[np.int16], float]
) -> None:
    statistics, _, _ = phantom
    voxels = statistics.voxels[0]
    covariance_mm2 = statistics.second_moments_zyx[0] * 4 * voxels / (voxels - 1)
    axes = 4 * np.sqrt(np.linalg.eigvalsh(covariance_mm2))
    tags = ("morph_pca_least_axis", "morph_pca_min_axis", "morph_pca_maj_axis")
    assert all(meets(axis, ibsi[tag]) for axis, tag in zip(axes, tags, strict=True))


@pytest.fixture(scope="module")
def case(shared_data: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64], list[npt.NDArray[np.uint8]]]:
    image, affine = load(shared_data / "rex_real/volumes/train_90001_a_1.nii.gz")
    masks, _ = load(shared_data / "rex_real/segmentations/train_90001_a_1.nii.gz")
    return image, affine, [np.ascontiguousarray(masks[..., finding]) for finding in range(2)]


Case = tuple[npt.NDArray[np.int16], npt.NDArray[np.float64], list[npt.NDArray[np.uint8]]]


def test_figures_of_a_real_case(case: Case) -> None:
    image, affine, (mass, emphysema) = case
    one, many = label_statistics(mass, image), label_statistics(emphysema, image)
    centroid = centroid_lps_mm(one.centroid_zyx[0], affine)
    assert one.voxels.tolist() == [54639]
    assert round(float(one.voxels[0] * voxel_volume_mm3(affine)) / 1000, 2) == 156.32
    assert np.round(centroid, 1).tolist() == [82.3, -201.5, -456.8]
    assert side_of(float(centroid[0]), body_midline_lps_mm(image, affine)) == "LEFT"
    assert (len(many.label), many.voxels.sum()) == (12, 82138)


def test_the_audit_of_a_real_case(case: Case) -> None:
    image, _, masks = case
    assert not audit_orientation(image, [sample_inside_and_shell(mask) for mask in masks]).suspect
    for axes, flips in (((0, 1, 2), (2,)), ((0, 2, 1), (1,)), ((0, 1, 2), (0, 1, 2))):
        turned = [np.flip(mask.transpose(axes), flips) for mask in masks]
        audit = audit_orientation(image, [sample_inside_and_shell(np.ascontiguousarray(mask)) for mask in turned])
        assert audit.suspect
        assert audit.best_other is not None
        voxels = np.argwhere(turned[0][::5])[::97] * [5, 1, 1]
        assert (masks[0][tuple(audit.best_other.reading.of(voxels, image.shape).T)] > 0).all()
    assert len(readings_of(image.shape)) == 16
