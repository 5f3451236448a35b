"""One real case in the layout of ReXGroundingCT."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.frames import centroid_lps_mm, voxel_volume_mm3
from compute.kernels.moments import label_moments
from compute.kernels.orientation import audit_orientation
from compute.kernels.readings import readings_of
from compute.kernels.runs import label_runs
from compute.kernels.samples import VoxelSamples, sample_inside_and_shell
from compute.kernels.sides import body_midline_lps_mm, side_of
from compute.kernels.volumes import check_labels


def load(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    image = nib.load(path)
    return np.asanyarray(image.dataobj).T, image.affine


@pytest.fixture(scope="module")
def case(shared_data: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float64], list[npt.NDArray[np.uint8]]]:
    image, affine = load(shared_data / "rex_real/volumes/train_90001_a_1.nii.gz")
    masks, _ = load(shared_data / "rex_real/segmentations/train_90001_a_1.nii.gz")
    return image, affine, [np.ascontiguousarray(masks[..., finding]) for finding in range(2)]


Case = tuple[npt.NDArray[np.int16], npt.NDArray[np.float64], list[npt.NDArray[np.uint8]]]


def test_figures_of_a_real_case(case: Case) -> None:
    image, affine, (mass, emphysema) = case
    one, many = (label_moments(label_runs(mask), image.shape[1]) for mask in (mass, emphysema))
    centroid = centroid_lps_mm(one.centroid_zyx[0], affine)
    assert one.voxels.tolist() == [54639]
    assert round(float(one.voxels[0] * voxel_volume_mm3(affine)) / 1000, 2) == 156.32
    assert np.round(centroid, 1).tolist() == [82.3, -201.5, -456.8]
    assert side_of(float(centroid[0]), body_midline_lps_mm(image, affine)) == "LEFT"
    assert (len(many.label), many.voxels.sum()) == (12, 82138)


def sample(labels_zyx: npt.NDArray[np.generic]) -> VoxelSamples:
    depth, height, width = labels_zyx.shape
    return sample_inside_and_shell(label_runs(check_labels(labels_zyx)), (depth, height, width))


def test_the_audit_of_a_real_case(case: Case) -> None:
    image, _, masks = case
    assert not audit_orientation(image, [sample(mask) for mask in masks]).suspect
    for axes, flips in (((0, 1, 2), (2,)), ((0, 2, 1), (1,)), ((0, 1, 2), (0, 1, 2))):
        turned = [np.flip(mask.transpose(axes), flips) for mask in masks]
        audit = audit_orientation(image, [sample(np.ascontiguousarray(mask)) for mask in turned])
        assert audit.suspect
        assert audit.best_other is not None
        voxels = np.argwhere(turned[0][::5])[::97] * [5, 1, 1]
        assert (masks[0][tuple(audit.best_other.reading.of(voxels, image.shape).T)] > 0).all()
    assert len(readings_of(image.shape)) == 16
