"""GroundCT on arrays in memory: the core set. The one place of the benchmarks that knows how it is called."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry.case import Case
from benchmarks.geometry.threads import THREADS
from benchmarks.geometry.values import CORE as COMPARED
from benchmarks.geometry.values import Values
from compute.geometry import DEFAULTS, EntityMeasures
from compute.geometry import measure as measure_entities
from compute.kernels.runs import Runs, label_runs
from compute.quantities import CORE, DrawnFinding, Quantity, ScanFrame
from schema.arrays.box import Box

LACKS: tuple[str, ...] = ()
COLUMNS = {"mesh_area_mm2": "surface_area_mm2", "diameter_mm": "max_diameter_mm"}
"""Our columns, where they are not named as they are compared."""


def measure(case: Case) -> list[Values]:
    """Measure every entity of a case, finding by finding, in as many threads as are asked for."""
    each = partial(_measure_labels, frame=frame_in_memory(case))
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(map(each, case.labels) if THREADS == 1 else pool.map(each, case.labels))
    return [as_values(n, one) for n, entities in enumerate(found) for one in entities]


def _measure_labels(labels: NDArray[np.uint8], frame: ScanFrame) -> list[EntityMeasures]:
    return measure_runs(label_runs(labels), labels.shape, frame, CORE)


def measure_runs(
    runs: Runs, shape_zyx: tuple[int, int, int], frame: ScanFrame, quantities: Sequence[Quantity]
) -> list[EntityMeasures]:
    """Measure the entities of one finding."""
    if not len(runs):
        return []
    return list(measure_entities(DrawnFinding(runs, shape_zyx, frame, DEFAULTS), quantities))


def frame_in_memory(case: Case) -> ScanFrame:
    """A case's CT as its kernels read it; the midline is not measured here."""

    def read(box: Box) -> NDArray[np.int16]:
        (z0, y0, x0), (z1, y1, x1) = box
        return case.image[z0:z1, y0:y1, x0:x1]

    return ScanFrame(read, case.affine_ras, midline_lps_mm=0.0)


def as_values(finding: int, entity: EntityMeasures) -> Values:
    """One entity by the names under which it is compared."""
    boxes = (entity.entity[name] for name in ("box_k", "box_j", "box_i"))
    own = {
        "voxels": entity.entity["voxels"],
        "box_zyx": tuple((box.lower, box.upper) for box in boxes),
        "centroid_zyx": tuple(entity.geometry[f"centroid_{axis}"] for axis in "kji"),
    }
    named = {name: entity.geometry[COLUMNS.get(name, name)] for name in COMPARED if name not in own}
    return cast("Values", {"finding": finding, "label": entity.label, **own, **named})
