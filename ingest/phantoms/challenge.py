"""A second release over the same volumes, as the challenge's is over the paper's.

It holds the first one's clean scans and more: further val scans with masks, further test scans without. Three train
scans differ from the first release, one in a text, one in a category, one in the order of its findings; the masks
therefore lie in a folder of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ingest.nifti_files import encode_nifti, write_bytes
from ingest.phantoms.cases import Case, write_case, write_release
from ingest.phantoms.faults import change_finding
from ingest.phantoms.plan import SECOND_NUMBERS, plan_extra, take_scan
from ingest.phantoms.scan import MASKS, PhantomScan
from ingest.phantoms.solids import Point
from ingest.phantoms.truth import Change, PlantedFault, SecondImport, TrueScan

SECOND_JSON_NAME = "MICCAI_challenge_dataset.json"
SECOND_MASKS = "MICCAI_challenge_segmentations"

Revision = tuple[PhantomScan, Change]


def write_extras(folder: Path, scans: int, seed: int, shape: tuple[int, int, int], spacing_mm: Point) -> list[Case]:
    """Scans that only the second release has: an eighth of `scans`, at least two, for val and for test each."""
    count = max(2, scans // 8)
    names = [f"valid_{SECOND_NUMBERS + n}_a_1.nii.gz" for n in range(2 * count)]
    plans = [
        plan_extra(name, "val" if n < count else "test", seed, shape=shape, spacing_mm=spacing_mm)
        for n, name in enumerate(names)
    ]
    return [withhold(folder, write_case(folder, plan)) for plan in plans]


def withhold(folder: Path, case: Case) -> Case:
    """Take a further scan's mask out of the first release: into the second one for val, away for test."""
    mask = folder / MASKS / case.truth.name
    if case.plan.split == "test":
        mask.unlink()
        findings = tuple(replace(finding, side=None, entities=()) for finding in case.truth.findings)
        return replace(case, truth=replace(case.truth, findings=findings))
    (folder / SECOND_MASKS).mkdir(exist_ok=True)
    mask.rename(folder / SECOND_MASKS / case.truth.name)
    return case


def write_second_release(folder: Path, clean: Sequence[Case], extras: Sequence[Case]) -> SecondImport:
    """Write the second JSON and its masks next to a first release whose clean cases are given."""
    (folder / SECOND_MASKS).mkdir(exist_ok=True)
    for case in clean:
        shutil.copyfile(folder / MASKS / case.truth.name, folder / SECOND_MASKS / case.truth.name)
    several = [case for case in clean if case.plan.split == "train" and len(case.truth.findings) > 1]
    revised = dict(revise_case(folder, case, revise) for case, revise in zip(several, REVISIONS, strict=False))
    cases = [revised[case.truth.name][0] if case.truth.name in revised else case for case in clean]
    write_release(folder / SECOND_JSON_NAME, [*cases, *extras])
    changes = [change for _, change in revised.values()]
    return SecondImport(
        scans=tuple(case.truth for case in [*cases, *extras]),
        unchanged=tuple(case.truth.name for case in clean if case.truth.name not in revised),
        new=tuple(case.truth.name for case in extras),
        changes=tuple(changes),
        faults=tuple(as_fault(change) for change in changes if change.kind != "order"),
    )


def revise_case(folder: Path, case: Case, revise: Callable[[PhantomScan], Revision]) -> tuple[str, tuple[Case, Change]]:
    """A case as the second release has it, its mask rewritten, by the name of its scan."""
    scan, change = revise(take_scan(case.plan))
    write_bytes(folder / SECOND_MASKS / scan.name, encode_nifti(scan.mask()))
    truth: TrueScan = scan.truth()
    return scan.name, (replace(case, entries=(scan.entry(),), truth=truth), change)


def reword(scan: PhantomScan) -> Revision:
    """Another text for finding 1."""
    finding = scan.findings[1]
    text = f"{finding.text}, as described again for the second release"
    change = Change("text", scan.name, 1, finding.text, text)
    return change_finding(scan, 1, replace(finding, text=text)), change


def recategorise(scan: PhantomScan) -> Revision:
    """Another category for finding 0."""
    finding = scan.findings[0]
    category = "2c" if finding.category == "2h" else "2h"
    change = Change("category", scan.name, 0, finding.category, category)
    return change_finding(scan, 0, replace(finding, category=category)), change


def reverse(scan: PhantomScan) -> Revision:
    """The findings, and the channels with them, in the opposite order."""
    before = list(range(len(scan.findings)))
    change = Change("order", scan.name, None, str(before), str(before[::-1]))
    return replace(scan, findings=scan.findings[::-1]), change


def as_fault(change: Change) -> PlantedFault:
    """A change as the fault an import reports; a new order alone changes no finding, so it is none."""
    note = f"{change.kind}: {change.before!r} became {change.after!r}"
    return PlantedFault("changed_since", "warning", change.scan, change.finding, SECOND_JSON_NAME, note)


REVISIONS: tuple[Callable[[PhantomScan], Revision], ...] = (reword, recategorise, reverse)
