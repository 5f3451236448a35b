"""A whole release of reduced-size phantoms through import and geometry, then with ten times the entities.

    python -m benchmarks.scale [--scans 3142] [--entities 16301] [--times-entities 10] [--workers 2] [--json FILE]

The phantoms, 96 x 96 x 64 voxels, are made first, which is not counted. They are imported in one run, which measures
them, and every entity is measured once more by the job. Then further rounds that say the same on the same voxels
make `--times-entities` times the entities; those are measured, and further scans are imported into the database that
has grown. One large phantom gives the cost of a byte for the extrapolation. Exits with 1 where there was any fault, or
an entity is missing or could not be measured.
"""

import argparse
import json
import sys
import tempfile
from math import prod
from pathlib import Path
from time import process_time

from benchmarks.scale.dataset import Written, write_dataset
from benchmarks.scale.extrapolation import Sample, iter_extrapolation
from benchmarks.scale.rounds import add_rounds
from benchmarks.scale.steps import Run, import_scans, measure_entities, probe_pending, weigh
from ingest.phantoms import SHAPE, write_large_case
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.settings import Settings

NAME = "scale"
FURTHER_PART = 50
"""One scan for every so many, at least ten, comes into the database that has grown."""
LARGE_SHAPE = (512, 512, 300)


def main() -> None:
    """Run it all and print it."""
    arguments = _parse()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root = Path(folder)
        with ready_database(Settings(home=root / "home")) as database, ArrayStore(str(root / "arrays")) as store:
            run = Run(database, store, arguments.workers)
            written = _write(run, root / NAME, 0, arguments.scans, arguments.entities)
            small = _import_release(run, root / NAME, written)
            _multiply(run, written, arguments.times_entities)
            _import_further(run, root / "further", written)
            large = _import_large(run, root / "large", written)
            run.note("\n".join(iter_extrapolation(small, large, run.workers)))
    for problem in run.problems:
        run.note(f"PROBLEM {problem}")
    if arguments.json:
        arguments.json.write_text(json.dumps({**run.figures, "problems": run.problems}, indent=1))
    sys.exit(bool(run.problems))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=3142)
    parser.add_argument("--entities", type=int, default=16301)
    parser.add_argument("--times-entities", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the run's own folder is made, and removed at the end")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _write(run: Run, folder: Path, first: int, scans: int, entities: int) -> Written:
    folder.mkdir()
    with run.timed(f"making_{folder.name}", f"making {scans:,} phantoms (not counted)"):
        return write_dataset(folder, scans, entities, first=first, workers=run.workers)


def _import_release(run: Run, folder: Path, written: Written) -> Sample:
    seconds = import_scans(run, NAME, folder, written)
    stored = weigh(run, "bytes")
    measure_entities(run, "geometry", f"geometry of all {written.entities:,} again", written.entities, force=True)
    probe_pending(run, "pending_none", 0)
    raw = prod(SHAPE) * (written.findings / written.scans + 2)
    return Sample(raw, seconds * run.workers / written.scans, stored / written.scans)


def _multiply(run: Run, written: Written, times: int) -> None:
    """Make `times` times the entities and measure the new ones."""
    with run.timed("rounds", f"{times - 1} further rounds, as rows (not counted)"):
        added = add_rounds(run.database, NAME, times - 1)
    run.expect("entities added", added, (times - 1) * written.entities)
    probe_pending(run, "pending_many", added)
    measure_entities(run, "geometry_many", f"geometry of {added:,} more", added)
    probe_pending(run, "pending_none_of_many", 0)
    weigh(run, "bytes_many")


def _import_further(run: Run, folder: Path, before: Written) -> None:
    """Import some scans more, for the seconds of a scan in a database that has grown."""
    scans = max(10, before.scans // FURTHER_PART)
    written = _write(run, folder, before.scans, scans, round(scans * before.entities / before.scans))
    import_scans(run, folder.name, folder, written)


def _import_large(run: Run, folder: Path, before: Written) -> Sample:
    """Import one large phantom in this process, after a small one for which kernels were compiled."""
    warm = _write(run, folder.with_name("warm"), 2 * before.scans, 1, 5)
    import_scans(run, "warm", folder.with_name("warm"), warm, workers=1)
    stored = weigh(run, "bytes_warm")
    truth = write_large_case(folder, shape=LARGE_SHAPE, spacing_mm=(0.7, 0.7, 1.0))
    findings = len(truth.findings)
    written = Written(1, findings, sum(len(finding.entities) for finding in truth.findings))
    start = process_time()
    seconds = import_scans(run, folder.name, folder, written, workers=1)
    # Threads of one worker overlap where a core is idle, which none is when all workers are busy.
    busy = max(seconds, process_time() - start)
    return Sample(prod(LARGE_SHAPE) * (findings + 2), busy, weigh(run, "bytes_large") - stored)


if __name__ == "__main__":
    main()
