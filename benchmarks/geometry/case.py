"""A case in memory, as every contender gets it. Only NumPy is needed, so that it loads in every environment."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """Labels (finding,z,y,x) uint8 with 0 = background, HU (z,y,x) int16, and the CT's affine without shear."""

    labels: NDArray[np.uint8]
    image: NDArray[np.int16]
    affine_ras: NDArray[np.float64]
    folder: Path | None = None
    """Where it lies, and its array store; None for one that is in memory alone."""

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Distances between voxels along z, y and x."""
        i, j, k = np.linalg.norm(self.affine_ras[:3, :3], axis=0).tolist()
        return k, j, i


def is_whole(folder: Path) -> bool:
    """Whether a case was written to its end: its frame comes last."""
    return (folder / "frame.json").exists()


def save_case(case: Case, folder: Path) -> None:
    """Write a case's arrays, then its frame."""
    np.save(folder / "labels.npy", case.labels)
    np.save(folder / "image.npy", case.image)
    (folder / "frame.json").write_text(json.dumps(case.affine_ras.tolist()))


def load_case(folder: Path, *, mode: Literal["r"] | None = None) -> Case:
    """Read a case into this process's own memory; `r` maps its files instead."""
    labels, image = (np.load(folder / f"{name}.npy", mmap_mode=mode) for name in ("labels", "image"))
    affine: Any = json.loads((folder / "frame.json").read_text())
    return Case(labels, image, np.array(affine), folder)


def tiny_case() -> Case:
    """Two blocks in one finding: enough to import and to compile whatever a measurement needs."""
    labels = np.zeros((1, 16, 16, 16), np.uint8)
    labels[0, 3:8, 3:8, 3:9] = 1
    labels[0, 10:13, 10:14, 10:14] = 2
    image = np.arange(labels[0].size, dtype=np.int16).reshape(labels.shape[1:])
    return Case(labels, image, np.diag([-0.7, -0.7, 1.0, 1.0]))
