"""Printing what was measured."""

from collections.abc import Iterable, Mapping

from benchmarks.geometry.case import Case
from benchmarks.geometry.timing import Timed
from benchmarks.geometry.values import CORE


def print_case(name: str, case: Case, entities: int, timed: Mapping[str, Timed]) -> None:
    """Times and memory of every contender, and how many quantities of the core set it lacks."""
    findings, *shape = case.labels.shape
    megabytes = (case.labels.nbytes + case.image.nbytes) / 1e6
    shown = "x".join(map(str, shape[::-1]))
    print_lines([f"\nCase {name}: {findings} findings, {entities} entities in {shown}, {megabytes:,.0f} MB"])
    print_lines([f"{'':14s}{'seconds':>10s}{'of ours':>10s}{'floors':>10s}{'extra MB':>10s}{'runs':>6s}{'lacks':>7s}"])
    for who, row in timed.items():
        ours, floors = row.median / timed["ours"].median, row.median / timed["floor"].median
        counts = f"{len(row.seconds):6d}{len(row.lacks):7d}"
        print_lines([f"{who:14s}{row.median:10.3f}{ours:10.2f}{floors:10.1f}{row.extra_mb:10.1f}{counts}"])


def print_differences(timed: Mapping[str, Timed]) -> None:
    """The greatest difference of each quantity from ours; `=` where there is none, `-` where it is lacking."""
    shown = {who: row.differences for who, row in timed.items() if row.differences}
    if shown:
        print_lines(["\ngreatest difference from ours", " " * 18 + "".join(f"{who:>14s}" for who in shown)])
        for name in CORE:
            print_lines([f"{name:18s}" + "".join(f"{_difference(each.get(name)):>14s}" for each in shown.values())])


def _difference(value: float | None) -> str:
    if value is None:
        return "-"
    return "=" if value == 0 else f"{value:.1e}"


def print_parts(seconds: Mapping[str, float]) -> None:
    """What each quantity of the full set costs."""
    print_lines(["\nthe full set from the store, part by part (what parts share counts to the first that needs it)"])
    print_lines([f"{name:28s}{value:8.3f} s" for name, value in seconds.items()])
    print_lines([f"{'together':28s}{sum(seconds.values()):8.3f} s\n"])


def print_size(times: int, case: Case, medians: Mapping[str, float]) -> None:
    """Times of a case at one size."""
    shape = "x".join(map(str, case.image.shape[::-1]))
    figures = "  ".join(f"{who} {seconds:.4f} s" for who, seconds in medians.items())
    print_lines([f"{times:4d}x the voxels, {shape:12s} {figures}"])


def print_repeats(row: Mapping[str, float]) -> None:
    """Times of many cases in a row."""
    print_lines([f"{row['times']:4d} cases in a row: {row['seconds_a_case']:.4f} s a case, {row['extra_mb']:.1f} MB"])


def print_lines(lines: Iterable[str]) -> None:
    """Print lines at once, whoever reads them."""
    for line in lines:
        print(line, flush=True)  # noqa: T201
