"""What was promised of these measurements, and whether it holds."""

from collections.abc import Iterator, Mapping

from benchmarks.geometry.timing import Timed

LARGE = "C"
EXTRA_MB = 50.0
LEAST = (("fair_script", 4.0), ("pyradiomics_", 20.0))
MOST_FLOORS = 8.0
MOST_CORES = 3.0


def iter_promises(case: str, timed: Mapping[str, Timed]) -> Iterator[tuple[bool, str]]:
    """Whether each promise about a case holds, with its figures; only those whose contenders were timed."""
    ours = timed["ours"].median
    for name, least in LEAST:
        if name in timed:
            times = timed[name].median / ours
            yield times >= least, f"core set {times:.1f} times as fast as {name}; at least {least:g} promised"
    if case == LARGE:
        floors = ours / timed["floor"].median
        yield floors <= MOST_FLOORS, f"core set in {floors:.1f} floors; at most {MOST_FLOORS:g} promised"
    extra = timed["ours"].extra_mb
    yield extra < EXTRA_MB, f"core set with {extra:.0f} MB of extra memory; under {EXTRA_MB:g} promised"
    if "ours_store" in timed:
        cores = timed["ours_store"].median / ours
        yield cores <= MOST_CORES, f"full set from the store in {cores:.1f} core sets; at most {MOST_CORES:g} promised"
