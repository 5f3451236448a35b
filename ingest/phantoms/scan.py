"""One phantom scan in memory: a CT, its findings with their label arrays, and its case in a dataset's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ingest.nifti_files import Affine, encode_nifti, write_bytes
from ingest.phantoms.truth import (
    Frame,
    PaintedTissue,
    TrueFinding,
    TrueScan,
    as_index,
    join_sides,
    measure_entities,
    measure_frame,
    name_orientation,
)

Split = Literal["train", "val", "test"]
Protocol = Literal["protocol1", "protocol2", "val", "test"]
MaskDtype = Literal["uint8", "int16", "float32"]
Labels = NDArray[np.uint8]

VOLUMES, MASKS = "volumes", "segmentations"


@dataclass(frozen=True)
class PhantomFinding:
    """One finding: `labels` (i,j,k) uint8, 0 where nothing is labelled; `painted` lesions are in the CT.

    `tissues` tells, for each label, which nominal HU it was painted with.
    """

    text: str
    category: str
    labels: Labels
    painted: int
    tissues: Mapping[int, tuple[PaintedTissue, ...]]

    @property
    def entity_count(self) -> int:
        """How many distinct labels there are."""
        return len(np.unique(self.labels[self.labels > 0]))

    @property
    def pixels(self) -> int:
        """How many voxels are labelled."""
        return int(np.count_nonzero(self.labels))


@dataclass(frozen=True)
class PhantomScan:
    """A scan: `volume` (i,j,k) int16 HU, `affine_ras` from voxels to RAS mm, and its findings in order."""

    name: str
    split: Split
    protocol: Protocol
    volume: NDArray[np.int16]
    affine_ras: Affine
    mask_dtype: MaskDtype
    findings: tuple[PhantomFinding, ...]

    def mask(self) -> NDArray[np.generic]:
        """The published mask (finding, i, j, k) in the scan's mask dtype."""
        return np.stack([finding.labels for finding in self.findings]).astype(self.mask_dtype)

    def entry(self) -> dict[str, object]:
        """The case of this scan in a dataset's JSON; test cases hold neither counts nor pixels."""
        case: dict[str, object] = {"name": self.name, "findings": self._numbered([f.text for f in self.findings])}
        if self.split != "test":
            case["entity_counts"] = self._numbered([f.entity_count for f in self.findings])
        case["shape"] = list(self.volume.shape)
        if self.split != "test":
            case["pixels"] = self._numbered([f.pixels for f in self.findings])
        case["categories"] = self._numbered([f.category for f in self.findings])
        return {**case, "protocol": self.protocol}

    def truth(self, *, kept: bool = True, with_volume: bool = True) -> TrueScan:
        """What an import finds in it; without a volume there are no mm, sides or HU."""
        frame = measure_frame(self.volume, self.affine_ras) if with_volume else None
        return TrueScan(
            name=self.name,
            split=self.split,
            protocol=self.protocol,
            kept=kept,
            shape=as_index(self.volume.shape),
            spacing_mm=frame.spacing_mm if frame else None,
            orientation=name_orientation(self.affine_ras) if frame else None,
            affine_ras=tuple(tuple(row) for row in self.affine_ras.tolist()) if frame else None,
            midline_lps_mm=frame.midline_lps_mm if frame else None,
            findings=tuple(self._true_finding(n, frame) for n in range(len(self.findings))),
        )

    def _true_finding(self, index: int, frame: Frame | None) -> TrueFinding:
        finding = self.findings[index]
        found = measure_entities(finding.labels, self.volume if frame else None, frame)
        entities = tuple(replace(entity, painted=finding.tissues.get(entity.label, ())) for entity in found)
        side = join_sides(entities)
        return TrueFinding(index, finding.text, finding.category, side, finding.painted, entities)

    def _numbered(self, values: Sequence[object]) -> dict[str, object]:
        return {str(n): value for n, value in enumerate(values)}


def write_scan(folder: Path, scan: PhantomScan) -> None:
    """Write `volumes/<name>` and `segmentations/<name>` into a folder."""
    write_bytes(folder / VOLUMES / scan.name, encode_nifti(scan.volume, scan.affine_ras))
    write_bytes(folder / MASKS / scan.name, encode_nifti(scan.mask()))
