"""Phantoms with known contradictions of words and masks, their lobes as organ masks, and a reader of their words."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlmodel import select

from ingest.options import ImportOptions
from ingest.phantoms import CODES, PhantomFinding, PhantomScan, make_scan, write_scan
from ingest.phantoms.body import LEFT_LUNG, LOBES, RIGHT_LUNG, number_lobes
from ingest.phantoms.study import SPACING_MM, draw_study
from ingest.phantoms.wordings import NUMBERS
from ingest.rexgroundingct import import_dataset
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.descriptor import Descriptor, DescriptorKind
from schema.finding import FindingRevision
from schema.organ import OrganMask
from schema.scan import Scan

SHAPE = (64, 64, 60)
LOBE_NAMES = {
    "1": "lung_upper_lobe_left",
    "2": "lung_lower_lobe_left",
    "3": "lung_upper_lobe_right",
    "4": "lung_middle_lobe_right",
    "5": "lung_lower_lobe_right",
}
ENGINE = "test reader 1"
Truth = set[tuple[str, int, str]]
"""Scan, finding and check of every contradiction."""
Spoil = Callable[[PhantomScan], PhantomScan]


@dataclass(frozen=True)
class Plant:
    """A scan with one thing wrong, and the checks that must say so, by finding."""

    codes: tuple[str, ...]
    spoil: Spoil
    truth: dict[int, set[str]]
    split: str = "val"
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """A scan as written, with its lobes (x,y,z)."""

    scan: PhantomScan
    lobes: NDArray[np.uint8]


@dataclass(frozen=True)
class Planted:
    """The archive of all of them."""

    database: Database
    arrays: ArrayStore
    made: dict[str, Made]
    truth: Truth


def reword(finding: int, text: str) -> Spoil:
    """Give a finding other words; `{}` in them is the old words."""
    return lambda scan: _with(scan, finding, lambda one: replace(one, text=text.replace("{}", one.text)))


def swap(finding: int, one: str, other: str) -> Spoil:
    """Exchange two words."""

    def change(found: PhantomFinding) -> PhantomFinding:
        words = {one: other, other: one}
        text = re.sub(rf"\b({one}|{other})\b", lambda match: words[match[1].lower()], found.text, flags=re.IGNORECASE)
        assert text != found.text, found.text
        return replace(found, text=text)

    return lambda scan: _with(scan, finding, change)


def recode(finding: int, code: str) -> Spoil:
    """Give a finding another category."""
    return lambda scan: _with(scan, finding, lambda one: replace(one, category=code))


def redraw(finding: int, draw: Callable[[NDArray[np.uint8], PhantomScan], None]) -> Spoil:
    """Draw into a copy of a finding's labels."""

    def change(scan: PhantomScan) -> PhantomScan:
        labels = scan.findings[finding].labels.copy()
        draw(labels, scan)
        return _with(scan, finding, lambda one: replace(one, labels=labels))

    return change


def both(*spoils: Spoil) -> Spoil:
    """One after the other."""

    def change(scan: PhantomScan) -> PhantomScan:
        for spoil in spoils:
            scan = spoil(scan)
        return scan

    return change


def _with(scan: PhantomScan, finding: int, change: Callable[[PhantomFinding], PhantomFinding]) -> PhantomScan:
    findings = list(scan.findings)
    findings[finding] = change(findings[finding])
    return replace(scan, findings=tuple(findings))


def _one_voxel(labels: NDArray[np.uint8], _scan: PhantomScan) -> None:
    low, high = np.argwhere(labels).min(axis=0), np.argwhere(labels).max(axis=0)
    beside = [voxel for voxel in np.argwhere(labels == 0) if (low <= voxel).all() and (voxel <= high).all()]
    labels[tuple(beside[0])] = 9


def _same_voxels(labels: NDArray[np.uint8], scan: PhantomScan) -> None:
    labels[:] = scan.findings[0].labels


def _in_corner(labels: NDArray[np.uint8], _scan: PhantomScan) -> None:
    labels[:] = 0
    labels[:4, :4, 20:24] = 1


def _slab(labels: NDArray[np.uint8], scan: PhantomScan) -> None:
    """A plate across the whole chest, 180 mm wide."""
    labels[:] = 0
    labels[4:-4, 30:33, 28:31] = 1


def _into_lung(labels: NDArray[np.uint8], scan: PhantomScan) -> None:
    """Aerated lung beside what was drawn, in the same place as far as words go."""
    low, high = np.argwhere(labels).min(axis=0) - 3, np.argwhere(labels).max(axis=0) + 4
    box = tuple(slice(max(0, a), b) for a, b in zip(low, high, strict=True))
    air = (scan.volume[box] < -750) & (scan.volume[box] > -930) & (labels[box] == 0)
    labels[:] = 0
    labels[box][air] = 1


PLANTS: dict[str, Plant] = {
    "fewer": Plant(("2d",), reword(0, "Twelve nodules, {}"), {0: {"count"}}, seed=1),
    "several": Plant(("2d", "2c"), reword(0, "Eleven nodules are seen"), {0: {"count"}}, seed=2),
    "more": Plant(("1b",), reword(0, "One ectatic bronchus"), {0: {"count"}}, split="train", seed=25),
    "larger said": Plant(("2d",), reword(0, "Mass of 140 mm"), {0: {"size"}}, seed=3),
    "smaller said": Plant(("2c",), reword(0, "Opacity of 3 mm"), {0: {"size"}}, seed=4),
    "smaller said, partial": Plant(("2c",), reword(0, "Opacity of 3 mm"), {0: {"size"}}, split="train", seed=5),
    "other side": Plant(("2d",), swap(0, "left", "right"), {0: {"side", "lobe"}}, seed=2),
    "other side, partial": Plant(("2g",), swap(0, "left", "right"), {0: {"side"}}, split="train", seed=34),
    "one side only": Plant(("2d",), reword(0, "Nodule in both lungs"), {0: {"bilateral"}}, seed=2),
    "other lobe": Plant(("2d",), swap(0, "upper", "lower"), {0: {"lobe"}}, seed=7),
    "not calcified": Plant(("2d",), reword(0, "Calcified nodule"), {0: {"attenuation_hu"}}, seed=7),
    "solid glass": Plant(("2b",), reword(0, "Ground-glass opacity"), {0: {"attenuation_hu"}}, seed=8),
    "dense emphysema": Plant(("2b",), recode(0, "1c"), {0: {"attenuation_hu"}}, seed=9),
    "effusion of air": Plant(("2g",), recode(0, "2e"), {0: {"attenuation_hu"}}, seed=10),
    "pneumothorax of fluid": Plant(("2e",), recode(0, "2g"), {0: {"attenuation_hu"}}, seed=11),
    "consolidated lung": Plant(
        ("2d",), both(recode(0, "2b"), reword(0, "Dense lung"), redraw(0, _into_lung)), {0: {"attenuation_hu"}}, seed=7
    ),
    "ball of a band": Plant(("2h",), both(recode(0, "2a"), reword(0, "Band")), {0: {"category_shape"}}, seed=12),
    "nodule of a chest": Plant(
        ("2d",), both(reword(0, "Nodule"), redraw(0, _slab)), {0: {"category_shape"}}, seed=13
    ),
    "same words": Plant(
        ("2d", "2d"), both(reword(0, "Nodule, seen well."), reword(1, "nodule, seen  well")),
        {0: {"duplicate_finding"}, 1: {"duplicate_finding"}}, seed=14,
    ),
    "same voxels": Plant(
        ("2c", "2d"), both(recode(1, "2c"), reword(1, "Patch"), redraw(1, _same_voxels)),
        {0: {"duplicate_finding"}, 1: {"duplicate_finding"}}, seed=15,
    ),
    "a single voxel": Plant(("1e",), both(reword(0, "Dots"), redraw(0, _one_voxel)), {0: {"single_voxel"}}, seed=16),
    "in the air": Plant(
        ("2h",), both(reword(0, "Cavity"), redraw(0, _in_corner)), {0: {"outside_body"}}, seed=17
    ),
}  # fmt: skip


def write_planted(folder: Path, *, clean: int = 3) -> tuple[dict[str, Made], Truth]:
    """Write a dataset: a scan for each plant, then `clean` ones of each split, five categories each."""
    made, truth, cases = {}, set[tuple[str, int, str]](), {"train": [], "val": [], "test": []}
    for number, (split, codes, seed, spoil, wrong) in enumerate(_scans(clean)):
        name = f"train_{number + 1}_a_1"
        drawn: dict[str, Any] = {"split": split, "categories": codes, "shape": SHAPE}
        scan = spoil(make_scan(seed, name=f"{name}.nii.gz", **drawn))
        made[name] = Made(scan, _lobes(seed, codes, partial=split == "train"))
        write_scan(folder, scan)
        cases[split].append(scan.entry())
        truth |= {(name, finding, check) for finding, checks in wrong.items() for check in checks}
    (folder / "dataset.json").write_text(json.dumps(cases), "utf-8")
    return made, truth


def _scans(clean: int) -> Iterator[tuple[str, tuple[str, ...], int, Spoil, dict[int, set[str]]]]:
    for plant in PLANTS.values():
        yield plant.split, plant.codes, plant.seed, plant.spoil, plant.truth
    for seed in range(100, 100 + clean):
        for split in ("train", "val", "test"):
            codes = tuple(np.random.default_rng([seed, len(split)]).permutation(CODES)[:5].tolist())
            yield split, codes, seed, lambda scan: scan, {}


def _lobes(seed: int, codes: tuple[str, ...], *, partial: bool) -> NDArray[np.uint8]:
    study = draw_study(seed, seed, SHAPE, SPACING_MM, categories=codes, partial=partial)
    _, v, w = study.canvas.grid.scaled(study.body.half_mm)
    lobes = np.broadcast_to(number_lobes(v, w), SHAPE)
    regions = study.canvas.anatomy.regions
    upper, middle, lower = (lobes == LOBES.index(lobe) for lobe in LOBES)
    organs = np.zeros(SHAPE, np.uint8)
    left, right = regions == LEFT_LUNG, regions == RIGHT_LUNG
    for label, where in enumerate(
        (left & (upper | middle), left & lower, right & upper, right & middle, right & lower), 1
    ):
        organs[where] = label
    return organs


def import_planted(folder: Path, database: Database, arrays: ArrayStore, made: dict[str, Made]) -> None:
    """Import them with their lobes, the test split hidden."""
    options = ImportOptions(folder / "dataset.json", round="r", workers=1, release="base", hide=frozenset({"test"}))
    report = import_dataset(database, arrays, options)
    assert report.left_out == 0, report.all_faults
    with database.transaction(Role.OWNER) as session:
        for key, name in session.execute(select(Scan.id, Scan.name)).all():
            labels = LabelRuns.from_dense(np.ascontiguousarray(made[name].lobes.T))
            stored = arrays.write_labels([labels], "labels")
            facts: dict[str, Any] = {"digest": stored.digest, "stored_sha256": stored.stored_sha256}
            row = OrganMask(scan_id=key, scheme="lobes", names=LOBE_NAMES, stored_bytes=stored.stored_bytes, **facts)
            session.add(row)


def describe_all(database: Database, engine: str = ENGINE) -> None:
    """Add the descriptors of every latest revision, in place of those before."""
    with database.transaction() as session:
        session.execute(sa.delete(Descriptor))
        latest = select(FindingRevision.id, FindingRevision.text).where(FindingRevision.is_latest)
        for key, text in session.execute(latest).all():
            session.add_all(Descriptor(revision_id=key, engine_version=engine, **row) for row in read_words(text))


def read_words(text: str) -> Iterator[dict[str, Any]]:
    """Read what the phantoms' words say, as rows of `descriptor`."""
    for kind, pattern, value in _PATTERNS:
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield {"kind": kind, "start_char": match.start(), "end_char": match.end(), **value(match)}


def _named(value: str) -> Callable[[re.Match[str]], dict[str, Any]]:
    return lambda _match: {"value": value}


def _size(match: re.Match[str]) -> dict[str, Any]:
    return {"value": match[0], "sizes_mm": [float(n) for n in re.findall(r"\d+", match[0])]}


def _count(match: re.Match[str]) -> dict[str, Any]:
    return {"value": match[0].lower(), "number": NUMBERS.index(match[0].lower())}


_PATTERNS: tuple[tuple[DescriptorKind, str, Callable[[re.Match[str]], dict[str, Any]]], ...] = (
    (DescriptorKind.SIDE, r"\bleft\b", _named("left")),
    (DescriptorKind.SIDE, r"\bright\b", _named("right")),
    (DescriptorKind.SIDE, r"\b(bilateral|both lungs)\b", _named("bilateral")),
    (DescriptorKind.LOBE, r"\b(left|right) (upper|middle|lower) lobe", lambda match: {"value": match[0].lower()}),
    (DescriptorKind.SEGMENT, r"\blingular segment", _named("lingular")),
    (DescriptorKind.SIZE, r"\b\d+( x \d+)? mm", _size),
    (DescriptorKind.COUNT, rf"\b({'|'.join(NUMBERS[1:])})\b", _count),
    (DescriptorKind.ATTENUATION, r"ground[- ]glass", _named("ground-glass")),
    (DescriptorKind.ATTENUATION, r"\bcalcified", _named("calcified")),
)
