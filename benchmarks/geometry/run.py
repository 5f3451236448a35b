"""Entities measured by GroundCT and by others on the same arrays: a table, and with --json a file.

    python -m benchmarks.geometry.run [--cases A C] [--runs 5] [--peers PYTHON] [--folder DIR] [--json FILE]

`ours` measures the core set on arrays in memory, as everybody else does, `ours_store` the full set from the array
store. Each has a process of its own and one thread; they run in turn. Medians are given, the first run, which is also
the one whose memory is watched, is not counted. `floor` is one reduction over the same bytes. Without --peers, the
Python of an environment with `requirements-peers.txt`, only ours are run. Exits with 1 where values differ.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.geometry import tables
from benchmarks.geometry.cases import COUNTS, prepare_case, size_of
from benchmarks.geometry.compare import iter_violations
from benchmarks.geometry.contenders import OURS, PEERS, start_contenders
from benchmarks.geometry.machine import describe_machine
from benchmarks.geometry.parts import time_parts
from benchmarks.geometry.promises import LARGE, iter_promises
from benchmarks.geometry.timing import add_differences, time_in_turn


def main() -> None:
    """Run everything and print it."""
    arguments = _parse()
    names = [*OURS, *PEERS] if arguments.peers else [*OURS]
    document: dict[str, Any] = {"machine": describe_machine(), "threads": arguments.threads, "cases": {}}
    with _folder(arguments.folder) as folder:
        for case in arguments.cases:
            document["cases"][case] = _run_case(case, names, folder, arguments)
        document["sizes"] = [_run_size(times, folder, arguments) for times in arguments.sizes]
        document["repeats"] = [_run_repeats(times, folder, arguments) for times in arguments.repeats]
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1))
    sys.exit(any(row["violations"] for row in document["cases"].values()))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of ours and of the floor")
    parser.add_argument("--peers", type=Path, help="the Python that runs the others")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 10, 100], help="hundredths of the large case")
    parser.add_argument("--repeats", type=int, nargs="*", default=[1, 10, 100], help="small cases in a row")
    parser.add_argument("--folder", type=Path, help="where the cases are kept; else they are made anew")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _run_case(name: str, contenders: Sequence[str], folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    case = prepare_case(folder / name, COUNTS[name])
    with start_contenders(contenders, folder / name, peers=arguments.peers, threads=arguments.threads) as started:
        timed = time_in_turn(started, arguments.runs)
        entities = add_differences(started, timed)
    parts = [time_parts(case) for _ in range(arguments.runs + 1)][1:]
    parts_s = {part: median(row[part] for row in parts) for part in parts[0]}
    promises = list(iter_promises(name, timed))
    violations = [line for who, row in timed.items() for line in iter_violations(who, row.differences)]
    tables.print_case(name, case, entities, timed)
    tables.print_differences(timed)
    tables.print_parts(parts_s)
    tables.print_lines([f"{'holds' if holds else 'MISSED'}: {text}" for holds, text in promises] + violations)
    return {
        "contenders": {who: {**asdict(row), "median": row.median} for who, row in timed.items()},
        "parts": parts_s,
        "promises": promises,
        "violations": violations,
    }


def _run_size(times: int, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The large case's body and lesions in fewer, larger voxels."""
    place = folder / (LARGE if times == 100 else f"{LARGE}-{times}")
    case = prepare_case(place, COUNTS[LARGE], size_of(times))
    names = ["floor", "ours", *(["fair_script"] if arguments.peers else [])]
    with start_contenders(names, place, peers=arguments.peers, threads=arguments.threads) as started:
        medians = {name: row.median for name, row in time_in_turn(started, arguments.runs).items()}
    tables.print_size(times, case, medians)
    return {"times": times, "shape_zyx": case.image.shape, "seconds": medians}


def _run_repeats(times: int, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """So many small cases, one after another in one process."""
    name = next(iter(COUNTS))
    prepare_case(folder / name, COUNTS[name])
    with start_contenders(["ours"], folder / name, peers=arguments.peers, threads=arguments.threads) as started:
        started["ours"].ask("time")
        answers = [started["ours"].ask("time") for _ in range(times)]
    row = {
        "times": times,
        "seconds_a_case": sum(one["seconds"] for one in answers) / times,
        "extra_mb": max(one["extra_mb"] for one in answers),
    }
    tables.print_repeats(row)
    return row


if __name__ == "__main__":
    main()
