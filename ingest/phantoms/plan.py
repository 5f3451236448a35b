"""Which scans a phantom dataset has: names, splits, seeds and the way each is taken.

Scan n is the same for any number of scans. Twelve scans make a block of nine patients that holds every habit of
CT-RATE's names: two reconstructions of a study, two studies of a patient, the same number under both prefixes (two
people), and a prefix that is not the split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

from ingest.phantoms.lesions import CODES
from ingest.phantoms.scan import MaskDtype, PhantomScan, Protocol, Split
from ingest.phantoms.solids import Point, as_point
from ingest.phantoms.study import SHAPE, SPACING_MM, default_protocol, draw_codes, make_scan, stream

Prefix = Literal["train", "valid"]
SECOND_NUMBERS, FAULT_NUMBERS = 80_001, 90_001
# split, prefix, patient within the block, study letter, reconstruction
SLOTS: tuple[tuple[Split, Prefix, int, str, int], ...] = (
    ("train", "train", 0, "a", 1),
    ("val", "valid", 1, "a", 1),
    ("test", "train", 2, "a", 2),
    ("train", "train", 0, "a", 2),
    ("train", "train", 0, "b", 1),
    ("train", "valid", 0, "a", 1),
    ("train", "train", 3, "a", 1),
    ("train", "train", 4, "b", 2),
    ("val", "train", 5, "a", 2),
    ("test", "valid", 6, "a", 1),
    ("train", "train", 7, "a", 1),
    ("train", "valid", 8, "a", 1),
)
PATIENTS = 9
ORIENTATIONS = ("LPS", "LPS", "LPS", "RAS", "LPS", "LPS", "LAS", "LPS")
DTYPES: tuple[MaskDtype, ...] = ("uint8", "uint8", "int16", "uint8", "float32", "uint8", "uint8")
STRETCHES: tuple[Point, ...] = (
    (1.0, 1.0, 1.0),
    (1.0, 1.0, 1.12),
    (0.96, 0.96, 0.90),
    (1.03, 1.03, 1.05),
    (0.98, 1.0, 1.0),
)


@dataclass(frozen=True)
class ScanPlan:
    """Everything that `make_scan` needs for one scan of a dataset; `categories` begin a cycle over all of them."""

    name: str
    split: Split
    protocol: Protocol
    seed: int
    spacing_mm: Point
    shape: tuple[int, int, int] = SHAPE
    orientation: str = "LPS"
    mask_dtype: MaskDtype = "uint8"
    categories: tuple[str, ...] | None = None
    table: bool = False

    @property
    def patient(self) -> str:
        """`train_12`."""
        return "_".join(self.name.split("_")[:2])

    @property
    def study(self) -> str:
        """`train_12_a`."""
        return "_".join(self.name.split("_")[:3])


def plan_scan(n: int, seed: int, *, shape: tuple[int, int, int] = SHAPE, spacing_mm: Point = SPACING_MM) -> ScanPlan:
    """The plan of the n-th clean scan."""
    block, slot = divmod(n, len(SLOTS))
    split, prefix, patient, letter, reconstruction = SLOTS[slot]
    study = f"{prefix}_{block * PATIENTS + patient + 1}_{letter}"
    return ScanPlan(
        name=f"{study}_{reconstruction}.nii.gz",
        split=split,
        protocol=alternate(n) if split == "train" else default_protocol(split),
        seed=seed,
        spacing_mm=stretch(spacing_mm, study),
        shape=shape,
        orientation=ORIENTATIONS[n % len(ORIENTATIONS)],
        mask_dtype=DTYPES[n % len(DTYPES)],
        categories=cycle_categories(block * len(SLOTS) + lead(slot), seed, study),
        table=n % 3 == 1,
    )


def plan_extra(
    name: str,
    split: Split,
    seed: int,
    categories: tuple[str, ...] | None = None,
    *,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: Point = SPACING_MM,
) -> ScanPlan:
    """The plan of a scan beside the clean ones: a faulty one, or one that only the second JSON has."""
    return ScanPlan(name, split, default_protocol(split), seed, spacing_mm, shape, categories=categories)


def take_scan(plan: ScanPlan) -> PhantomScan:
    """The scan of a plan."""
    return make_scan(
        seed_of(plan.seed, plan.study),
        name=plan.name,
        split=plan.split,
        protocol=plan.protocol,
        shape=plan.shape,
        spacing_mm=plan.spacing_mm,
        orientation=plan.orientation,
        categories=plan.categories,
        mask_dtype=plan.mask_dtype,
        table=plan.table,
        body_seed=seed_of(plan.seed, plan.patient),
        noise_seed=seed_of(plan.seed, plan.name),
    )


def alternate(n: int) -> Protocol:
    """The two train protocols in turn."""
    return "protocol2" if n % 2 else "protocol1"


def lead(slot: int) -> int:
    """The first slot of the same study, so that reconstructions show the same findings."""
    return next(n for n, other in enumerate(SLOTS) if other[1:4] == SLOTS[slot][1:4])


def cycle_categories(n: int, seed: int, study: str) -> tuple[str, ...]:
    """Drawn categories behind one of a cycle over all 14 and the midline, which every dataset of 18 scans holds."""
    cycle = (*CODES, "midline")
    # A study that comes twice takes one place of the cycle, not two.
    first = cycle[(n - (n + 8) // len(SLOTS)) % len(cycle)]
    drawn = draw_codes(stream(seed_of(seed, study), 4))
    return (first, *[code for code in drawn if code != first][:4])


def stretch(spacing_mm: Point, study: str) -> Point:
    """A spacing of the study's own, near the one asked for."""
    factors = STRETCHES[crc32(study.encode()) % len(STRETCHES)]
    return as_point([a * b for a, b in zip(spacing_mm, factors, strict=True)])


def seed_of(seed: int, name: str) -> int:
    """A seed for a named thing, the same on every platform."""
    return (seed << 32) + crc32(name.encode())
