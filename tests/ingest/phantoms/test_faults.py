"""Each planted fault shows, and no scan shows another one than it was given."""

import json
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ingest.phantoms import CODES, FAULTS, MASKS, VOLUMES, TrueEntity, write_bad_json

KEYS = ("findings", "shape", "categories", "protocol")
# What a scan's own files cannot tell: these need other scans, or an idea of anatomy.
ELSEWHERE = {"duplicate_scan", "patient_in_two_splits", "orientation_suspect"}
PLANTABLE = {
    "unreadable_file",
    "not_nifti",
    "missing_volume",
    "missing_mask",
    "missing_key",
    "wrong_type",
    "bad_keys",
    "bad_name",
    "duplicate_scan",
    "unknown_category",
    "empty_text",
    "shape_differs",
    "finding_axis_last",
    "finding_count_differs",
    "not_integral",
    "negative_label",
    "not_finite",
    "empty_finding",
    "entity_count_differs",
    "pixels_differ",
    "filled_plane",
    "hu_out_of_range",
    "constant_volume",
    "orientation_suspect",
    "patient_in_two_splits",
}


def load(path: Path) -> np.ndarray | str:
    if not path.exists():
        return "missing"
    try:
        return np.asanyarray(nib.load(path).dataobj)
    except (EOFError, zlib.error, OSError):
        return "unreadable_file"
    except nib.filebasedimages.ImageFileError:
        return "not_nifti"


def check_case(case: dict[str, Any]) -> set[str]:
    if "/" in case["name"]:
        return {"bad_name"}
    if any(key not in case for key in KEYS):
        return {"missing_key"}
    if not isinstance(case["findings"], dict):
        return {"wrong_type"}
    if list(case["findings"]) != [str(n) for n in range(len(case["findings"]))]:
        return {"bad_keys"}
    found = {"unknown_category"} if set(case["categories"].values()) - set(CODES) else set()
    return found | ({"empty_text"} if any(not text.strip() for text in case["findings"].values()) else set())


def check_volume(volume: np.ndarray | str) -> set[str]:
    if isinstance(volume, str):
        return {volume.replace("missing", "missing_volume")}
    found = {"constant_volume"} if volume.min() == volume.max() else set()
    return found | ({"hu_out_of_range"} if volume.min() < -2048 or volume.max() > 16000 else set())


def check_frame(case: dict[str, Any], mask: np.ndarray) -> set[str]:
    findings, shape = len(case["findings"]), tuple(case["shape"])
    if mask.shape == (*shape, findings):
        return {"finding_axis_last"}
    if mask.shape[1:] != shape:
        return {"shape_differs"}
    return {"finding_count_differs"} if len(mask) != findings else set()


def check_values(mask: np.ndarray) -> set[str]:
    if not np.isfinite(mask).all():
        return {"not_finite"}
    found = {"not_integral"} if (mask != np.rint(mask)).any() else set()
    return found | ({"negative_label"} if (mask < 0).any() else set())


def check_counts(case: dict[str, Any], mask: np.ndarray) -> set[str]:
    found = set()
    for n, channel in enumerate(mask):
        labels = len(np.unique(channel[channel > 0]))
        found |= {"empty_finding"} if not labels else set()
        found |= {"filled_plane"} if (channel > 0).all(axis=(0, 1)).any() else set()
        if "pixels" in case:
            found |= {"entity_count_differs"} if case["entity_counts"][str(n)] != labels else set()
            found |= {"pixels_differ"} if case["pixels"][str(n)] != np.count_nonzero(channel) else set()
    return found


def check_mask(case: dict[str, Any], mask: np.ndarray | str) -> set[str]:
    if isinstance(mask, str):
        return {mask.replace("missing", "missing_mask")}
    return check_frame(case, mask) or check_values(mask) or check_counts(case, mask)


def check(folder: Path, case: dict[str, Any]) -> set[str]:
    found = check_case(case)
    if found & {"bad_name", "missing_key", "wrong_type", "bad_keys"}:
        return found
    volume, mask = load(folder / VOLUMES / case["name"]), load(folder / MASKS / case["name"])
    return found | check_volume(volume) | check_mask(case, mask)


def test_every_plantable_kind_is_planted(written):
    assert {fault.kind for fault in written.expected.faults} == PLANTABLE
    assert len(written.expected.faults) == len(FAULTS)


def test_every_scan_has_its_own_fault_and_no_other(written):
    planted = {fault.scan: {fault.kind} - ELSEWHERE for fault in written.expected.faults}
    for cases in written.first.values():
        for case in cases:
            assert check(written.folder, case) == planted.get(case["name"], set()), case["name"]


def test_faults_lie_at_existing_paths_unless_missing(written):
    for fault in written.expected.faults:
        assert (written.folder / fault.path).exists() != fault.kind.startswith(
            "missing_"
        ) or fault.path == "dataset.json"


def test_what_is_left_out_is_not_kept(written):
    left_out = {f.scan for f in written.expected.faults if f.severity == "left_out"}
    assert {scan.name for scan in written.expected.scans if not scan.kept} == left_out


def test_the_duplicate_is_twice_in_the_json_and_once_in_the_truth(written):
    name = next(fault.scan for fault in written.expected.faults if fault.kind == "duplicate_scan")
    assert [case["name"] for case in written.first["train"]].count(name) == 2
    assert [scan.name for scan in written.expected.scans].count(name) == 1


def test_a_turned_mask_misses_what_was_painted(written):
    turned = [fault.scan for fault in written.expected.faults if fault.kind == "orientation_suspect"]
    assert len(turned) == 2
    for name in turned:
        entities = [entity for finding in written.expected.scan(name).findings for entity in finding.entities]
        missed = [abs(entity.hu_mean - painted_mean(entity)) > 100 for entity in entities]
        assert np.mean(missed) > 0.8


def painted_mean(entity: TrueEntity) -> float:
    return sum(tissue.hu * tissue.voxels for tissue in entity.painted) / entity.voxels


def test_nothing_is_written_outside_the_folder(written):
    assert not list(written.folder.parent.glob("*.nii.gz"))
    assert not list(written.folder.glob("*.nii.gz"))


def is_dataset(content: bytes) -> bool:
    try:
        document = json.loads(content.decode("utf-8"))
    except ValueError:
        return False
    return isinstance(document, dict) and all(isinstance(cases, list) for cases in document.values())


def test_bad_json_cannot_be_read_as_a_dataset(tmp_path):
    paths = write_bad_json(tmp_path)
    assert len(paths) == 5
    assert not any(is_dataset(path.read_bytes()) for path in paths)
