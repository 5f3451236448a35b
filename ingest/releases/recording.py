"""What stands in two splits of a published release. That is somebody's fact, so it is no reason to refuse: a fault."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.faults import FaultDraft, fault
from ingest.releases.guard import Guard, Leak
from schema.collection import Collection
from schema.import_run import FaultKind
from schema.release import LeakKind, Release, ReleaseKind, ReleaseScan
from schema.scan import Scan

_KINDS = {LeakKind.VOLUME: FaultKind.VOLUME_IN_TWO_SPLITS, LeakKind.REPORT: FaultKind.REPORT_IN_TWO_SPLITS}
"""A patient's splits are told from the file of a release alone, by `ingest.cases`."""
_WORDS = {LeakKind.VOLUME: "the same voxels stand", LeakKind.REPORT: "the same report stands"}


def published_leaks(session: Session, collection: str, path: object) -> Iterator[FaultDraft]:
    """Tell of every volume and report that stands in two splits of a published release of a collection."""
    query = select(Release.id, Release.name).where(Release.kind == ReleaseKind.PUBLISHED)
    query = query.join(Collection, col(Collection.id) == col(Release.collection_id)).order_by(col(Release.name))
    for key, name in session.exec(query.where(Collection.name == collection)):
        yield from release_leaks(session, key, name, path)


def release_leaks(session: Session, release: int, name: str, path: object) -> Iterator[FaultDraft]:
    """Tell of every volume and report that stands in two splits of a release, with its scans by name."""
    query = sa.select(col(Scan.id), col(Scan.name), col(ReleaseScan.split))
    query = query.join(ReleaseScan, col(ReleaseScan.scan_id) == col(Scan.id))
    rows = session.execute(query.where(col(ReleaseScan.release_id) == release)).all()
    leaks: dict[tuple[LeakKind, str], list[Leak]] = defaultdict(list)
    for leak in Guard(session, {row.id: row.split for row in rows}).leaks():
        if leak.kind in _KINDS:
            leaks[leak.kind, leak.what].append(leak)
    splits = {row.name: row.split for row in rows}
    for (kind, _), pairs in leaks.items():
        scans = sorted(set(chain.from_iterable((pair.one, pair.other) for pair in pairs)))
        where = ", ".join(f"{scan} in {splits[scan]}" for scan in scans)
        yield fault(_KINDS[kind], f"{_WORDS[kind]} in two splits of {name}: {where}", scan=scans[0], path=path)
