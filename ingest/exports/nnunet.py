"""A release as a raw dataset of nnU-Net v2: one label map a scan, its classes the categories, and `splits_final.json`.

Overlaps: a voxel that several findings label is of the smallest of them, by voxels, so that a nodule within a
consolidation stays. Unknown voxels: nnU-Net's ignore label stands wherever nothing is labelled on a scan with a finding
whose annotation may be incomplete, which is one that is `unknown`, or `at_most N` with N entities or more.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.exports.folder import close_folder, open_folder
from ingest.exports.released import Drawn, Released, ReleasedFinding, ReleasedScan
from ingest.files import write_json
from ingest.nifti_files import encode_nifti, write_bytes
from schema.annotation import Policy
from schema.arrays.store import ArrayStore
from schema.errors import SourceError
from schema.scan import VolumeStorage

FORM = "nnunet"
TRAIN = "train"


def export_nnunet(released: Released, store: ArrayStore, out: Path, progress: Callable[[int, int], None]) -> None:
    """Write OUT/labelsTr/, OUT/imagesTr/ with the volumes of the store, dataset.json and splits_final.json.

    Scans of the split `test` go to labelsTs and imagesTs; all others to Tr, and `splits_final.json` has one fold with
    them as the release has them. A volume that was left in place is named in dataset.json, not copied.

    Raises:
        SourceError: the folder holds something else, or no scan has a volume and a mask.
    """
    scans = [scan for scan in released.scans if scan.drawn and scan.volume]
    if not scans:
        raise SourceError(f"{released.what} has no scan with a volume whose findings are all drawn")
    folder = open_folder(out, released, FORM)
    classes = _classes(scans)
    for n, scan in enumerate(scans, 1):
        _write_scan(folder, scan, store, classes)
        progress(n, len(scans))
    write_json(folder / "dataset.json", _dataset(folder, released, scans, classes))
    write_json(folder / "splits_final.json", [_fold(scans)])
    close_folder(folder, released, FORM)


def _classes(scans: Sequence[ReleasedScan]) -> dict[str, int]:
    """Number the categories that occur, in their order, from 1 on; findings without one are `none`."""
    found = {_code(finding) for scan in scans for finding in scan.findings}
    return {code: number for number, code in enumerate(sorted(found), 1)}


def _code(finding: ReleasedFinding) -> str:
    return finding.category or "none"


def _part(scan: ReleasedScan) -> str:
    return "Ts" if scan.split == "test" else "Tr"


def _write_scan(folder: Path, scan: ReleasedScan, store: ArrayStore, classes: dict[str, int]) -> None:
    assert scan.volume is not None  # noqa: S101 - chosen so
    affine = scan.volume.affine_ras
    labels = folder / f"labels{_part(scan)}" / f"{scan.name}.nii.gz"
    if not labels.exists():
        write_bytes(labels, encode_nifti(label_map(scan, store, classes).transpose(2, 1, 0), affine))
    image = folder / f"images{_part(scan)}" / f"{scan.name}_0000.nii.gz"
    if scan.volume.storage is VolumeStorage.COPY and not image.exists():
        write_bytes(image, encode_nifti(store.read_sound_volume(scan.volume.digest).transpose(2, 1, 0), affine))


def label_map(scan: ReleasedScan, store: ArrayStore, classes: dict[str, int]) -> NDArray[np.uint8]:
    """Give the classes (z, y, x) of a scan's voxels: 0 is background, one more than the last class is unknown."""
    unknown = len(classes) + 1
    drawn = [(finding, finding.drawn) for finding in scan.findings if finding.drawn]
    incomplete = any(may_be_incomplete(each) for _, each in drawn)
    labels = np.full(scan.shape_vox[::-1], unknown if incomplete else 0, np.uint8)
    for finding, each in sorted(drawn, key=lambda pair: -pair[1].voxels):
        labels[each.read(store).to_dense(dtype=np.uint16) > 0] = classes[_code(finding)]
    return labels


def may_be_incomplete(drawn: Drawn) -> bool:
    """Tell whether there may be more of a finding than is drawn."""
    limit = drawn.policy_limit if drawn.policy is Policy.AT_MOST else None
    return drawn.policy is Policy.UNKNOWN or (limit is not None and drawn.entities >= limit)


def _dataset(
    folder: Path, released: Released, scans: Sequence[ReleasedScan], classes: dict[str, int]
) -> dict[str, Any]:
    training = [scan for scan in scans if _part(scan) == "Tr"]
    return {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **classes, "ignore": len(classes) + 1},
        "numTraining": len(training),
        "file_ending": ".nii.gz",
        "name": folder.name,
        "release": released.digest,
        "licence": "; ".join(released.terms.known) or "unknown",
        "dataset": dict(_files(scan) for scan in training),
    }


def _files(scan: ReleasedScan) -> tuple[str, dict[str, Any]]:
    assert scan.volume is not None  # noqa: S101 - chosen so
    image = scan.volume.source_path or f"imagesTr/{scan.name}_0000.nii.gz"
    return scan.name, {"images": [image], "label": f"labelsTr/{scan.name}.nii.gz"}


def _fold(scans: Sequence[ReleasedScan]) -> dict[str, list[str]]:
    """One fold: what trains, and whatever else is no test."""
    training = [scan for scan in scans if _part(scan) == "Tr"]
    return {
        "train": [scan.name for scan in training if scan.split == TRAIN],
        "val": [scan.name for scan in training if scan.split != TRAIN],
    }
