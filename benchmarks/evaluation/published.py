"""The full instance mode, files in to JSON out, on one core: the settings `rexrank` beside the published algorithm.

    python -m benchmarks.evaluation.published [--cases A B C] [--limit 120] [--folder DIR] [--json FILE]

The published algorithm is the plain one of the tests, written from its description: every pair's Dice on whole
volumes. It runs finding by finding; beyond --limit seconds no further finding is begun, and its time is extrapolated
by the pairs of instances that were done, as most of its time goes there. Ours runs twice, and the second counts.
Exits with 1 where a promise is missed or a value differs.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import nibabel
import numpy as np

from benchmarks.evaluation.cases import COUNTS, write_files
from compute.evaluation.settings import REXRANK
from ingest.predictions.running import EvaluationOptions, Source, evaluate_predictions
from tests.compute.evaluation import published

TIMES = {"A": 20, "B": 100}
"""Times as fast as the published algorithm."""
SECONDS = {"C": 20}
"""At most so long."""


def main() -> None:
    """Run everything and print it."""
    arguments = _parse()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    document, missed = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for name in arguments.cases:
            truth, prediction = write_files(folder, name)
            ours = _ours(truth, prediction)
            plain = _published(truth, prediction, arguments.limit)
            document[name] = {"ours": ours["seconds"], "published": {k: v for k, v in plain.items() if k != "rows"}}
            lines = list(_judge(name, ours, plain))
            print("\n".join(line for _, line in lines), flush=True)  # noqa: T201
            missed += [line for holds, line in lines if not holds]
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=1))
    sys.exit(bool(missed))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", choices=list(COUNTS), default=list(COUNTS))
    parser.add_argument("--limit", type=float, default=120)
    parser.add_argument("--folder", type=Path, help="where the cases are kept; else they are made anew")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _ours(truth: Path, prediction: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for kind, path in (("truths", truth), ("predictions", prediction)):
            (root / kind).mkdir()
            (root / kind / "case.nii.gz").symlink_to(path.resolve())
        (root / "dataset.json").write_text(json.dumps({"test": [{"seg_path": "case.nii.gz"}]}))
        source = Source.of_files(root / "dataset.json", root / "truths")
        options = EvaluationOptions(source, root / "predictions", root / "out.json", again=True)
        for _ in range(2):
            start = perf_counter()
            result = evaluate_predictions(options, REXRANK)
            seconds = perf_counter() - start
    return {"seconds": seconds, "rows": list(result["cases"][0]["findings"].values())}


def _published(truth: Path, prediction: Path, limit: float) -> dict[str, Any]:
    start = perf_counter()
    drawn, predicted = (np.asanyarray(nibabel.load(path).dataobj).astype(np.uint8) for path in (truth, prediction))
    loading = perf_counter() - start
    rows: list[dict[str, Any]] = []
    for one, other in zip(drawn, predicted, strict=True):
        if perf_counter() - start > limit:
            break
        rows.append(published.finding(one, other, REXRANK.min_voxels, 2))
    return {"seconds": perf_counter() - start, "loading": loading, "findings": len(rows), "rows": rows}


def _judge(name: str, ours: dict[str, Any], plain: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    done = plain["findings"]
    yield ours["rows"][:done] == plain["rows"], f"{name}: the rows of {done} findings are the same"
    work = [row["num_gt_instances"] * row["num_pred_instances"] for row in ours["rows"]]
    whole = plain["loading"] + (plain["seconds"] - plain["loading"]) * sum(work) / max(1, sum(work[:done]))
    told = (
        f"{plain['seconds']:.1f} s"
        if done == len(work)
        else f"{plain['seconds']:.1f} s for {done} of {len(work)}, so about {whole:.0f} s"
    )
    holds = whole >= TIMES.get(name, 0) * ours["seconds"] and ours["seconds"] <= SECONDS.get(name, float("inf"))
    yield (
        holds,
        f"{name}: ours {ours['seconds']:.2f} s, the published algorithm {told}: {whole / ours['seconds']:.0f} times",
    )


if __name__ == "__main__":
    main()
