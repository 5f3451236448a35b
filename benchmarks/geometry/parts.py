"""What each quantity of the full set costs, in the order in which a job measures them.

What several of them share (boxes, histograms) is charged to the first that asks for it.
"""

from benchmarks.geometry.case import Case
from benchmarks.geometry.ours_store import open_case
from compute.geometry import DEFAULTS
from compute.quantities import FULL, DrawnFinding
from ingest.timing import Stopwatch


def time_parts(case: Case) -> dict[str, float]:
    """Seconds of reading a case's runs from the store, and of each quantity over all of its findings."""
    watch = Stopwatch()
    with watch("open the volume"):
        frame, findings = open_case(case)
    for runs in watch.each("read the runs", findings):
        if len(runs):
            finding = DrawnFinding(runs, case.labels.shape[1:], frame, DEFAULTS)
            for quantity in FULL:
                with watch(getattr(quantity, "__name__", repr(quantity))):
                    quantity(finding)
    return dict(watch.seconds)
