"""NIfTI files give every voxel slab by slab, and their checksum is read to the end."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import nifti
from ingest.faults import CaseLeftOut
from ingest.nifti import open_nifti
from ingest.nifti_files import encode_nifti
from schema.import_run import FaultKind

SHAPE = (7, 6, 11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nifti")


@given(
    shape=st.lists(st.integers(1, 6), min_size=3, max_size=5),
    slab_bytes=st.integers(1, 600),
    piece_bytes=st.integers(1, 600),
    into=st.booleans(),
)
def test_slabs_are_the_whole_array(
    folder: Path, shape: list[int], slab_bytes: int, piece_bytes: int, *, into: bool
) -> None:
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    path = folder / "whole.nii.gz"
    path.write_bytes(encode_nifti(array))
    target = np.empty(shape[::-1], np.int16)
    with (
        patch.object(nifti, "SLAB_BYTES", slab_bytes),
        patch.object(nifti, "_PIECE_BYTES", piece_bytes),
        open_nifti(path) as opened,
    ):
        slabs = [(first, slab.copy()) for first, slab in opened.slabs(into=target if into else None)]
    np.testing.assert_array_equal(np.concatenate([slab for _, slab in slabs]), array.T)
    assert [first for first, _ in slabs] == [sum(len(slab) for _, slab in slabs[:n]) for n in range(len(slabs))]
    if into:
        np.testing.assert_array_equal(target, array.T)


def test_the_shape_may_have_other_axes_of_length_1(folder: Path) -> None:
    array = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE)
    path = folder / "axes.nii.gz"
    path.write_bytes(encode_nifti(array[..., None, None]))
    with open_nifti(path) as opened:
        ((first, slab),) = opened.slabs((1, *SHAPE))
    assert first == 0
    np.testing.assert_array_equal(slab, array.T[..., None])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content[:-8] + bytes(8), "does not inflate"),  # the checksum and the length at the end
        (lambda content: content[:-30], "does not inflate"),
        (lambda content: content[:400] + b"\0\0\0\0" + content[404:], "does not inflate"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, spoil: object, said: str) -> None:
    array = np.random.default_rng(0).integers(-1000, 1000, (20, 20, 20)).astype(np.int16)
    path = folder / "damaged.nii.gz"
    path.write_bytes(spoil(encode_nifti(array)))  # type: ignore[operator]
    with pytest.raises(CaseLeftOut) as error, open_nifti(path) as opened:
        for _ in opened.slabs():
            pass
    (fault,) = error.value.faults
    assert (fault.kind, fault.path) == (FaultKind.UNREADABLE_FILE, str(path))
    assert said in fault.message


def test_a_file_that_ends_too_early_is_named(folder: Path) -> None:
    path = folder / "short.nii"
    path.write_bytes(b"")
    with pytest.raises(CaseLeftOut, match="is empty"), open_nifti(path):
        pass
