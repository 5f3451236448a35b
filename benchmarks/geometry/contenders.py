"""Who is measured: each a module of this package, run by the environment that holds what it needs."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import IO, Any, cast

from benchmarks.geometry.threads import ONE_THREAD, VARIABLE

OURS = ("floor", "ours", "ours_store")
"""Run by GroundCT's environment, as are their threads."""
PEERS = ("fair_script", "scikit_image", "simpleitk", "cc3d_", "pyradiomics_")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Contender:
    """A process that has loaded a case and waits to be asked."""

    name: str
    process: "subprocess.Popen[bytes]"

    def ask(self, question: str) -> Any:
        """Put a question to it and wait for its answer; ChildProcessError where it has ended."""
        questions, answers = cast("tuple[IO[bytes], IO[bytes]]", (self.process.stdin, self.process.stdout))
        questions.write(f"{question}\n".encode())
        questions.flush()
        line = answers.readline()
        if not line:
            raise ChildProcessError(f"{self.name} ended: see its words above")
        return json.loads(line)


@contextmanager
def start_contenders(
    names: Sequence[str], case: Path, *, peers: Path, threads: int = 1
) -> Iterator[Mapping[str, Contender]]:
    """Start contenders on a case, one after another, and end them with the block."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_started(name, case, peers, threads)) for name in names}


@contextmanager
def _started(name: str, case: Path, peers: Path, threads: int) -> Iterator[Contender]:
    python = sys.executable if name in OURS else str(peers)
    command = [python, "-m", "benchmarks.geometry.process", name, str(case)]
    settings = {**environ, **ONE_THREAD, VARIABLE: str(threads)}
    with subprocess.Popen(command, cwd=ROOT, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        contender = Contender(name, process)
        contender.ask("lacks")  # it answers once it has loaded and compiled
        yield contender
        cast("IO[bytes]", process.stdin).close()
