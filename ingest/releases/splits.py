"""Which scan stands in which split: read from a file, or taken from a release."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.errors import NotFound, SourceError
from schema.release import Release, ReleaseScan
from schema.scan import Scan

_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Place:
    """A scan's split, and its protocol where one is known."""

    scan: str
    split: str
    protocol: str | None = None


def read_splits(path: Path) -> list[Place]:
    """Read `{"train": [scan, ...], ...}` or a CSV with the columns scan, split and perhaps protocol.

    Raises:
        SourceError: the file cannot be read, has another form, or puts a scan into two splits.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SourceError(f"{path}: is larger than any list of splits; give one scan a line")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error
    places = list(_from_json(path, text) if text.lstrip().startswith("{") else _from_csv(path, text))
    return list(_each_once(path, places))


def _from_json(path: Path, text: str) -> Iterator[Place]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SourceError(f"{path}: is not JSON ({error})") from error
    for split, scans in document.items():
        if not isinstance(scans, list) or not all(isinstance(scan, str) for scan in scans):
            raise SourceError(f"{path}: {split!r} should be a list of scan names")
        yield from (Place(scan.removesuffix(".nii.gz"), split) for scan in scans)


def _from_csv(path: Path, text: str) -> Iterator[Place]:
    reader = csv.DictReader(text.splitlines())
    if not {"scan", "split"} <= set(reader.fieldnames or ()):
        raise SourceError(f"{path}: needs the columns scan and split; it has {', '.join(reader.fieldnames or ())}")
    for number, row in enumerate(reader, 2):
        if not row["scan"] or not row["split"]:
            raise SourceError(f"{path}: line {number} names no scan or no split")
        yield Place(row["scan"].removesuffix(".nii.gz"), row["split"], row.get("protocol") or None)


def _each_once(path: Path, places: Iterable[Place]) -> Iterator[Place]:
    seen: dict[str, str] = {}
    for place in places:
        if seen.setdefault(place.scan, place.split) != place.split:
            raise SourceError(f"{path}: {place.scan} stands in {seen[place.scan]} and in {place.split}; keep one")
        yield place


def splits_like(session: Session, release: str) -> list[Place]:
    """Give the places of a release's scans.

    Raises:
        NotFound: there is no such release.
    """
    key = session.exec(select(Release.id).where(Release.name == release)).one_or_none()
    if key is None:
        raise NotFound(f"there is no release {release!r}")
    query = (
        sa.select(col(Scan.name), col(ReleaseScan.split), col(ReleaseScan.protocol))
        .join(ReleaseScan, col(ReleaseScan.scan_id) == col(Scan.id))
        .where(col(ReleaseScan.release_id) == key)
        .order_by(col(Scan.name))
    )
    return [Place(*row) for row in session.execute(query)]
