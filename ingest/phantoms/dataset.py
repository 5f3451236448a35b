"""A whole phantom dataset in a folder, in the layout of ReXGroundingCT.

`dataset.json`, `segmentations/`, `volumes/`, three tables, `expected.json` with the truth; and a second release,
`MICCAI_challenge_dataset.json` with `MICCAI_challenge_segmentations/`, that shares scans with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from ingest.phantoms.cases import Case, write_case, write_release
from ingest.phantoms.challenge import write_extras, write_second_release
from ingest.phantoms.faults import FAULTS, JSON_NAME, KINDS_PLANTED, Fault
from ingest.phantoms.plan import FAULT_NUMBERS, ScanPlan, plan_extra, plan_scan
from ingest.phantoms.reports import REPORTS_NAME
from ingest.phantoms.solids import Point
from ingest.phantoms.study import SHAPE, SPACING_MM
from ingest.phantoms.tables import ABNORMALITIES_NAME, METADATA_NAME, write_table
from ingest.phantoms.truth import Expected

EXPECTED_NAME = "expected.json"
SCANS = 24


def make_dataset(
    folder: Path,
    *,
    scans: int = SCANS,
    seed: int = 0,
    faults: bool | Collection[str] = True,
    second: bool = True,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: Point = SPACING_MM,
    on_scan: Callable[[str], None] | None = None,
) -> Expected:
    """Write a phantom dataset and return the truth, which `expected.json` holds too.

    `scans` clean scans come first and are the same with and without faults; the faulty ones, one for each planted
    place, stand after them. `faults` may name the kinds that are wanted; ValueError for one that cannot be planted.
    `on_scan` hears the name of each scan once it is written.
    """
    kinds = choose_kinds(faults)
    plans = [plan_scan(n, seed, shape=shape, spacing_mm=spacing_mm) for n in range(scans)]
    clean = [write_told(folder, plan, None, on_scan) for plan in plans]
    faulty = [write_told(folder, plan, fault, on_scan) for plan, fault in plan_faults(kinds, seed, shape, spacing_mm)]
    extras = write_extras(folder, scans, seed, shape, spacing_mm) if second else []
    write_release(folder / JSON_NAME, [*clean, *faulty])
    write_tables(folder, [*clean, *faulty, *extras])
    expected = Expected(
        seed=seed,
        scans=tuple(case.truth for case in [*clean, *faulty]),
        faults=tuple(case.fault for case in faulty if case.fault),
        second=write_second_release(folder, clean, extras) if second else None,
    )
    expected.write(folder / EXPECTED_NAME)
    return expected


def choose_kinds(faults: bool | Collection[str]) -> frozenset[str]:
    """The kinds of fault to plant: all of them, none, or those named."""
    if isinstance(faults, bool):
        return KINDS_PLANTED if faults else frozenset()
    if unknown := set(faults) - KINDS_PLANTED:
        raise ValueError(f"cannot plant {sorted(unknown)}; choose from {sorted(KINDS_PLANTED)}")
    return frozenset(faults)


def plan_faults(
    kinds: Collection[str], seed: int, shape: tuple[int, int, int], spacing_mm: Point
) -> Iterator[tuple[ScanPlan, Fault | None]]:
    """Plans of the faulty scans; the number of a fault's patient does not hang on which others are planted."""
    for n, fault in enumerate(FAULTS):
        if fault.kind not in kinds:
            continue
        patient = f"train_{FAULT_NUMBERS + n}"
        if fault.kind == "patient_in_two_splits":
            sibling = f"{patient}_b_1.nii.gz"
            yield plan_extra(sibling, "train", seed, fault.categories, shape=shape, spacing_mm=spacing_mm), None
        name = f"{patient}_a_1.nii.gz"
        yield plan_extra(name, fault.split, seed, fault.categories, shape=shape, spacing_mm=spacing_mm), fault


def write_told(folder: Path, plan: ScanPlan, fault: Fault | None, tell: Callable[[str], None] | None) -> Case:
    """Write a case and say so."""
    case = write_case(folder, plan, fault)
    if tell:
        tell(plan.name)
    return case


def write_tables(folder: Path, cases: Sequence[Case]) -> None:
    """Write the metadata and the abnormality labels of all scans, and the reports of their studies."""
    write_table(folder / METADATA_NAME, [case.metadata for case in cases])
    write_table(folder / ABNORMALITIES_NAME, [case.abnormalities for case in cases])
    reports = {case.plan.study: case.report for case in reversed(cases)}
    write_table(folder / REPORTS_NAME, [reports[study] for study in sorted(reports)])
