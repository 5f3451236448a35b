"""The phantom cases, written as arrays once: A with 3 findings and 6 entities, C with 13 and 96.

In A the labels fill 0.1% of the voxels, about as in the published set; in C 0.2%.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.geometry.case import Case, is_whole, load_case, save_case
from compute.kernels.body import find_body, outline_of
from ingest.phantoms.large import PLENTY, OwnerIndex, draw_coarse, iter_slabs, middle
from ingest.phantoms.solids import make_grid
from ingest.phantoms.study import make_affine
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore

SHAPE_XYZ = (512, 512, 300)
FIELD_MM = (358.4, 358.4, 300.0)
COUNTS: Mapping[str, Mapping[str, int]] = {"A": {"2b": 2, "2f": 2, "2h": 2}, "C": PLENTY}
SEED = 0


def prepare_case(folder: Path, counts: Mapping[str, int], shape_xyz: tuple[int, int, int] = SHAPE_XYZ) -> Case:
    """Write a case and its array store into a folder, unless it is there whole; gives it unread, as memory maps."""
    if not is_whole(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_case(folder, counts, shape_xyz)
    return load_case(folder, mode="r")


def size_of(times: int) -> tuple[int, int, int]:
    """A shape (x,y,z) with `times` hundredths of the large case's voxels, over the same field of view."""
    i, j, k = (max(8, round(n * (times / 100) ** (1 / 3))) for n in SHAPE_XYZ)
    return i, j, k


def _write_case(folder: Path, counts: Mapping[str, int], shape_xyz: tuple[int, int, int]) -> None:
    x, y, z = (length / n for length, n in zip(FIELD_MM, shape_xyz, strict=True))
    study = draw_coarse(SEED, shape_xyz, (x, y, z), counts)
    grid = make_grid(shape_xyz, (x, y, z), middle(study.canvas.grid))
    index = OwnerIndex.of(study.findings)
    labels = np.zeros((index.findings, *shape_xyz[::-1]), np.uint8)
    image = np.empty(shape_xyz[::-1], np.int16)
    for start, canvas, voxels in iter_slabs(study, grid, SEED):
        stop = start + voxels.shape[2]
        image[start:stop] = voxels.T
        labels[:, start:stop] = np.moveaxis(index.mask(canvas), 3, 0)
    case = Case(labels, image, make_affine(grid, (x, y, z), study.centre_lps), folder)
    _write_store(case, folder)
    save_case(case, folder)


def _write_store(case: Case, folder: Path) -> None:
    """Store the case, and lay beside the store what an import keeps of it in the database."""
    with ArrayStore(str(folder / "arrays")) as store:
        store.prepare()
        kept = {
            "volume": store.write_volume(case.image).digest,
            "labels": store.write_labels([LabelRuns.from_dense(finding) for finding in case.labels], "labels").digest,
            "body_outline": outline_of(find_body(case.image)).to_bytes().hex(),
        }
    (folder / "stored.json").write_text(json.dumps(kept))
