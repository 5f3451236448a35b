"""The array store on one case: reading and writing times, beside zarr-python and beside inflating the files.

    python -m benchmarks.store [--shape 512 512 300] [--case FOLDER] [--runs 5] [--json FILE]

Without a folder the case is a phantom of 13 findings. A folder has `volumes/` and `segmentations/` with one file of the
same name each. Files are warm in the page cache; what is compared is measured alternating, and medians are printed.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from ingest.masks import read_mask
from ingest.nifti import open_nifti
from ingest.phantoms import MASKS, VOLUMES, write_large_case
from ingest.timing import Stopwatch
from ingest.volumes import read_volume
from schema.arrays.box import Box, Index
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, StoredArray

MARGIN = 8
"""Voxels around an entity that a region has."""


@dataclass(frozen=True)
class Case:
    """One scan's files and what they hold."""

    volume_path: Path
    mask_path: Path
    volume_zyx: NDArray[np.int16]
    findings: list[LabelRuns]

    @property
    def shape_zyx(self) -> Index:
        """The scan's shape."""
        z, y, x = self.volume_zyx.shape
        return z, y, x

    def entities(self) -> Iterator[tuple[int, Box]]:
        """The finding and the box of each entity."""
        for n, finding in enumerate(self.findings):
            for label in finding.labels():
                box = finding.select(int(label)).box_zyx()
                if box is not None:
                    yield n, box


def main() -> None:
    """Run the benchmark and print its table."""
    arguments = _parse()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.case is None:
            write_large_case(root / "case", shape=tuple(arguments.shape))
        case = _load(arguments.case or root / "case")
        rows = {**_writing(case, root, arguments.runs), **_reading(case, root, arguments.runs)}
    print(f"{len(case.findings)} findings in {case.shape_zyx} (z, y, x)")  # noqa: T201
    for name, value in rows.items():
        print(f"  {name:52s}{value:12.3f}")  # noqa: T201
    if arguments.json:
        arguments.json.write_text(json.dumps({"shape_zyx": case.shape_zyx, **rows}))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 300])
    parser.add_argument("--case", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _load(folder: Path) -> Case:
    (volume_path,) = (folder / VOLUMES).glob("*.nii.gz")
    mask_path = folder / MASKS / volume_path.name
    findings, *shape_vox = nibabel.load(mask_path).shape
    i, j, k = shape_vox
    volume = read_volume(volume_path, (i, j, k), Stopwatch())
    return Case(volume_path, mask_path, volume.voxels_zyx, read_mask(mask_path, findings, (i, j, k), Stopwatch()))


def _writing(case: Case, root: Path, runs: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    for _ in range(runs + 1):
        with _empty_store(root) as store:
            _time(
                seconds, "write the volume, digests and syncs included, s", lambda: store.write_volume(case.volume_zyx)
            )
            _time(seconds, "write the labels, likewise, s", lambda: store.write_labels(case.findings, "labels"))
        _time(seconds, "zarr-python writes the volume, s", lambda: _write_with_zarr(root / "zarr", case.volume_zyx))
    return _medians(seconds)


def _reading(case: Case, root: Path, runs: int) -> dict[str, float]:
    with _empty_store(root) as store:
        volume = store.write_volume(case.volume_zyx)
        labels = store.write_labels(case.findings, "labels")
        rows = _whole(case, store, volume.digest, runs)
        rows |= _crops(case, store, volume.digest, runs)
        rows |= _entities(case, store, volume.digest, labels.digest)
    return rows | _sizes(case, volume, labels)


def _whole(case: Case, store: ArrayStore, digest: str, runs: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    for _ in range(runs + 1):
        _time(seconds, "whole CT, s", lambda: store.read_volume(digest))
        _time(seconds, "inflating its .nii.gz with isal, s", lambda: _inflate(case.volume_path))
        _time(seconds, "whole CT by zarr-python, s", lambda: store.open_volume(digest)[...])
    return _medians(seconds)


def _crops(case: Case, store: ArrayStore, digest: str, runs: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    milliseconds: dict[str, list[float]] = {}
    shape = case.shape_zyx
    array = store.open_volume(digest)
    for _ in range(10 * runs):
        z, y, x = (int(rng.integers(0, max(1, size - 64))) for size in shape)
        stop = min(z + 64, shape[0]), min(y + 64, shape[1]), min(x + 64, shape[2])
        box = (z, y, x), stop
        _time(milliseconds, "64^3 crop, ms", lambda box=box: store.read_volume(digest, box), 1e3)  # type: ignore[misc]
        inside = tuple(map(slice, *box))
        _time(milliseconds, "64^3 crop by zarr-python, ms", lambda inside=inside: array[inside], 1e3)  # type: ignore[misc]
        for name, axis, at in (("axial", 0, z), ("coronal", 1, y), ("sagittal", 2, x)):
            box = _slice_box(shape, axis, at)
            _time(milliseconds, f"{name} slice, ms", lambda box=box: store.read_volume(digest, box), 1e3)  # type: ignore[misc]
    return _medians(milliseconds)


def _entities(case: Case, store: ArrayStore, volume: str, labels: str) -> dict[str, float]:
    milliseconds: dict[str, list[float]] = {}
    entities = list(case.entities())
    for n, box in entities:
        for name, use in (("entity, ms", store), ("entity, its array opened for it, ms", ArrayStore(store.url))):
            _time(milliseconds, name, lambda use=use, n=n, box=box: use.read_labels(labels, "labels", n, box), 1e3)  # type: ignore[misc]
    rows = _medians(milliseconds)
    boxes = [_widened(box, case.shape_zyx) for _, box in entities]
    start = time.perf_counter()
    regions = store.open_regions(volume)
    for box in boxes:
        regions.read(box)
    rows["CT around every entity, one reader of regions, s"] = time.perf_counter() - start
    start = time.perf_counter()
    for box in boxes:
        store.read_volume(volume, box)
    rows["CT around every entity, box by box, s"] = time.perf_counter() - start
    return rows


def _sizes(case: Case, volume: StoredArray, labels: StoredArray) -> dict[str, float]:
    files = case.volume_path.stat().st_size, case.mask_path.stat().st_size
    return {
        "volume, MB": volume.stored_bytes / 1e6,
        "volume, part of its .nii.gz": volume.stored_bytes / files[0],
        "labels, KB": labels.stored_bytes / 1e3,
        "the mask's .nii.gz is so many times the labels": files[1] / labels.stored_bytes,
    }


@contextmanager
def _empty_store(root: Path) -> Iterator[ArrayStore]:
    shutil.rmtree(root / "arrays", ignore_errors=True)
    with ArrayStore(str(root / "arrays")) as store:
        yield store


def _write_with_zarr(path: Path, volume_zyx: NDArray[np.int16]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    array: zarr.Array[Any] = zarr.create_array(
        path,
        shape=volume_zyx.shape,
        dtype="int16",
        chunks=(64, 64, 64),
        shards=tuple(-(-size // 64) * 64 for size in volume_zyx.shape),
        compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=2)],
        fill_value=0,
    )
    array[...] = volume_zyx


def _inflate(path: Path) -> None:
    with open_nifti(path) as nifti:
        for _ in nifti.slabs():
            pass


def _slice_box(shape_zyx: Index, axis: int, at: int) -> Box:
    start, stop = [0, 0, 0], list(shape_zyx)
    start[axis], stop[axis] = at, at + 1
    return (start[0], start[1], start[2]), (stop[0], stop[1], stop[2])


def _widened(box: Box, shape_zyx: Index) -> Box:
    z0, y0, x0 = (max(0, start - MARGIN) for start in box[0])
    z1, y1, x1 = (min(size, stop + MARGIN) for stop, size in zip(box[1], shape_zyx, strict=True))
    return (z0, y0, x0), (z1, y1, x1)


def _time(rows: dict[str, list[float]], name: str, action: Callable[[], object], scale: float = 1.0) -> None:
    start = time.perf_counter()
    action()
    rows.setdefault(name, []).append((time.perf_counter() - start) * scale)


def _medians(rows: dict[str, list[float]]) -> dict[str, float]:
    """The first of each, which compiles and warms up, is left out."""
    return {name: statistics.median(values[1:]) for name, values in rows.items()}


if __name__ == "__main__":
    main()
