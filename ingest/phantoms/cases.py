"""A planned scan written into a dataset's folder, with all that is later said of it: its case, its truth, its rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.nifti_files import write_bytes
from ingest.phantoms.faults import Draft, Fault
from ingest.phantoms.plan import ScanPlan, take_scan
from ingest.phantoms.reports import write_report
from ingest.phantoms.tables import describe_scanner, list_abnormalities
from ingest.phantoms.truth import PlantedFault, TrueScan

Entry = Mapping[str, object]


@dataclass(frozen=True)
class Case:
    """A written scan: the entries it has in the JSON (usually one) and what an import must make of them."""

    plan: ScanPlan
    entries: tuple[Entry, ...]
    truth: TrueScan
    metadata: Entry
    abnormalities: Entry
    report: Entry
    fault: PlantedFault | None = None


def write_case(folder: Path, plan: ScanPlan, fault: Fault | None = None) -> Case:
    """Take a scan, spoil it if asked to, and write its files."""
    scan = take_scan(plan)
    draft = Draft(scan)
    if fault:
        fault.spoil(draft)
    draft.write(folder)
    return Case(
        plan=plan,
        entries=tuple(draft.entries),
        truth=draft.truth(kept=fault is None or fault.keeps),
        metadata=describe_scanner(plan, scan),
        abnormalities=list_abnormalities(plan, scan),
        report=write_report(plan, scan),
        fault=fault.planted(draft.scan.name) if fault else None,
    )


def write_release(path: Path, cases: Iterable[Case]) -> None:
    """Write the JSON of a release: its splits, with their cases in order."""
    splits: dict[str, list[Entry]] = {"train": [], "val": [], "test": []}
    for case in cases:
        splits[case.plan.split].extend(case.entries)
    write_bytes(path, (json.dumps(splits, indent=1, ensure_ascii=False) + "\n").encode())
