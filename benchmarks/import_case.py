"""One large case through the import: seconds by stage, beside what it cannot do without, and the worker's peak memory.

    python -m benchmarks.import_case [--shape 512 512 500] [--runs 3] [--json FILE]

The case is a phantom of 13 findings. Each run is a fresh import in the same process; the first one, which compiles
kernels, is not counted. The floor is measured in the same run, alternating: streamed inflation of both files by the
same library in the same slabs, SHA-256 of both, and the plain Zarr write of the CT with the store's chunks and codec.
Stages are seconds of whichever thread was at them; they overlap, so they add up to more than the whole import.
The peak is the import's own, on Linux.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from ingest.nifti import open_nifti
from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME, MASKS, VOLUMES, write_large_case
from ingest.rexgroundingct import import_dataset
from migrations.ready import ready_database
from schema.arrays.layout import CHUNK
from schema.arrays.store import ArrayStore
from schema.settings import Settings

STAGES = ("inflate", "scan", "geometry", "audit", "volume", "labels", "wait", "database")


def main() -> None:
    """Run the benchmark and print its table."""
    arguments = _parse()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_large_case(root, shape=tuple(arguments.shape))
        rows = [_run(root, n) for n in range(arguments.runs + 1)][1:]
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    _print(arguments.shape, medians)
    if arguments.json:
        arguments.json.write_text(json.dumps({"shape": arguments.shape, "medians": medians}))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 500])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _run(root: Path, n: int) -> dict[str, float]:
    row = _floor(root, root / f"plain{n}")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    with ready_database(Settings(home=root / f"home{n}")) as database, ArrayStore(str(root / f"arrays{n}")) as store:
        options = ImportOptions(root / JSON_NAME, round="r", release="b", collection="phantom", workers=1)
        start = time.perf_counter()
        report = import_dataset(database, store, options)
        row["whole import"] = time.perf_counter() - start
    row["import over floor"] = row["whole import"] / row["floor"]
    (outcome,) = report.outcomes
    if outcome.left_out:
        sys.exit(f"the case was left out: {outcome.faults}")
    seconds = dict(outcome.seconds)
    seconds["database"] = seconds["write"] - seconds["labels"] - seconds["wait"]
    return {**row, **{stage: seconds[stage] for stage in STAGES}, "peak GB": _peak_gb()}


def _floor(root: Path, plain: Path) -> dict[str, float]:
    volume = next((root / VOLUMES).iterdir())
    voxels = np.ascontiguousarray(np.asanyarray(nibabel.load(volume).dataobj).T)
    row = {
        "inflate alone": _timed(_inflate, root),
        "sha256 alone": _timed(_hash, root),
        "zarr write alone": _timed(_write, voxels, plain),
    }
    shutil.rmtree(plain)
    return {**row, "floor": sum(row.values())}


def _timed(function: Callable[..., None], *arguments: object) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def _files(root: Path) -> list[Path]:
    return [path for folder in (MASKS, VOLUMES) for path in (root / folder).iterdir()]


def _inflate(root: Path) -> None:
    for path in _files(root):
        with open_nifti(path) as nifti:
            for _ in nifti.slabs(nifti.header.shape):
                pass


def _hash(root: Path) -> None:
    for path in _files(root):
        with path.open("rb") as stream:
            hashlib.file_digest(stream, "sha256")


def _write(voxels: NDArray[np.int16], path: Path) -> None:
    array = zarr.create_array(
        path,
        shape=voxels.shape,
        dtype="int16",
        chunks=(CHUNK,) * 3,
        shards=tuple(-(-size // CHUNK) * CHUNK for size in voxels.shape),
        compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=2)],
    )
    array[...] = voxels


def _peak_gb() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e6


def _print(shape: list[int], medians: dict[str, float]) -> None:
    print(f"13 findings in {'x'.join(map(str, shape))}, seconds (medians)")  # noqa: T201
    for name, value in medians.items():
        print(f"  {name:26s}{value:8.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
