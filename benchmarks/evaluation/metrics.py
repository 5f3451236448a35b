"""Every metric of the settings `groundct` beside the smaller sets of panoptica and surface-distance.

    python -m benchmarks.evaluation.metrics --peers PYTHON [--cases A B C] [--runs 3] [--folder DIR] [--json FILE]

The same arrays in memory for all, each in a process of its own, one after another, in turn; medians, and the first run
of each is not counted. Loading is not counted. A peer that takes longer than --limit seconds begins no further finding,
and its time is that of the findings it did; then ours is not compared by time. Values are compared where definitions
agree. Exits with 1 where a promise is missed or a value differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.evaluation.cases import COUNTS, prepare_pair

PROMISES = {"panoptica": 3, "surface_distance": 8}
"""Times as fast as each."""
SAME = {
    "panoptica": {
        **{name: name for name in ("global_dice", "global_iou", "tp")},
        "hd95_mm": "hd95_pooled_voxels",
        "assd_mm": "mean_of_means_voxels",
    },
    "surface_distance": {"global_dice": "global_dice"},
}
"""Fields whose definitions agree, theirs and ours.

Of whole findings panoptica 2.1.7 tells distances in voxels, whatever spacing it is given; its HD95 is pooled, and its
ASSD is the mean of the two directed means, where ours is that of all distances. surface-distance weighs everything but
Dice by the area of surface elements.
"""


def main() -> None:
    """Run everything and print it."""
    arguments = _parse()
    document, missed = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for name in arguments.cases:
            prepare_pair(folder, name)
            answers = _time(folder / name, arguments)
            document[name] = {
                who: {**rows[-1], "seconds": median(row["seconds"] for row in rows)} for who, rows in answers.items()
            }
            lines = list(_judge(name, document[name]))
            print("\n".join(line for _, line in lines))  # noqa: T201
            missed += [line for holds, line in lines if not holds]
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1))
    sys.exit(bool(missed))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="the Python of requirements-evaluation.txt")
    parser.add_argument("--cases", nargs="*", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--folder", type=Path, help="where the cases are kept; else they are made anew")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _time(folder: Path, arguments: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Ask everybody in turn; the answers of the first round are not counted, but for those over the limit."""
    commands = {"ours": [sys.executable, "-m", "benchmarks.evaluation.ours", str(folder)]}
    for name in PROMISES:
        command = [str(arguments.peers), "-m", f"benchmarks.evaluation.{name}_", str(folder), str(arguments.limit)]
        commands[name] = command
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    with ExitStack() as stack:
        asked = {name: stack.enter_context(_process(command)) for name, command in commands.items()}
        for _ in range(arguments.runs + 1):
            for name, process in asked.items():
                if not answers[name] or answers[name][0]["seconds"] <= arguments.limit:
                    answers[name].append(_ask(process))
    return {name: rows[1:] or rows for name, rows in answers.items()}


@contextmanager
def _process(command: list[str]) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin  # noqa: S101 - it is a pipe
        process.stdin.close()


def _ask(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdin  # noqa: S101 - both are pipes
    assert process.stdout  # noqa: S101
    process.stdin.write("\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def _judge(case: str, rows: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    ours = rows["ours"]
    yield True, f"{case}: ours {ours['seconds']:.2f} s for {len(ours['values'])} findings"
    for name, times in PROMISES.items():
        peer = rows[name]
        done, ratio = len(peer["values"]), peer["seconds"] / ours["seconds"]
        part = "" if done == len(ours["values"]) else f", of which only {done} findings were done: at least"
        holds = ratio >= times
        yield (
            holds,
            f"{case}: {name} {peer['seconds']:.2f} s{part} {ratio:.1f} times ours ({times} promised: {_word(holds)})",
        )
        fields = SAME[name]
        pairs = zip(ours["values"], peer["values"], strict=False)
        off = max(_difference(a[own], b[theirs]) for a, b in pairs for theirs, own in fields.items())
        yield off < 1e-4, f"{case}: {name} differs by up to {off:.1e} in {', '.join(fields)}"


def _difference(one: float, other: float) -> float:
    """Relative where they are large, absolute where they are small."""
    return abs(one - other) / max(1.0, abs(one), abs(other))


def _word(holds: bool) -> str:
    return "holds" if holds else "MISSED"


if __name__ == "__main__":
    main()
