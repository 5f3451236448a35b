"""One case as large as the largest published ones, written slab by slab, for benchmarks.

Lesions find their places on a coarse grid; every slab of the fine one is then painted, measured and handed to the two
gzip streams, so that memory stays at a slab's size whatever the shape.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.nifti_files import Affine, make_header, open_gzip, write_bytes
from ingest.phantoms.canvas import Canvas, open_canvas
from ingest.phantoms.faults import JSON_NAME
from ingest.phantoms.scan import MASKS, VOLUMES
from ingest.phantoms.solids import Grid, Point, as_point, make_grid
from ingest.phantoms.study import SPACING_MM, Drawn, Study, draw_study, make_affine, stream
from ingest.phantoms.truth import (
    BODY_HU,
    Frame,
    Index,
    TrueEntity,
    TrueFinding,
    TrueScan,
    as_index,
    join_sides,
    lps_x,
)

LARGE_NAME = "valid_1_a_1.nii.gz"
LARGE_SHAPE: Index = (512, 512, 500)
LARGE_SPACING_MM: Point = (0.7, 0.7, 0.65)
# 13 findings and 96 lesions, about the most that the published set has in one scan.
PLENTY: Mapping[str, int] = {
    "2e": 2,
    "2b": 5,
    "2f": 4,
    "2h": 6,
    "1d": 7,
    "2c": 10,
    "1c": 9,
    "1e": 8,
    "1b": 8,
    "1a": 8,
    "1f": 7,
    "2a": 8,
    "2d": 14,
}
SLAB = 8


def write_large_case(
    folder: Path,
    *,
    seed: int = 0,
    shape: Index = LARGE_SHAPE,
    spacing_mm: Point = LARGE_SPACING_MM,
    counts: Mapping[str, int] = PLENTY,
) -> TrueScan:
    """Write a dataset of one exhaustive val case (LPS, uint8 masks) with `counts` lesions of each category.

    The truth has every entity, with HU but without painted tissues. Its midline is the median over all voxels above
    -500 HU; those outside the largest component, all in the lungs, move it by less than the 10 mm that matter.
    """
    study = draw_coarse(seed, shape, spacing_mm, counts)
    grid = make_grid(shape, spacing_mm, middle(study.canvas.grid))
    affine = make_affine(grid, spacing_mm, study.centre_lps)
    index = OwnerIndex.of(study.findings)
    tally = Tally.empty(len(index.finding), shape[0])
    with open_gzip(folder / VOLUMES / LARGE_NAME) as add_volume, open_gzip(folder / MASKS / LARGE_NAME) as add_mask:
        add_volume(make_header(shape, np.int16, affine))
        add_mask(make_header((len(study.findings), *shape), np.uint8))
        for start, canvas, image in iter_slabs(study, grid, seed):
            tally.add(canvas, image, start)
            add_volume(image.tobytes("F"))
            add_mask(index.mask(canvas).tobytes())
    truth = conclude(study, tally, affine, shape)
    write_bytes(folder / JSON_NAME, (json.dumps({"train": [], "val": [as_entry(truth)], "test": []}) + "\n").encode())
    return truth


def draw_coarse(seed: int, shape: Index, spacing_mm: Point, counts: Mapping[str, int]) -> Study:
    """The study on a grid of about the phantoms' usual spacing that covers the same field of view."""
    extent = [n * step for n, step in zip(shape, spacing_mm, strict=True)]
    coarse = as_index([round(length / step) for length, step in zip(extent, SPACING_MM, strict=True)])
    steps = as_point([length / n for length, n in zip(extent, coarse, strict=True)])
    return draw_study(seed, seed, coarse, steps, categories=list(counts), counts=list(counts.values()))


def middle(grid: Grid) -> Point:
    """The middle of a grid, in mm from the body's centre."""
    return as_point([float(v[0] + v[-1]) / 2 for v in (grid.x_mm, grid.y_mm, grid.z_mm)])


def iter_slabs(study: Study, grid: Grid, seed: int) -> Iterator[tuple[int, Canvas, NDArray[np.int16]]]:
    """First plane, canvas and noisy image (x,y,z) of each slab, upwards."""
    rng = stream(seed, 3)
    for start in range(0, grid.shape[2], SLAB):
        slab = grid[slice(None), slice(None), slice(start, start + SLAB)]
        canvas = open_canvas(study.body, slab)
        for drawn in study.findings:
            for owner, lesion in drawn.lesions.items():
                canvas.paint(lesion, owner)
        yield start, canvas, canvas.noisy(rng)


@dataclass(frozen=True)
class OwnerIndex:
    """For each owner number, the finding and the label it stands for; entry 0 is nothing."""

    finding: NDArray[np.intp]
    label: NDArray[np.uint8]
    findings: int

    @classmethod
    def of(cls, findings: tuple[Drawn, ...]) -> OwnerIndex:
        """The index over all findings."""
        size = 1 + max(owner for drawn in findings for owner in drawn.lesions)
        index = cls(np.zeros(size, dtype=np.intp), np.zeros(size, dtype=np.uint8), len(findings))
        for n, drawn in enumerate(findings):
            for owner, label in drawn.labels.items():
                index.finding[owner], index.label[owner] = n, label
        return index

    def mask(self, canvas: Canvas) -> NDArray[np.uint8]:
        """The slab of the mask as (z,y,x,finding): the file's order, in which the finding runs fastest."""
        x, y, z = canvas.grid.shape
        mask = np.zeros((z, y, x, self.findings), dtype=np.uint8)
        i, j, k = np.nonzero(canvas.owners > 0)
        owners = canvas.owners[i, j, k]
        mask[k, j, i, self.finding[owners]] = self.label[owners]
        return mask


@dataclass(frozen=True)
class Tally:
    """Running sums over slabs: per owner voxels, coordinates, box and HU; per x plane the voxels of the body."""

    voxels: NDArray[np.int64]
    sums: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    body: NDArray[np.int64]

    @classmethod
    def empty(cls, owners: int, planes: int) -> Tally:
        """Nothing seen yet; `owners` counts owner 0 too."""
        box = np.full((owners, 3), np.iinfo(np.int64).max), np.full((owners, 3), -1)
        return cls(np.zeros(owners, np.int64), np.zeros((owners, 4)), *box, np.zeros(planes, np.int64))

    def add(self, canvas: Canvas, image: NDArray[np.int16], start: int) -> None:
        """Count a slab whose first plane is `start`."""
        self.body[:] += (image > BODY_HU).sum(axis=(1, 2))
        place = np.argwhere(canvas.owners > 0)
        owners, hu = canvas.owners[tuple(place.T)], image[tuple(place.T)]
        place[:, 2] += start
        np.add.at(self.voxels, owners, 1)
        np.add.at(self.sums, owners, np.column_stack([place, hu]))
        np.minimum.at(self.low, owners, place)
        np.maximum.at(self.high, owners, place)

    def midline(self) -> float:
        """The median x of the body, in voxels."""
        return float(np.searchsorted(np.cumsum(self.body), self.body.sum() / 2))

    def entity(self, owner: int, label: int, frame: Frame) -> TrueEntity:
        """What was counted of one owner."""
        count = int(self.voxels[owner])
        means = self.sums[owner] / count
        return TrueEntity(
            label=label,
            voxels=count,
            box_min=as_index(self.low[owner].tolist()),
            box_max=as_index((self.high[owner] + 1).tolist()),
            volume_mm3=count * frame.voxel_mm3,
            side=frame.side(means[:3].tolist()),
            hu_mean=float(means[3]),
        )


def conclude(study: Study, tally: Tally, affine: Affine, shape: Index) -> TrueScan:
    """The truth of a large case."""
    frame = Frame(affine, lps_x(affine, (tally.midline(), 0, 0)))
    return TrueScan(
        name=LARGE_NAME,
        split="val",
        protocol="val",
        kept=True,
        shape=shape,
        spacing_mm=frame.spacing_mm,
        orientation="LPS",
        affine_ras=tuple(tuple(row) for row in affine.tolist()),
        midline_lps_mm=frame.midline_lps_mm,
        findings=tuple(conclude_finding(n, drawn, tally, frame) for n, drawn in enumerate(study.findings)),
    )


def conclude_finding(index: int, drawn: Drawn, tally: Tally, frame: Frame) -> TrueFinding:
    """The truth of one finding, its entities by ascending label."""
    owners = sorted(drawn.labels, key=lambda owner: drawn.labels[owner])
    entities = tuple(tally.entity(owner, drawn.labels[owner], frame) for owner in owners)
    return TrueFinding(index, drawn.text, drawn.category, join_sides(entities), len(drawn.lesions), entities)


def as_entry(truth: TrueScan) -> dict[str, object]:
    """The case of a scan in a dataset's JSON."""

    def numbered(value: Callable[[TrueFinding], object]) -> dict[str, object]:
        return {str(finding.index): value(finding) for finding in truth.findings}

    return {
        "name": truth.name,
        "findings": numbered(lambda finding: finding.text),
        "entity_counts": numbered(lambda finding: len(finding.entities)),
        "shape": list(truth.shape),
        "pixels": numbered(lambda finding: finding.voxels),
        "categories": numbered(lambda finding: finding.category),
        "protocol": truth.protocol,
    }
