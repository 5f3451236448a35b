"""A release as a manifest for training: a line for each finding with the addresses of its arrays, read without us.

`findings.jsonl` names, for each finding, the Zarr arrays of its scan's volume (z, y, x; int16 HU) and of its labels
(finding, z, y, x), its place on the first axis, boxes of its entities in voxels [i, j, k], the CT's affine, and what
voxels without a label mean: `confirmed` negative, or `unknown`.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest.exports.folder import close_folder, open_folder
from ingest.exports.nnunet import may_be_incomplete
from ingest.exports.released import Drawn, Released, ReleasedFinding, ReleasedScan
from ingest.files import written
from schema.arrays.box import Box
from schema.arrays.store import ArrayStore
from schema.scan import VolumeStorage

FORM = "training"


def export_training(released: Released, store: ArrayStore, out: Path, progress: Callable[[int, int], None]) -> None:
    """Write OUT/findings.jsonl; the arrays stay where they are.

    Raises:
        SourceError: the folder holds something else.
    """
    folder = open_folder(out, released, FORM)
    with written(folder / "findings.jsonl") as partial, partial.open("w", encoding="utf-8") as file:
        for n, scan in enumerate(released.scans, 1):
            for line in _lines(scan, store):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
            progress(n, len(released.scans))
    close_folder(folder, released, FORM)


def _lines(scan: ReleasedScan, store: ArrayStore) -> Iterator[dict[str, Any]]:
    for finding in scan.findings:
        yield {**_scan(scan, store), **_finding(finding), **(_labels(finding.drawn, store) if finding.drawn else {})}


def _scan(scan: ReleasedScan, store: ArrayStore) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "scan": scan.name,
        "patient": scan.patient,
        "split": scan.split,
        "shapeVox": list(scan.shape_vox),
    }
    if (volume := scan.volume) is not None:
        copied = volume.storage is VolumeStorage.COPY
        facts |= {
            "volume": store.address("volumes", volume.digest) if copied else volume.source_path,
            "volumeForm": "zarr" if copied else "nifti",
            "spacingMm": list(volume.spacing_mm),
            "affineRas": volume.affine_ras.tolist(),
        }
    return facts


def _finding(finding: ReleasedFinding) -> dict[str, Any]:
    names = ("index", "text", "category", "present")
    return {"finding": str(finding.id), **{name: getattr(finding, name) for name in names}}


def _labels(drawn: Drawn, store: ArrayStore) -> dict[str, Any]:
    runs = drawn.read(store)
    boxes = {int(label): runs.select(int(label)).box_zyx() for label in runs.labels()}
    return {
        "labels": store.address(drawn.area, drawn.digest),
        "labelsIndex": drawn.index,
        "policy": str(drawn.policy) if drawn.policy_limit is None else f"{drawn.policy} {drawn.policy_limit}",
        "unlabelled": "unknown" if may_be_incomplete(drawn) else "confirmed",
        "voxels": drawn.voxels,
        "boxesVox": {str(label): _box_vox(box) for label, box in boxes.items() if box},
    }


def _box_vox(box: Box) -> dict[str, list[int]]:
    return {"min": list(box[0][::-1]), "max": list(box[1][::-1])}
