"""One contender in a process of its own: `python -m benchmarks.geometry.process CONTENDER FOLDER`.

It loads the case, imports and compiles on a tiny one, then waits: each line that comes in is answered by a line of
JSON. `time` gives the seconds and the extra memory of one measurement, `values` what was measured last, `lacks` the
quantities that the contender does not have.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.geometry.case import Case, load_case, tiny_case
from benchmarks.geometry.values import Values


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    contender, folder = sys.argv[1:]
    module = importlib.import_module(f"benchmarks.geometry.{contender}")
    case = load_case(Path(folder), mode="r" if hasattr(module, "MAPPED") else None)
    module.measure(tiny_case())
    session = Session(module, case)
    for line in sys.stdin:
        print(json.dumps(session.answer(line.strip())), file=answers, flush=True)


class Session:
    """A contender with its case, and what it measured last."""

    def __init__(self, contender: Any, case: Case) -> None:
        self.contender = contender
        self.case = case
        self.values: list[Values] = []

    def answer(self, question: str) -> Any:
        """Answer one question."""
        if question == "time":
            return self.time_once()
        return self.values if question == "values" else list(self.contender.LACKS)

    def time_once(self) -> dict[str, float]:
        """Seconds of one measurement, and the most memory it had beyond what the process held before, in MB."""
        before = reset_peak()
        start = time.perf_counter()
        self.values = self.contender.measure(self.case)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "extra_mb": (status_kb("VmHWM") - before) / 1e3}


def reset_peak() -> int:
    """Let the kernel count this process's peak memory anew; gives what it holds now, in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return status_kb("VmRSS")


def status_kb(name: str) -> int:
    """A line of this process's status, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
