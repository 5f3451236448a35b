"""Faults put into files on purpose: for each kind that can be planted, one scan that has it and no other.

A fault is a function that spoils a `Draft`, the scan as it is about to be written. What an import then finds in a scan
that it keeps is measured on the spoiled arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ingest.nifti_files import Affine, compress, encode_nifti, write_bytes
from ingest.phantoms.scan import MASKS, VOLUMES, PhantomFinding, PhantomScan, Split
from ingest.phantoms.truth import PlantedFault, Severity, TrueScan

Seat = Literal["json", "mask", "volume"]
Voxels = NDArray[np.generic]
JSON_NAME = "dataset.json"


class Draft:
    """A scan on its way into files; bytes are written as they are, None is not written at all."""

    def __init__(self, scan: PhantomScan) -> None:
        self.scan = scan
        self.entries = [scan.entry()]
        self.volume: Voxels | bytes | None = scan.volume
        self.mask: Voxels | bytes | None = scan.mask()

    @property
    def entry(self) -> dict[str, object]:
        """The case in the JSON."""
        return self.entries[0]

    def numbered(self, key: str) -> dict[str, object]:
        """The values of the case under `key`, by finding."""
        values = self.entry[key]
        if not isinstance(values, dict):
            raise TypeError(f"{key} of a case is no longer a mapping")
        return values

    def rewrite(self, scan: PhantomScan) -> None:
        """Let another scan take this one's place, files, counts and truth alike."""
        self.scan = scan
        self.entries, self.volume, self.mask = [scan.entry()], scan.volume, scan.mask()

    def write(self, folder: Path) -> None:
        """Write what is left of volume and mask."""
        write_voxels(folder / VOLUMES / self.scan.name, self.volume, self.scan.affine_ras)
        write_voxels(folder / MASKS / self.scan.name, self.mask)

    def truth(self, *, kept: bool) -> TrueScan:
        """What an import finds."""
        return self.scan.truth(kept=kept, with_volume=self.volume is not None)


@dataclass(frozen=True)
class Fault:
    """One way to spoil a scan: what kind it is, where it shows, and in which finding (None: the whole scan)."""

    kind: str
    severity: Severity
    seat: Seat
    spoil: Callable[[Draft], None]
    note: str
    finding: int | None = None
    categories: tuple[str, ...] = ("2d", "2c")
    split: Split = "train"

    @property
    def keeps(self) -> bool:
        """Whether an import keeps the scan; of a repeated case none can be trusted."""
        return self.severity != "left_out"

    def planted(self, scan: str) -> PlantedFault:
        """The fault as listed in the truth."""
        path = {"json": JSON_NAME, "mask": f"{MASKS}/{scan}", "volume": f"{VOLUMES}/{scan}"}[self.seat]
        return PlantedFault(self.kind, self.severity, scan, self.finding, path, self.note)


def write_voxels(path: Path, voxels: Voxels | bytes | None, affine: Affine | None = None) -> None:
    """Write an array as NIfTI, bytes as they are, and nothing for None."""
    if isinstance(voxels, np.ndarray):
        write_bytes(path, encode_nifti(voxels, affine))
    elif voxels is not None:
        write_bytes(path, voxels)


def truncate_mask(draft: Draft) -> None:
    """Cut the gzip stream of the mask."""
    whole = encode_nifti(draft.scan.mask())
    draft.mask = whole[: len(whole) // 2]


def truncate_volume(draft: Draft) -> None:
    """Cut the gzip stream of the volume."""
    whole = encode_nifti(draft.scan.volume, draft.scan.affine_ras)
    draft.volume = whole[: len(whole) // 2]


def replace_mask_by_text(draft: Draft) -> None:
    """Write a gzipped text where the mask should be."""
    draft.mask = compress(b"this is not an image\n" * 40)


def drop_volume(draft: Draft) -> None:
    """Leave the volume out."""
    draft.volume = None


def drop_mask(draft: Draft) -> None:
    """Leave the mask out, its counts declared."""
    draft.mask = None


def drop_findings(draft: Draft) -> None:
    """Take the key `findings` out of the case."""
    del draft.entry["findings"]


def list_findings(draft: Draft) -> None:
    """Give the findings as a list."""
    draft.entry["findings"] = list(draft.numbered("findings").values())


def skip_key(draft: Draft) -> None:
    """Number the two findings 0 and 2, in every mapping of the case."""
    for key in ("findings", "entity_counts", "pixels", "categories"):
        draft.entry[key] = dict(zip(("0", "2"), draft.numbered(key).values(), strict=True))


def climb_out(draft: Draft) -> None:
    """Give the scan a name that leads out of the folder; no file is written for it."""
    draft.rewrite(replace(draft.scan, name=f"../{draft.scan.name}"))
    draft.volume = draft.mask = None


def repeat_case(draft: Draft) -> None:
    """List the case twice."""
    draft.entries = [draft.entry, draft.entry]


def invent_category(draft: Draft) -> None:
    """Give finding 1 a code that no ontology has."""
    draft.rewrite(change_finding(draft.scan, 1, replace(draft.scan.findings[1], category="2z")))


def blank_text(draft: Draft) -> None:
    """Leave nothing but a space of the text of finding 1."""
    draft.rewrite(change_finding(draft.scan, 1, replace(draft.scan.findings[1], text=" ")))


def crop_mask(draft: Draft) -> None:
    """Cut an unlabelled last plane off the mask."""
    draft.mask = draft.scan.mask()[..., :-1]


def move_finding_axis(draft: Draft) -> None:
    """Store the mask as (i, j, k, finding)."""
    draft.mask = np.moveaxis(draft.scan.mask(), 0, -1)


def add_channel(draft: Draft) -> None:
    """Store a channel that no finding belongs to."""
    mask = draft.scan.mask()
    draft.mask = np.concatenate([mask, mask[:1]])


def spoil_voxel(value: float, dtype: str) -> Callable[[Draft], None]:
    """Replace the value of one labelled voxel of finding 0."""

    def spoil(draft: Draft) -> None:
        mask = draft.scan.mask().astype(dtype)
        mask[tuple(np.argwhere(mask[:1])[0])] = value
        draft.mask = mask

    return spoil


def erase_finding(draft: Draft) -> None:
    """Leave no voxel of finding 1 and declare none, so that its counts agree with its emptiness."""
    finding = draft.scan.findings[1]
    empty = replace(finding, labels=np.zeros_like(finding.labels), tissues={})
    draft.rewrite(change_finding(draft.scan, 1, empty))


def declare_more(key: str, extra: int) -> Callable[[Draft], None]:
    """Declare `extra` more of finding 0 than there are."""

    def spoil(draft: Draft) -> None:
        draft.entry[key] = {**draft.numbered(key), "0": getattr(draft.scan.findings[0], COUNTED[key]) + extra}

    return spoil


def fill_plane(draft: Draft) -> None:
    """Fill the lowest axial plane of finding 0 with a label of its own."""
    finding = draft.scan.findings[0]
    labels = finding.labels.copy()
    labels[:, :, 0] = labels.max() + 1
    draft.rewrite(change_finding(draft.scan, 0, replace(finding, labels=labels)))


def paint_patch(value: int, patch: tuple[slice, slice, slice]) -> Callable[[Draft], None]:
    """Set a patch of the CT, away from every lesion, to a HU that no tissue has."""

    def spoil(draft: Draft) -> None:
        volume = draft.scan.volume.copy()
        volume[patch] = value
        draft.rewrite(replace(draft.scan, volume=volume))

    return spoil


def blank_volume(draft: Draft) -> None:
    """Set every voxel of the CT to 0."""
    draft.rewrite(replace(draft.scan, volume=np.zeros_like(draft.scan.volume)))


def turn_mask(turn: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Callable[[Draft], None]:
    """Turn every channel against the CT, which no count can tell."""

    def spoil(draft: Draft) -> None:
        turned = tuple(replace(f, labels=np.ascontiguousarray(turn(f.labels))) for f in draft.scan.findings)
        draft.rewrite(replace(draft.scan, findings=turned))

    return spoil


def leave(draft: Draft) -> None:
    """Change nothing: it is another scan that makes this one faulty."""


def change_finding(scan: PhantomScan, index: int, finding: PhantomFinding) -> PhantomScan:
    """A scan with another finding at `index`."""
    findings = list(scan.findings)
    findings[index] = finding
    return replace(scan, findings=tuple(findings))


COUNTED: Mapping[str, str] = {"entity_counts": "entity_count", "pixels": "pixels"}
CORNER = (slice(0, 6), slice(0, 6), slice(None))
SPECK = (slice(-4, -2), slice(2, 4), slice(2, 4))
# Ground glass and emphysema match nothing that a turned mask can fall on; a solid nodule matches muscle.
ASKEW = ("2c", "1c", "2d", "2c", "1c")

FAULTS: tuple[Fault, ...] = (
    Fault("unreadable_file", "left_out", "mask", truncate_mask, "the gzip stream of the mask ends early"),
    Fault("unreadable_file", "left_out", "volume", truncate_volume, "the gzip stream of the volume ends early"),
    Fault("not_nifti", "left_out", "mask", replace_mask_by_text, "a gzipped text under the mask's name"),
    Fault("missing_volume", "warning", "volume", drop_volume, "no volume was written"),
    Fault("missing_mask", "left_out", "mask", drop_mask, "no mask was written, its counts are declared"),
    Fault("missing_key", "left_out", "json", drop_findings, "the case has no `findings`"),
    Fault("wrong_type", "left_out", "json", list_findings, "`findings` is a list"),
    Fault("bad_keys", "left_out", "json", skip_key, "the findings are numbered 0 and 2"),
    Fault("bad_name", "left_out", "json", climb_out, "the name leads out of the folder; no files were written"),
    Fault("duplicate_scan", "left_out", "json", repeat_case, "the same case twice: none is kept"),
    Fault("unknown_category", "warning", "json", invent_category, "category 2z", finding=1),
    Fault("empty_text", "warning", "json", blank_text, "the text is a space", finding=1),
    Fault("shape_differs", "left_out", "mask", crop_mask, "the mask lacks the last plane of the CT"),
    Fault("finding_axis_last", "left_out", "mask", move_finding_axis, "the mask is (i, j, k, finding)"),
    Fault("finding_count_differs", "left_out", "mask", add_channel, "three channels for two findings"),
    Fault("not_integral", "left_out", "mask", spoil_voxel(0.5, "float32"), "one voxel is 0.5", finding=0),
    Fault("negative_label", "left_out", "mask", spoil_voxel(-1, "int16"), "one voxel is -1", finding=0),
    Fault("not_finite", "left_out", "mask", spoil_voxel(np.nan, "float32"), "one voxel is NaN", finding=0),
    Fault("empty_finding", "warning", "mask", erase_finding, "no voxel, and none declared", finding=1),
    Fault("entity_count_differs", "warning", "json", declare_more("entity_counts", 1), "one too many", finding=0),
    Fault("pixels_differ", "warning", "json", declare_more("pixels", 7), "seven too many", finding=0),
    Fault("filled_plane", "warning", "mask", fill_plane, "the plane k = 0 is filled", finding=0),
    Fault("hu_out_of_range", "warning", "volume", paint_patch(-8192, CORNER), "padding of -8192 in a corner"),
    Fault("hu_out_of_range", "warning", "volume", paint_patch(20000, SPECK), "a speck of 20000"),
    Fault("constant_volume", "warning", "volume", blank_volume, "the volume is 0 everywhere"),
    Fault(
        "orientation_suspect",
        "warning",
        "mask",
        turn_mask(lambda labels: labels[::-1]),
        "the mask is mirrored left to right",
        categories=ASKEW,
        split="val",
    ),
    Fault(
        "orientation_suspect",
        "warning",
        "mask",
        turn_mask(lambda labels: labels.swapaxes(0, 1)),
        "the mask has i and j exchanged",
        categories=ASKEW,
        split="val",
    ),
    Fault("patient_in_two_splits", "warning", "json", leave, "another scan of the patient is in train", split="val"),
)

KINDS_PLANTED = frozenset(fault.kind for fault in FAULTS)
BAD_JSON: Mapping[str, bytes] = {
    "cut_off.json": b'{"train": [{"name": "train_1_a_1.nii.gz", "findings": {"0": "A nodule',
    "not_a_mapping.json": b'["train_1_a_1.nii.gz"]',
    "not_utf8.json": b'{"train": [], "val": [], "test": [], "note": "\xff\xfe"}',
    "empty.json": b"",
    "splits_not_lists.json": b'{"train": {}, "val": 3, "test": null}',
}


def write_bad_json(folder: Path) -> list[Path]:
    """Write files that no dataset can be read from as a whole; each must give one `bad_json`."""
    for name, content in BAD_JSON.items():
        write_bytes(folder / name, content)
    return [folder / name for name in BAD_JSON]
