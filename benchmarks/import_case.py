"""One large case through the import: seconds by stage, beside inflating its files, and the worker's peak memory.

    python -m benchmarks.import_case [--shape 512 512 500] [--runs 3] [--json FILE]

The case is a phantom of 13 findings. Each run is a fresh import in the same process; the first one, which compiles
kernels, is not counted. Inflation is measured in the same run, alternating, by the same library in the same slabs.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ingest.nifti import open_nifti
from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME, MASKS, VOLUMES, write_large_case
from ingest.rexgroundingct import import_dataset
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.settings import Settings

STAGES = ("inflate", "scan", "geometry", "audit", "store", "commit")


def main() -> None:
    """Run the benchmark and print its table."""
    arguments = _parse()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_large_case(root, shape=tuple(arguments.shape))
        rows = [_run(root, n) for n in range(arguments.runs + 1)][1:]
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    _print(arguments.shape, medians, peak_gb)
    if arguments.json:
        arguments.json.write_text(json.dumps({"shape": arguments.shape, "seconds": medians, "peak_gb": peak_gb}))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=[512, 512, 500])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _run(root: Path, n: int) -> dict[str, float]:
    row = {"streamed inflation alone": _inflate(root)}
    with ready_database(Settings(home=root / f"home{n}")) as database, ArrayStore(str(root / f"arrays{n}")) as store:
        options = ImportOptions(root / JSON_NAME, round="r", release="b", collection="phantom", workers=1)
        start = time.perf_counter()
        report = import_dataset(database, store, options)
        row["whole import"] = time.perf_counter() - start
    (outcome,) = report.outcomes
    if outcome.left_out:
        sys.exit(f"the case was left out: {outcome.faults}")
    seconds = dict(outcome.seconds)
    seconds["commit"] = seconds["write"] - seconds["store"]
    return {**row, **{stage: seconds[stage] for stage in STAGES}}


def _inflate(root: Path) -> float:
    start = time.perf_counter()
    for folder in (MASKS, VOLUMES):
        for path in (root / folder).iterdir():
            with open_nifti(path) as nifti:
                for _ in nifti.slabs():
                    pass
    return time.perf_counter() - start


def _print(shape: list[int], medians: dict[str, float], peak_gb: float) -> None:
    print(f"13 findings in {'x'.join(map(str, shape))}, seconds (medians)")  # noqa: T201
    for name, value in medians.items():
        print(f"  {name:26s}{value:8.2f}")  # noqa: T201
    print(f"  peak memory of the worker {peak_gb:8.2f} GB")  # noqa: T201


if __name__ == "__main__":
    main()
