"""The cases: phantoms of three sizes, and predictions of them that are wrong as a model's are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry.cases import COUNTS as GEOMETRY_COUNTS
from benchmarks.geometry.cases import prepare_case
from ingest.nifti_files import encode_nifti

COUNTS: Mapping[str, Mapping[str, int]] = {
    "A": GEOMETRY_COUNTS["A"],
    "B": {"2b": 4, "2c": 5, "2d": 8, "1e": 4, "2a": 4, "2e": 2, "1c": 4},
    "C": GEOMETRY_COUNTS["C"],
}
"""3 findings and 6 entities, 7 and 31, 13 and 96, in 512 x 512 x 300."""
_SPECKS = 20
_AROUND = 15


def prepare_pair(folder: Path, name: str) -> None:
    """Write a case, `labels.npy` (finding,z,y,x), and `predictions.npy` of the same shape, unless they are there."""
    case = prepare_case(folder / name, COUNTS[name])
    path = folder / name / "predictions.npy"
    if not path.exists():
        random = np.random.default_rng(0)
        np.save(path, np.stack([predict(np.asarray(labels), random) for labels in case.labels]))


def predict(labels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """A finding moved by some voxels, without its last entity where it has several, and with false specks around it."""
    kept = (labels > 0) & ((labels < labels.max()) | (labels.max() < 2))
    predicted = np.roll(kept, random.integers(-2, 3, 3), (0, 1, 2)).astype(np.uint8)
    inside = np.argwhere(kept)
    low, high = inside.min(axis=0) - _AROUND, inside.max(axis=0) + _AROUND
    for _ in range(_SPECKS):
        first = np.clip(random.integers(low, high), 0, np.array(labels.shape) - 6)
        speck = zip(first, random.integers(2, 6, 3), strict=True)
        predicted[tuple(slice(start, start + size) for start, size in speck)] = 1
    return predicted


def write_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Write truth and prediction of a case as the dataset has them, (finding,i,j,k); gives their paths."""
    prepare_pair(folder, name)
    paths = folder / name / "truth.nii.gz", folder / name / "prediction.nii.gz"
    for path, array in zip(paths, ("labels", "predictions"), strict=True):
        if not path.exists():
            zyx = np.load(folder / name / f"{array}.npy", mmap_mode="r")
            path.write_bytes(encode_nifti(zyx.transpose(0, 3, 2, 1), np.eye(4)))
    return paths
