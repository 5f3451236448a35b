"""300 cases of real size through the command in one run: time, and the peak memory of a worker.

    python -m benchmarks.evaluation.many [--cases 300] [--workers 2] [--folder DIR]

The three kinds of cases of 512 x 512 x 300 stand under that many names, by links. Exits with 1 where a worker needs
1.5 GB or more, or a case could not be scored.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import psutil

from benchmarks.evaluation.cases import COUNTS, write_files

LIMIT_MB = 1500


def main() -> None:
    """Run it and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the cases are kept; else they are made anew")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        _link(root, arguments.folder or root / "cases", arguments.cases)
        command = [sys.executable, "-m", "cli.main", "evaluate", "--dataset_json", str(root / "dataset.json"), "--json"]
        for flag, name in (("--gt_dir", "truths"), ("--pred_dir", "predictions"), ("--output_json", "out.json")):
            command += [flag, str(root / name)]
        command += ["--metadata", str(root / "metadata.csv"), "--num_workers", str(arguments.workers)]
        start = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with process, _watched(process.pid) as peaks:
            output, _ = process.communicate()
        seconds = perf_counter() - start
    result = json.loads(output)
    print(  # noqa: T201
        f"{result['summary']['total_cases']} cases, {result['summary']['total_findings']} findings: {seconds:.0f} s, "
        f"{seconds / arguments.cases:.2f} s a case with {arguments.workers} workers; peak memory of a process "
        f"{max(peaks.values()):.0f} MB (limit {LIMIT_MB})"
    )
    sys.exit(max(peaks.values()) >= LIMIT_MB or result["summary"]["total_cases"] != arguments.cases)


def _link(root: Path, folder: Path, cases: int) -> None:
    pairs = [write_files(folder, name) for name in COUNTS]
    names = [f"train_{n}_a_1.nii.gz" for n in range(cases)]
    for place in ("truths", "predictions"):
        (root / place).mkdir()
    for n, name in enumerate(names):
        for place, path in zip(("truths", "predictions"), pairs[n % len(pairs)], strict=True):
            (root / place / name).symlink_to(path.resolve())
    categories = {str(finding): "2d" for finding in range(13)}
    entries = [{"seg_path": name, "protocol": "test", "categories": categories} for name in names]
    (root / "dataset.json").write_text(json.dumps({"test": entries}))
    rows = "".join(f'{name},"[0.7, 0.7]",1.0\n' for name in names)
    (root / "metadata.csv").write_text("VolumeName,XYSpacing,ZSpacing\n" + rows)


class _watched:  # noqa: N801 - used as a function
    """The greatest resident memory of a process and of each of its children, in MB, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self.process, self.ended, self.peaks = psutil.Process(pid), Event(), {0: 0.0}
        self.thread = Thread(target=self._watch)

    def __enter__(self) -> dict[int, float]:
        self.thread.start()
        return self.peaks

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.ended.wait(0.1):
            try:
                for one in (self.process, *self.process.children(recursive=True)):
                    self.peaks[one.pid] = max(self.peaks.get(one.pid, 0), one.memory_info().rss / 1e6)
            except psutil.Error:
                continue


if __name__ == "__main__":
    main()
