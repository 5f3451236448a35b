"""A mask gives the runs of each finding, whatever its dtype and its scaling, and names the first voxel that is none."""

from pathlib import Path
from unittest.mock import patch

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

from ingest import nifti
from ingest.faults import CaseLeftOut
from ingest.masks import read_mask
from ingest.timing import Stopwatch
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind

unhurried = settings(deadline=None)  # the first example compiles
LABELS = np.array([0, 0, 0, 1, 1, 2, 200], np.int64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("masks")


def write(path: Path, stored: NDArray[np.generic], scaling: tuple[float, float] = (1, 0)) -> Path:
    """Write numbers (finding, i, j, k) as they are to be stored, with slope and intercept."""
    header = nibabel.Nifti1Header(endianness=">" if stored.dtype.byteorder == ">" else "<")
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape)
    header.set_slope_inter(*scaling)
    header["vox_offset"] = 352
    path.write_bytes(bytes(header.binaryblock) + bytes(4) + stored.tobytes("F"))
    return path


def read(path: Path, mask: NDArray[np.generic]) -> list[LabelRuns]:
    findings, i, j, k = mask.shape
    return read_mask(path, findings, (i, j, k), Stopwatch())


def expected(mask: NDArray[np.int64]) -> list[LabelRuns]:
    return [LabelRuns.from_dense(np.ascontiguousarray(labels.T)) for labels in mask]


@unhurried
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9)),
    dtype=st.sampled_from(["u1", "<u2", ">i2", "<i4", "<i8", "<f4", ">f8"]),
    slab_bytes=st.sampled_from([1, 400, 2**20]),
)
def test_any_dtype_gives_the_same_runs(
    folder: Path, seed: int, shape: tuple[int, int, int, int], dtype: str, slab_bytes: int
) -> None:
    random = np.random.default_rng(seed)
    mask = np.where(random.random(shape) < random.random(), random.choice(LABELS, shape), 0)
    path = write(folder / "any.nii", mask.astype(dtype))
    with patch.object(nifti, "SLAB_BYTES", slab_bytes):
        assert read(path, mask) == expected(mask)


@pytest.mark.parametrize("scaling", [(0.5, 0), (1, -5), (0.25, 3), (-1, 0)])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_scaled_numbers_are_their_values(folder: Path, scaling: tuple[float, float], dtype: DTypeLike) -> None:
    mask = np.random.default_rng(1).choice(LABELS, (3, 10, 11, 12))
    stored = ((mask - scaling[1]) / scaling[0]).astype(dtype)
    assert read(write(folder / "scaled.nii", stored, scaling), mask) == expected(mask)


def test_nothing_drawn_and_everything_drawn(folder: Path) -> None:
    for mask in (np.zeros((2, 5, 6, 7), np.int64), np.full((2, 5, 6, 7), 9)):
        assert read(write(folder / "plain.nii", mask.astype(np.uint8)), mask) == expected(mask)


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        (np.nan, FaultKind.NOT_FINITE, "holds nan, which is not a number"),
        (-np.inf, FaultKind.NOT_FINITE, "holds -inf"),
        (1.5, FaultKind.NOT_INTEGRAL, "holds 1.5, which is not a whole number"),
        (-2, FaultKind.NEGATIVE_LABEL, "holds -2, a label below 0"),
        (65_536, FaultKind.WRONG_TYPE, "a label above 65535"),
    ],
)
def test_a_voxel_that_is_no_label_names_its_finding(folder: Path, value: float, kind: FaultKind, said: str) -> None:
    mask = np.zeros((4, 6, 7, 8), np.float32)
    mask[0, 2, 2, 2] = 1
    mask[2, 3, 4, 5] = value
    path = write(folder / "wrong.nii", mask)
    with pytest.raises(CaseLeftOut) as error:
        read(path, mask)
    (fault,) = error.value.faults
    assert (fault.kind, fault.finding, fault.path) == (kind, 2, str(path))
    assert said in fault.message
