"""What commands print: JSON and results on stdout, progress on stderr."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.faults import FaultDraft

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
errors = Console(stderr=True, highlight=False)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


def print_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar on stderr; where stderr is no terminal, a line every ten seconds. A total of None is unknown."""
    if not errors.is_terminal:
        yield _line_by_line(what)
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _line_by_line(what: str) -> Callable[[int, int | None], None]:
    last = time.monotonic()

    def tell(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= 10:
            last = time.monotonic()
            click.echo(f"{what}: {done}" if total is None else f"{what}: {done} of {total}", err=True)

    return tell


def counted(number: int, noun: str) -> str:
    """Write a number with its noun, in the plural where it needs one."""
    plural = f"{noun[:-1]}ies" if noun.endswith("ty") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def file_size(size: float) -> str:
    """Write bytes as people read them."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def print_faults(faults: Iterable[FaultDraft]) -> None:
    """Print what was wrong, one line a fault."""
    for one in faults:
        where = " ".join(part for part in (one.scan, one.finding is not None and f"finding {one.finding}") if part)
        place = f" [{one.path}]" if one.path else ""
        line = f"{one.severity}  {one.kind}  {where and f'{where}: '}{one.message}; {one.remedy}{place}"
        console.print(line, soft_wrap=True, markup=False)
