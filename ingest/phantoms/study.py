"""A body with its lesions, before it is scanned; `make_scan` takes the picture."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ingest.nifti_files import Affine
from ingest.phantoms.body import LOBES, Body, Flank, Lobe, draw_body
from ingest.phantoms.canvas import Canvas, Owners, open_canvas
from ingest.phantoms.lesions import CODES, KINDS, Kind, Lesion, Rng, draw_spot
from ingest.phantoms.scan import Labels, MaskDtype, PhantomFinding, PhantomScan, Protocol, Split
from ingest.phantoms.solids import Grid, Point, as_point, make_grid
from ingest.phantoms.truth import PaintedTissue
from ingest.phantoms.wordings import word_finding

Site = tuple[Flank, Lobe]
FLANKS: tuple[Flank, Flank] = ("RIGHT", "LEFT")
Scalar = TypeVar("Scalar", bound=np.generic)

SHAPE: tuple[int, int, int] = (96, 96, 64)
SPACING_MM: Point = (3.5, 3.5, 3.5)
LEAST_EXTENT_MM = 180.0
TRIES = 60
PARTIAL_LABELS = 3
# Mostly focal, nodules and ground glass in front, about as in the published set; in the order of the codes.
WEIGHTS = np.array([3, 3, 5, 3, 4, 2, 12, 12, 14, 18, 4, 1, 1, 2], dtype=np.float64)


@dataclass(frozen=True)
class Drawn:
    """A finding as drawn: its lesions by owner number, and the label of each owner that the mask shows."""

    category: str
    text: str
    lesions: dict[int, Lesion]
    labels: dict[int, int]

    def label(self, owners: Owners) -> Labels:
        """The label array (x,y,z) of this finding on a canvas's `owners`."""
        lookup = np.zeros(max(int(owners.max()), *self.labels) + 1, dtype=np.uint8)
        for owner, label in self.labels.items():
            lookup[owner] = label
        return lookup[np.maximum(owners, 0)]


@dataclass(frozen=True)
class Study:
    """A patient on a grid (x,y,z in LPS order) with lesions painted in; `centre_lps` is where the scanner puts it."""

    body: Body
    canvas: Canvas
    spacing_mm: Point
    centre_lps: Point
    findings: tuple[Drawn, ...]


def make_scan(
    seed: int,
    *,
    name: str = "train_1_a_1.nii.gz",
    split: Split = "train",
    protocol: Protocol | None = None,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: Point = SPACING_MM,
    orientation: str = "LPS",
    categories: Sequence[str] | None = None,
    mask_dtype: MaskDtype = "uint8",
    table: bool = False,
    body_seed: int | None = None,
    noise_seed: int | None = None,
) -> PhantomScan:
    """A scan with one finding for each of `categories` (one to five drawn ones where none are given).

    `shape` and `spacing_mm` are along the patient's x, y and z; the arrays come in the voxel order that
    `orientation` names ("LPS", "RAS", "PLS", ...). Train masks label at most three entities a finding, the others
    all. The category "midline" stands for a 2h in the trachea. Scans of one patient share `body_seed`; with equal
    seeds but another `noise_seed` it is another reconstruction. ValueError where the field of view is under 180 mm or
    there is no room for a finding.
    """
    partial = split == "train"
    body_seed = seed if body_seed is None else body_seed
    study = draw_study(seed, body_seed, shape, spacing_mm, categories=categories, partial=partial, table=table)
    volume = study.canvas.noisy(stream(seed if noise_seed is None else noise_seed, 3))
    return PhantomScan(
        name=name,
        split=split,
        protocol=protocol or default_protocol(split),
        volume=reorient(volume, orientation),
        affine_ras=make_affine(study.canvas.grid, study.spacing_mm, study.centre_lps, orientation),
        mask_dtype=mask_dtype,
        findings=tuple(picture(study.canvas, drawn, orientation) for drawn in study.findings),
    )


def default_protocol(split: Split) -> Protocol:
    """`val` and `test` name themselves; train is `protocol1` unless told otherwise."""
    return "protocol1" if split == "train" else split


def stream(seed: int, purpose: int) -> Rng:
    """Random numbers for one purpose, the same on every platform and apart from those of every other purpose."""
    return np.random.default_rng([seed, purpose])


def draw_study(
    seed: int,
    body_seed: int,
    shape: tuple[int, int, int],
    spacing_mm: Point,
    *,
    categories: Sequence[str] | None = None,
    counts: Sequence[int] | None = None,
    partial: bool = False,
    table: bool = False,
) -> Study:
    """A patient with findings; see `make_scan`. `partial` leaves lesions without a label, `counts` says how many."""
    extent = check_extent(as_point([n * step for n, step in zip(shape, spacing_mm, strict=True)]))
    rng = stream(seed, 2)
    body = draw_body(stream(body_seed, 1), extent, table=table)
    grid = make_grid(shape, spacing_mm, (rng.uniform(-4, 4), rng.uniform(-4, 4), 0.0))
    canvas = open_canvas(body, grid)
    centre = (rng.uniform(-20, 20), rng.uniform(-200, -120), rng.uniform(-900, 300))
    codes = draw_codes(rng) if categories is None else tuple(categories)
    findings = draw_findings(canvas, body, rng, codes, partial=partial, counts=counts)
    return Study(body, canvas, spacing_mm, centre, findings)


def check_extent(extent_mm: Point) -> Point:
    """The field of view, or ValueError where lesions of real size would not fit into it."""
    if min(extent_mm) < LEAST_EXTENT_MM:
        raise ValueError(f"a field of view of {extent_mm} mm is too small for a chest; {LEAST_EXTENT_MM} mm at least")
    return extent_mm


def draw_codes(rng: Rng) -> tuple[str, ...]:
    """One to five categories, each of the two pleural ones at most once."""
    codes = [str(code) for code in rng.choice(CODES, size=rng.integers(1, 6), p=WEIGHTS / WEIGHTS.sum())]
    return tuple(code for n, code in enumerate(codes) if not (KINDS[code].paired and code in codes[:n]))


def draw_findings(
    canvas: Canvas, body: Body, rng: Rng, codes: Sequence[str], *, partial: bool, counts: Sequence[int] | None = None
) -> tuple[Drawn, ...]:
    """Place a finding of each category on a canvas, with `counts` lesions where they are given."""
    findings: list[Drawn] = []
    owner = 1
    for n, code in enumerate(codes):
        lesions = place_lesions(canvas, body, rng, code, owner=owner, count=counts[n] if counts else None)
        findings.append(describe(rng, code, lesions, partial=partial, taken={f.text for f in findings}))
        owner = max(lesions) + 1
    return tuple(findings)


def place_lesions(
    canvas: Canvas, body: Body, rng: Rng, code: str, *, owner: int, count: int | None = None
) -> dict[int, Lesion]:
    """Paint lesions of one category, numbered from `owner`. ValueError where not one of them finds room."""
    kind = KINDS[code]
    wanted = count or draw_count(rng, kind)
    # Whoever asks for a number gets a second round of sites for the lesions that found no room in the first.
    sites = draw_sites(rng, kind, wanted) * (2 if count else 1)
    placed = fill_sites(canvas, body, rng, kind, sites, owner=owner, most=wanted)
    # A crowded lobe gives way to any other, so that a finding is lost only where both lungs are full.
    placed = placed or fill_sites(canvas, body, rng, kind, list(product(FLANKS, LOBES)), owner=owner, most=1)
    if not placed:
        raise ValueError(f"no room is left for a finding of category {code}; ask for fewer findings")
    return placed


def fill_sites(
    canvas: Canvas, body: Body, rng: Rng, kind: Kind, sites: Sequence[Site], *, owner: int, most: int
) -> dict[int, Lesion]:
    """Paint a lesion at each site that has room for one, up to `most`, numbered from `owner`."""
    placed: dict[int, Lesion] = {}
    for site in sites:
        lesion = find_room(canvas, body, rng, kind, site) if len(placed) < most else None
        if lesion:
            canvas.paint(lesion, owner + len(placed))
            placed[owner + len(placed)] = lesion
    return placed


def draw_count(rng: Rng, kind: Kind) -> int:
    """How many lesions a finding has: mostly one or two, sometimes as many as its category allows."""
    few = int(rng.integers(1, 3))
    return min(kind.most, few if rng.random() < 0.5 else int(rng.integers(1, kind.most + 1)))


def draw_sites(rng: Rng, kind: Kind, count: int) -> list[Site]:
    """Sides and lobes for `count` lesions: within one lobe, one lung, or on both sides in turn; many need space."""
    first, other = FLANKS if rng.random() < 0.5 else FLANKS[::-1]
    home = LOBES[rng.integers(0, 3)]
    scattered = [LOBES[n] for n in rng.integers(0, 3, count)]
    spread = max(int(rng.integers(0, 3)), (count > 3) + (count > 6), 2 * kind.paired)
    flanks = [first, other] if spread == 2 else [first, first]
    return [(flanks[n % 2], scattered[n] if spread else home) for n in range(count)]


def find_room(canvas: Canvas, body: Body, rng: Rng, kind: Kind, site: Site) -> Lesion | None:
    """A lesion that fits at a site, or None after many tries; a paired one has one place a side."""
    for _ in range(1 if kind.paired else TRIES):
        lesion = kind.draw(draw_spot(rng, body, *site), rng)
        if canvas.fits(lesion, share=kind.share):
            return lesion
    return None


def describe(rng: Rng, code: str, lesions: dict[int, Lesion], *, partial: bool, taken: Collection[str]) -> Drawn:
    """Words and labels for placed lesions."""
    shown = rank(lesions)[: PARTIAL_LABELS if partial else None]
    gaps = rng.integers(1, 4, len(shown)) if rng.random() < 0.15 else np.ones(len(shown), dtype=np.int64)
    values = np.cumsum(gaps).tolist()
    category = "2h" if code == "midline" else code
    text = word_finding(rng, code, list(lesions.values()), taken)
    return Drawn(category, text, lesions, dict(zip(shown, values, strict=True)))


def rank(lesions: dict[int, Lesion]) -> list[int]:
    """Owner numbers in the order in which a partial mask shows them: the largest, one of the other side, the rest."""
    owners = sorted(lesions, key=lambda owner: lesions[owner].size_mm, reverse=True)
    opposite = [owner for owner in owners if lesions[owner].flank != lesions[owners[0]].flank]
    lead = [owners[0], *opposite[:1]]
    return lead + [owner for owner in owners if owner not in lead]


def picture(canvas: Canvas, drawn: Drawn, orientation: str) -> PhantomFinding:
    """A drawn finding in the voxel order of a file."""
    labels = drawn.label(canvas.owners)
    tissues = {label: list_tissues(canvas, owner) for owner, label in drawn.labels.items()}
    return PhantomFinding(drawn.text, drawn.category, reorient(labels, orientation), len(drawn.lesions), tissues)


def list_tissues(canvas: Canvas, owner: int) -> tuple[PaintedTissue, ...]:
    """The nominal HU of the voxels that a lesion holds, ascending."""
    values, counts = np.unique(canvas.anatomy.image[canvas.owners == owner], return_counts=True)
    return tuple(PaintedTissue(float(hu), int(n)) for hu, n in zip(values, counts, strict=True))


def reorient(array: NDArray[Scalar], orientation: str) -> NDArray[Scalar]:
    """An array (x,y,z) of LPS voxel order in the one that `orientation` names."""
    turned: NDArray[Scalar] = nib.orientations.apply_orientation(array, turn_to(orientation))
    return turned


def make_affine(grid: Grid, spacing_mm: Point, centre_lps: Point, orientation: str = "LPS") -> Affine:
    """Voxel indices, in the order that `orientation` names, to RAS mm; the body's centre lies at `centre_lps`."""
    first = [c + float(v[0]) for c, v in zip(centre_lps, (grid.x_mm, grid.y_mm, grid.z_mm), strict=True)]
    to_ras = np.array([-1.0, -1.0, 1.0])
    affine = np.diag([*(to_ras * spacing_mm), 1.0])
    affine[:3, 3] = to_ras * first
    return np.asarray(affine @ nib.orientations.inv_ornt_aff(turn_to(orientation), grid.shape), dtype=np.float64)


def turn_to(orientation: str) -> NDArray[np.float64]:
    """nibabel's recipe from LPS voxel order to the one that `orientation` names."""
    start, end = (nib.orientations.axcodes2ornt(tuple(codes)) for codes in ("LPS", orientation))
    return np.asarray(nib.orientations.ornt_transform(start, end), dtype=np.float64)
