"""What a correct import of a phantom must find, measured on the arrays themselves, and the faults planted in the files.

The measures use the definitions of GroundCT and none of its code, so that they can serve as an oracle.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Side = Literal["LEFT", "RIGHT", "MIDLINE", "BILATERAL"]
Severity = Literal["left_out", "warning", "note"]
Index = tuple[int, int, int]
Labels = NDArray[np.generic]
BODY_HU, MIDLINE_MM = -500, 10.0


@dataclass(frozen=True)
class PaintedTissue:
    """How many voxels of an entity were painted with which nominal HU, before noise."""

    hu: float
    voxels: int


@dataclass(frozen=True)
class TrueEntity:
    """One label of a mask. The box is half-open, in (i,j,k) of the file; mm3, side and HU are None without a CT."""

    label: int
    voxels: int
    box_min: Index
    box_max: Index
    volume_mm3: float | None
    side: Side | None
    hu_mean: float | None
    painted: tuple[PaintedTissue, ...] = ()


@dataclass(frozen=True)
class TrueFinding:
    """One channel of a mask; `painted` counts all lesions in the CT, labelled or not."""

    index: int
    text: str
    category: str
    side: Side | None
    painted: int
    entities: tuple[TrueEntity, ...]

    @property
    def voxels(self) -> int:
        """Voxels that are not zero."""
        return sum(entity.voxels for entity in self.entities)


@dataclass(frozen=True)
class TrueScan:
    """One scan as written; `kept` says whether an import keeps it. Without a CT the frame is None."""

    name: str
    split: str
    protocol: str
    kept: bool
    shape: Index
    spacing_mm: tuple[float, float, float] | None
    orientation: str | None
    affine_ras: tuple[tuple[float, ...], ...] | None
    midline_lps_mm: float | None
    findings: tuple[TrueFinding, ...]


@dataclass(frozen=True)
class PlantedFault:
    """A fault put into the files on purpose; `path` is relative to the dataset's folder, `note` says what was done."""

    kind: str
    severity: Severity
    scan: str
    finding: int | None
    path: str
    note: str


@dataclass(frozen=True)
class Change:
    """A way in which the second JSON differs from the first for a scan that both hold."""

    kind: Literal["text", "category", "order"]
    scan: str
    finding: int | None
    before: str
    after: str


@dataclass(frozen=True)
class SecondImport:
    """What importing the second JSON after the first one must find."""

    scans: tuple[TrueScan, ...]
    unchanged: tuple[str, ...]
    new: tuple[str, ...]
    changes: tuple[Change, ...]
    faults: tuple[PlantedFault, ...]


@dataclass(frozen=True)
class Expected:
    """The whole truth of a phantom dataset."""

    seed: int
    scans: tuple[TrueScan, ...]
    faults: tuple[PlantedFault, ...]
    second: SecondImport | None = None

    def scan(self, name: str) -> TrueScan:
        """The scan of a name; KeyError where there is none."""
        return {scan.name: scan for scan in self.scans}[name]

    @property
    def totals(self) -> dict[str, int]:
        """Scans, findings, entities and entity voxels that an import of the first JSON keeps."""
        return count_kept(self.scans)

    def to_json(self) -> str:
        """Everything as an indented JSON document with the totals on top."""
        return json.dumps({"totals": self.totals, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    def write(self, path: Path) -> None:
        """Write `to_json` to a file."""
        path.write_text(self.to_json(), encoding="utf-8")


@dataclass(frozen=True)
class Frame:
    """Where the voxels of a CT are: affine to RAS mm, and LPS x of the body's midline in mm."""

    affine_ras: NDArray[np.float64]
    midline_lps_mm: float

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.affine_ras[:3, :3])))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along i, j and k."""
        a, b, c = np.linalg.norm(self.affine_ras[:3, :3], axis=0).tolist()
        return a, b, c

    def side(self, centroid_ijk: Sequence[float]) -> Side:
        """LEFT, RIGHT or, within 10 mm of the body's midline, MIDLINE."""
        offset = lps_x(self.affine_ras, centroid_ijk) - self.midline_lps_mm
        if abs(offset) <= MIDLINE_MM:
            return "MIDLINE"
        return "LEFT" if offset > 0 else "RIGHT"


def count_kept(scans: Sequence[TrueScan]) -> dict[str, int]:
    """Scans, findings, entities and entity voxels over the kept ones of `scans`."""
    kept = [scan for scan in scans if scan.kept]
    findings = [finding for scan in kept for finding in scan.findings]
    entities = sum(len(finding.entities) for finding in findings)
    voxels = sum(finding.voxels for finding in findings)
    return {"scans": len(kept), "findings": len(findings), "entities": entities, "voxels": voxels}


def lps_x(affine_ras: NDArray[np.float64], ijk: Sequence[float]) -> float:
    """LPS x in mm of a place in voxels."""
    return -float(affine_ras[0, :3] @ np.asarray(ijk, dtype=np.float64) + affine_ras[0, 3])


def measure_frame(volume: NDArray[np.int16], affine_ras: NDArray[np.float64]) -> Frame:
    """The frame of a CT (i,j,k): its midline is the median LPS x of the largest component above -500 HU."""
    components, count = ndimage.label(volume > BODY_HU)
    if not count:
        middle = [(n - 1) / 2 for n in volume.shape]
        return Frame(affine_ras, lps_x(affine_ras, middle))
    body = int(np.argmax(np.bincount(components.ravel())[1:])) + 1
    return Frame(affine_ras, lps_x(affine_ras, median_place(components == body, affine_ras)))


def median_place(mask: NDArray[np.bool_], affine_ras: NDArray[np.float64]) -> list[float]:
    """A place (i,j,k) whose LPS x is the median over a mask; x must run along one voxel axis, as in all phantoms."""
    axis = int(np.argmax(np.abs(affine_ras[0, :3])))
    profile = mask.sum(axis=tuple(a for a in range(3) if a != axis))
    place = [0.0, 0.0, 0.0]
    place[axis] = float(np.median(np.repeat(np.arange(len(profile)), profile)))
    return place


def measure_entities(
    labels: Labels, volume: NDArray[np.int16] | None = None, frame: Frame | None = None
) -> tuple[TrueEntity, ...]:
    """The entities of one channel (i,j,k), by ascending label; a volume and its frame add mm3, side and HU."""
    whole = labels.astype(np.int64)
    boxes = ndimage.find_objects(whole)
    found = [(n, box) for n, box in enumerate(boxes, start=1) if box is not None]
    return tuple(measure_entity(whole, n, box, volume, frame) for n, box in found)


def measure_entity(
    labels: NDArray[np.int64],
    label: int,
    box: tuple[slice, ...],
    volume: NDArray[np.int16] | None,
    frame: Frame | None,
) -> TrueEntity:
    """One entity within its box."""
    mask = labels[box] == label
    low = [s.start for s in box]
    centroid = [start + float(ax.mean()) for start, ax in zip(low, np.nonzero(mask), strict=True)]
    return TrueEntity(
        label=label,
        voxels=int(mask.sum()),
        box_min=as_index(low),
        box_max=as_index([s.stop for s in box]),
        volume_mm3=int(mask.sum()) * frame.voxel_mm3 if frame else None,
        side=frame.side(centroid) if frame else None,
        hu_mean=float(volume[box][mask].mean(dtype=np.float64)) if volume is not None else None,
    )


def join_sides(entities: Sequence[TrueEntity]) -> Side | None:
    """The side of a finding: the one its entities agree on, BILATERAL for left and right; None where unknown."""
    sides = {entity.side for entity in entities}
    if not sides or None in sides:
        return None
    lateral = sides - {"MIDLINE"}
    if len(lateral) > 1:
        return "BILATERAL"
    return lateral.pop() if lateral else "MIDLINE"


def name_orientation(affine_ras: NDArray[np.float64]) -> str:
    """The direction each voxel axis points to, such as `LPS`."""
    return "".join(nib.aff2axcodes(affine_ras))


def as_index(values: Sequence[int]) -> Index:
    """Three whole numbers as an index."""
    i, j, k = values
    return int(i), int(j), int(k)
