"""Phantom datasets with known answers, in the layout of ReXGroundingCT: for the demo, for tests and for benchmarks.

`make_dataset` writes a whole one, `make_scan` gives one scan in memory, `write_large_case` one of published size.
Everything depends on its seed alone. Neither database nor settings are known here, and no real text or voxel is used.
"""

from ingest.phantoms.challenge import SECOND_JSON_NAME, SECOND_MASKS
from ingest.phantoms.dataset import EXPECTED_NAME, SCANS, make_dataset
from ingest.phantoms.faults import FAULTS, JSON_NAME, KINDS_PLANTED, Fault, write_bad_json
from ingest.phantoms.large import write_large_case
from ingest.phantoms.lesions import CODES
from ingest.phantoms.reports import REPORTS_NAME
from ingest.phantoms.scan import MASKS, VOLUMES, PhantomFinding, PhantomScan, write_scan
from ingest.phantoms.study import SHAPE, SPACING_MM, make_scan
from ingest.phantoms.tables import ABNORMALITIES, ABNORMALITIES_NAME, METADATA_NAME
from ingest.phantoms.truth import (
    Change,
    Expected,
    PaintedTissue,
    PlantedFault,
    SecondImport,
    TrueEntity,
    TrueFinding,
    TrueScan,
)

__all__ = [
    "ABNORMALITIES",
    "ABNORMALITIES_NAME",
    "CODES",
    "EXPECTED_NAME",
    "FAULTS",
    "JSON_NAME",
    "KINDS_PLANTED",
    "MASKS",
    "METADATA_NAME",
    "REPORTS_NAME",
    "SCANS",
    "SECOND_JSON_NAME",
    "SECOND_MASKS",
    "SHAPE",
    "SPACING_MM",
    "VOLUMES",
    "Change",
    "Expected",
    "Fault",
    "PaintedTissue",
    "PhantomFinding",
    "PhantomScan",
    "PlantedFault",
    "SecondImport",
    "TrueEntity",
    "TrueFinding",
    "TrueScan",
    "make_dataset",
    "make_scan",
    "write_bad_json",
    "write_large_case",
    "write_scan",
]
