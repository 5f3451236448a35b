"""A release in the ReXGroundingCT layout: `dataset.json` and 4D masks, as others read it and as it comes in again.

Published counts are the ones that the release declares; the true ones stand in `counts.csv`. What the layout has no
place for stands in each case under the key `groundct`, which other readers pass by.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest.exports.folder import close_folder, open_folder
from ingest.exports.released import Released, ReleasedFinding, ReleasedScan
from ingest.files import write_json, written
from ingest.nifti_files import write_mask
from schema.annotation import AnnotationPolicy
from schema.arrays.store import ArrayStore

FORM = "rexgroundingct"
COUNTS = ("scan", "finding", "declared_entities", "entities", "declared_voxels", "voxels")


def export_rexgroundingct(
    released: Released, store: ArrayStore, out: Path, progress: Callable[[int, int], None]
) -> None:
    """Write OUT/dataset.json, OUT/segmentations/ and OUT/counts.csv; a mask that is there already is not written again.

    A scan of which not every finding is drawn, or to be shown, is a case without counts and without a mask.

    Raises:
        SourceError: the folder holds something else.
    """
    folder = open_folder(out, released, FORM)
    masks = [scan for scan in released.scans if scan.drawn]
    for n, scan in enumerate(masks, 1):
        path = folder / "segmentations" / f"{scan.name}.nii.gz"
        if not path.exists():
            write_mask(path, [finding.drawn.read(store) for finding in scan.findings if finding.drawn])
        progress(n, len(masks))
    _write_counts(folder / "counts.csv", released)
    write_json(folder / "dataset.json", _dataset(released))
    close_folder(folder, released, FORM)


def _dataset(released: Released) -> dict[str, list[dict[str, Any]]]:
    splits: dict[str, list[dict[str, Any]]] = {name: [] for name in ("train", "val", "test")}
    for scan in released.scans:
        splits.setdefault(scan.split, []).append(_case(scan))
    return splits


def _case(scan: ReleasedScan) -> dict[str, Any]:
    case: dict[str, Any] = {"name": f"{scan.name}.nii.gz", "findings": _by_index(scan, lambda f: f.text)}
    if scan.drawn:
        case |= _counts(scan, "entity_counts", "declared_entities") | _counts(scan, "pixels", "declared_voxels")
    case["shape"] = list(scan.shape_vox)
    if all(finding.category for finding in scan.findings):
        case["categories"] = _by_index(scan, lambda f: f.category)
    if scan.protocol is not None:
        case["protocol"] = scan.protocol
    if more := _more(scan):
        case["groundct"] = more
    return case


def _by_index(scan: ReleasedScan, value: Callable[[ReleasedFinding], Any]) -> dict[str, Any]:
    return {str(finding.index): value(finding) for finding in scan.findings}


def _counts(scan: ReleasedScan, key: str, name: str) -> dict[str, Any]:
    counts = _by_index(scan, lambda finding: getattr(finding.drawn, name))
    return {key: counts} if all(count is not None for count in counts.values()) else {}


def _more(scan: ReleasedScan) -> dict[str, Any]:
    """Give what the layout has no place for, by finding, where it is not what a reader would take it to be."""
    usual = AnnotationPolicy.of_protocol(scan.protocol)
    more: dict[str, dict[str, Any]] = {"present": {}, "refers_to_prior": {}, "policy": {}, "categories": {}}
    some_without = any(finding.category is None for finding in scan.findings)
    for finding in scan.findings:
        if finding.category and some_without:
            more["categories"][str(finding.index)] = finding.category
        if not finding.present:
            more["present"][str(finding.index)] = False
        if finding.refers_to_prior is not None:
            more["refers_to_prior"][str(finding.index)] = finding.refers_to_prior
        if finding.drawn and (policy := AnnotationPolicy(finding.drawn.policy, finding.drawn.policy_limit)) != usual:
            more["policy"][str(finding.index)] = str(policy)
    return {name: values for name, values in more.items() if values}


def _write_counts(path: Path, released: Released) -> None:
    with written(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COUNTS)
        writer.writerows(_count_rows(released))


def _count_rows(released: Released) -> Iterator[tuple[Any, ...]]:
    for scan in released.scans:
        for finding in scan.findings:
            if (drawn := finding.drawn) is not None:
                counts = (drawn.declared_entities, drawn.entities, drawn.declared_voxels, drawn.voxels)
                yield scan.name, finding.index, *counts
