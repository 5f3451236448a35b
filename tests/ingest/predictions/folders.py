"""A dataset of small masks in a folder, and predictions of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.nifti_files import encode_nifti, write_bytes
from ingest.predictions.running import EvaluationOptions, Source

SHAPE_VOX = (24, 24, 18)
FINDINGS = 3
SPACING_MM = (0.75, 0.75, 1.5)

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Dataset:
    """`dataset.json`, `segmentations/`, `volumes/` and `predictions/` below a folder."""

    root: Path
    masks: dict[str, Mask]
    """By file: (finding, i, j, k)."""

    def options(self, **changes: Any) -> EvaluationOptions:
        """What the command would make of its flags `dataset`, `truths`, `split`, and of the other options."""
        dataset, truths = self.root / "dataset.json", self.root / "segmentations"
        flags = {"dataset": dataset, "masks": truths, "split": "test"}
        source = Source.of_files(**{name: changes.pop(name, value) for name, value in flags.items()})
        options = {"predictions": self.root / "predictions", "output": self.root / "result.json"}
        return EvaluationOptions(source, **{**options, **changes})

    def predict(self, change: Callable[[Mask], NDArray[Any]], *files: str) -> None:
        """Write predictions of these cases, or of all, made of their binary masks."""
        for file in files or self.masks:
            self.write(file, encode_nifti(change((self.masks[file] > 0).astype(np.uint8)), np.eye(4)))

    def write(self, file: str, content: bytes) -> None:
        """Write a prediction as it is."""
        write_bytes(self.root / "predictions" / file, content)


def make_dataset(root: Path, cases: int, protocol: str = "test") -> Dataset:
    """Write a dataset whose findings are boxes of two labels each, in places of their own."""
    masks = {f"train_{n}_a_1.nii.gz": _mask(np.random.default_rng(n)) for n in range(cases)}
    entries = [
        {
            "name": file,
            "seg_path": f"anywhere/{file}",
            "findings": {str(n): "words" for n in range(FINDINGS)},
            "categories": {"0": "2d", "1": "1c", "2": "2a"},
            "protocol": protocol,
        }
        for file in masks
    ]
    (root / "predictions").mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"test": entries, "val": entries[:1], "train": []}))
    for file, mask in masks.items():
        write_bytes(root / "segmentations" / file, encode_nifti(mask, np.eye(4)))
        write_bytes(root / "volumes" / file, encode_nifti(np.zeros(SHAPE_VOX, np.int16), np.diag([*SPACING_MM, 1])))
    return Dataset(root, masks)


def _mask(random: np.random.Generator) -> Mask:
    mask = np.zeros((FINDINGS, *SHAPE_VOX), np.uint8)
    for finding in range(FINDINGS):
        for label in (1, 2):
            low = random.integers((0, 12 * (label - 1), 0), (18, 12 * label - 7, 12))
            box = tuple(slice(a, b) for a, b in zip(low, low + random.integers(3, 6, 3), strict=True))
            mask[finding][box] = label
    return mask
