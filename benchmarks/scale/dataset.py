"""As many phantom scans as a release has, with as many entities, written by several processes."""

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from math import ceil, floor
from pathlib import Path

import numpy as np

from ingest.phantoms import CODES, JSON_NAME, PhantomFinding, PhantomScan, write_scan
from ingest.phantoms.plan import plan_scan, take_scan

BLOCK = 64
LAST = 3
SEED = 0
MOST_FINDINGS = 5
ENTITIES_A_FINDING = 2.1
"""About what the phantoms have."""


@dataclass(frozen=True)
class Block:
    """Scans that one process writes: numbers from `first`, and the entities that all of them have together."""

    first: int
    scans: int
    entities: int


@dataclass(frozen=True)
class Written:
    """What a dataset has."""

    scans: int = 0
    findings: int = 0
    entities: int = 0
    splits: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Entry:
    """A scan's place in the JSON, and what it has: test cases do not tell their counts."""

    split: str
    case: dict[str, object]
    findings: int
    entities: int

    @classmethod
    def of(cls, scan: PhantomScan) -> "Entry":
        """The entry of a scan."""
        entities = sum(finding.entity_count for finding in scan.findings)
        return cls(scan.split, scan.entry(), len(scan.findings), entities)


def write_dataset(folder: Path, scans: int, entities: int, *, first: int = 0, workers: int) -> Written:
    """Write the masks, volumes and JSON of scans numbered from `first`, with about so many entities."""
    blocks = list(plan_blocks(first, scans, entities))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        entries = list(chain.from_iterable(pool.map(partial(write_block, folder), blocks)))
    splits: dict[str, list[dict[str, object]]] = {"train": [], "val": [], "test": []}
    for entry in entries:
        splits[entry.split].append(entry.case)
    (folder / JSON_NAME).write_text(json.dumps(splits))
    findings, counted = sum(one.findings for one in entries), sum(one.entities for one in entries)
    return Written(len(entries), findings, counted, frozenset(one.split for one in entries))


def plan_blocks(first: int, scans: int, entities: int) -> Iterator[Block]:
    """Share entities out evenly."""
    for start in range(0, scans, BLOCK):
        stop = min(start + BLOCK, scans)
        yield Block(first + start, stop - start, entities * stop // scans - entities * start // scans)


def write_block(folder: Path, block: Block) -> list[Entry]:
    """Write a block's scans, each with more findings or fewer as the block is behind or ahead in entities."""
    entries: list[Entry] = []
    left = block.entities
    for n in range(block.scans):
        later = block.scans - n - 1
        scan = take_numbered(block.first + n, choose_findings(left, later, block))
        scan = trim_entities(scan, max(1, left - later))
        write_scan(folder, scan)
        entries.append(Entry.of(scan))
        left -= entries[-1].entities
    return entries


def choose_findings(left: int, later: int, block: Block) -> int:
    """How many findings the next scan gets; the last ones get all they can, and what is too much is trimmed."""
    mean = block.entities / block.scans
    wanted = mean / ENTITIES_A_FINDING
    behind = left / (later + 1) > mean
    if later < LAST:
        return MOST_FINDINGS
    return min(MOST_FINDINGS, max(1, ceil(wanted) if behind else floor(wanted)))


def take_numbered(n: int, findings: int) -> PhantomScan:
    """The n-th scan of a phantom dataset, with so many findings: its own first, then those of other categories."""
    plan = plan_scan(n, SEED)
    categories = dict.fromkeys((*(plan.categories or ()), *CODES))
    return take_scan(replace(plan, categories=tuple(categories)[:findings]))


def trim_entities(scan: PhantomScan, most: int) -> PhantomScan:
    """The scan with its first `most` entities labelled; findings that are left without one go."""
    kept: list[PhantomFinding] = []
    for finding in scan.findings:
        labels = np.unique(finding.labels)[1 : 1 + most]
        most -= len(labels)
        if len(labels):
            kept.append(replace(finding, labels=np.where(np.isin(finding.labels, labels), finding.labels, 0)))
    return replace(scan, findings=tuple(kept))
