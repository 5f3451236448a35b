"""Slices are laid out for the eye whatever the array's axes, and read the same from the store and from a file."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from compute.jobs.slices import SlicedScan, fullest_slice
from compute.pictures import Plane, SliceView
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.scan import Volume, VolumeStorage

LPS = np.diag([-0.5, -0.75, 2.0, 1.0])
"""Voxels to RAS mm of an array whose axes run to the left, to the back and to the head."""
SHAPE = (9, 8, 7)
MARK = (1, 2, 5)
"""[i, j, k] of a bright voxel of the LPS array: far right, towards the front, towards the head."""
CORNERS = {Plane.AXIAL: (2, 1), Plane.CORONAL: (SHAPE[2] - 1 - 5, 1), Plane.SAGITTAL: (SHAPE[2] - 1 - 5, 2)}
"""Where it is seen, (row, column): right on the left, front above or on the left, head above."""


def volume_of(codes: str, folder: Path, store: ArrayStore, storage: VolumeStorage) -> tuple[Volume, LabelRuns]:
    """The same scan stored along other axes, and the labels of its bright voxel."""
    hu = np.full(SHAPE, -1000, np.int16)
    hu[MARK] = 300
    turn = ornt_transform(io_orientation(LPS), axcodes2ornt(codes))
    turned, affine = apply_orientation(hu, turn), LPS @ inv_ornt_aff(turn, SHAPE)
    path = folder / f"{codes}.nii.gz"
    nib.Nifti1Image(turned, affine).to_filename(path)
    spacing = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    stored = store.write_volume(np.ascontiguousarray(turned.T))
    volume = Volume(
        digest=stored.digest,
        storage=storage,
        source_path=str(path),
        affine_ras=affine.ravel().tolist(),
        spacing_mm=spacing,
    )
    return volume, LabelRuns.from_dense((turned > 0).T)


@pytest.mark.parametrize("storage", VolumeStorage)
@pytest.mark.parametrize("codes", ["LPS", "RAS", "LAS", "SLP", "PIR"])
@pytest.mark.parametrize("plane", Plane)
def test_right_is_on_the_left(
    tmp_path: Path, arrays: ArrayStore, codes: str, plane: Plane, storage: VolumeStorage
) -> None:
    volume, labels = volume_of(codes, tmp_path, arrays, storage)
    scan = SlicedScan(volume, arrays)
    view = scan.view(plane)
    cut = scan.cut(view, fullest_slice(labels, view))
    assert np.argwhere(cut.hu == 300).tolist() == [list(CORNERS[plane])]
    assert np.argwhere(cut.labels(labels)).tolist() == [list(CORNERS[plane])]
    assert cut.name == f"{'ijk'[view.axis]} = {cut.place}"


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_fullest_slice(axis: int) -> None:
    dense = np.zeros((6, 7, 8), np.uint8)
    dense[1:3, 1:3, 1:3] = 1
    slab = [slice(0, 5), slice(0, 5), slice(0, 5)]
    slab[2 - axis] = slice(4, 5)
    dense[tuple(slab)] = 2
    view = SliceView.of(LPS, (0.5, 0.75, 2.0), (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)[axis])
    assert fullest_slice(LabelRuns.from_dense(dense), view) == 4
