"""GroundCT from its array store: the full set, each finding's runs and each entity's HU read as a job reads them."""

import json
from collections.abc import Iterator

from benchmarks.geometry.case import Case
from benchmarks.geometry.ours import as_values, frame_in_memory, measure_runs
from benchmarks.geometry.values import Values
from compute.geometry import kernel_runs
from compute.jobs.frames import open_frame
from compute.kernels.runs import Runs, label_runs
from compute.quantities import FULL, ScanFrame
from schema.arrays.store import ArrayStore
from schema.identity import scan_id
from schema.scan import Volume, VolumeStorage

LACKS: tuple[str, ...] = ()
MAPPED = True
"""It reads the store: the case's arrays need not be loaded."""


def measure(case: Case) -> list[Values]:
    """Measure the full set of every entity."""
    frame, findings = open_case(case)
    shape = case.labels.shape[1:]
    found = (measure_runs(runs, shape, frame, FULL) for runs in findings)
    return [as_values(n, one) for n, entities in enumerate(found) for one in entities]


def open_case(case: Case) -> tuple[ScanFrame, Iterator[Runs]]:
    """The frame and the runs of each finding: from the store, or from memory for a case that is nowhere else."""
    if case.folder is None:
        return frame_in_memory(case), map(label_runs, case.labels)
    kept = json.loads((case.folder / "stored.json").read_text())
    store = ArrayStore(str(case.folder / "arrays"))
    runs = (kernel_runs(store.read_runs(kept["labels"], "labels", n)) for n in range(len(case.labels)))
    return open_frame(as_volume(case, kept), store), runs


def as_volume(case: Case, kept: dict[str, str]) -> Volume:
    """The row that an import would have written."""
    return Volume(
        scan_id=scan_id("benchmark", "case"),
        storage=VolumeStorage.COPY,
        digest=kept["volume"],
        spacing_mm=list(case.spacing_zyx_mm[::-1]),
        affine_ras=case.affine_ras.ravel().tolist(),
        orientation="LPS",
        hu_min=-1024,
        hu_max=3071,
        body_midline_lps_mm=0.0,
        body_outline=bytes.fromhex(kept["body_outline"]),
    )
