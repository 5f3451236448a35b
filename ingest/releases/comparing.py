"""What one release changed against another: scans, words, categories, voxels. A changelog is read from it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ingest.changes import Changed, Named, to_json
from schema.annotation import Annotation, Entity
from schema.errors import NotFound
from schema.finding import FindingRevision
from schema.release import Release, ReleaseAnnotation, ReleaseFinding, ReleaseScan, ReleaseSplit
from schema.scan import Scan


@dataclass(frozen=True)
class _Said:
    """What a release says of a finding; of hidden annotations nothing is known here."""

    id: UUID
    scan: str
    index: int
    text: str
    category: str | None
    labels: str | None
    entities: int


@dataclass(frozen=True)
class ReleaseDifference:
    """From one release to another."""

    before: str
    after: str
    scans_added: tuple[Named, ...]
    scans_removed: tuple[Named, ...]
    moved: tuple[Changed, ...]
    """Scans that stand in another split."""
    visibility: tuple[Changed, ...]
    """Splits that were hidden or opened; `scan` is the split's name."""
    findings_added: tuple[Named, ...]
    findings_removed: tuple[Named, ...]
    reindexed: tuple[Changed, ...]
    reworded: tuple[Changed, ...]
    recategorised: tuple[Changed, ...]
    redrawn: tuple[Changed, ...]
    """Findings whose open labels differ; before and after are numbers of entities."""

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return to_json(self)

    def changelog(self) -> Iterator[str]:
        """Give it as people read it: a heading, then a line for each kind of change, with what changed below it."""
        yield f"# {self.before} -> {self.after}"
        quiet = True
        for each in fields(self)[2:]:
            changes = getattr(self, each.name)
            if changes:
                quiet = False
                yield f"{each.name.replace('_', ' ')}: {len(changes)}"
                yield from (f"  - {_shown(change)}" for change in changes)
        if quiet:
            yield "nothing differs"


def _shown(change: Changed | Named) -> str:
    return change.name if isinstance(change, Named) else f"{change.name}: {change.before} -> {change.after}"


def compare_releases(session: Session, before: str, after: str) -> ReleaseDifference:
    """Compare two releases, as far as the session's role sees them.

    Raises:
        NotFound: there is no such release.
    """
    keys = _key(session, before), _key(session, after)
    splits = [_splits(session, key) for key in keys]
    shown = [_visibilities(session, key) for key in keys]
    said = [_said(session, key) for key in keys]
    both = sorted(said[0].keys() & said[1].keys(), key=lambda key: (said[1][key].scan, said[1][key].index))
    pairs = [(said[0][key], said[1][key]) for key in both]
    return ReleaseDifference(
        before=before,
        after=after,
        scans_added=tuple(sorted(splits[1].keys() - splits[0].keys())),
        scans_removed=tuple(sorted(splits[0].keys() - splits[1].keys())),
        moved=tuple(_differing(splits[0], splits[1])),
        visibility=tuple(_differing(shown[0], shown[1])),
        findings_added=tuple(_named(said[1], said[0])),
        findings_removed=tuple(_named(said[0], said[1])),
        reindexed=tuple(_changes(pairs, "index")),
        reworded=tuple(_changes(pairs, "text")),
        recategorised=tuple(_changes(pairs, "category")),
        redrawn=tuple(
            Changed(new.id, new.scan, new.index, str(old.entities), str(new.entities))
            for old, new in pairs
            if old.labels != new.labels
        ),
    )


def _key(session: Session, name: str) -> int:
    found = session.exec(select(Release.id).where(Release.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"there is no release {name!r}")
    return found


def _splits(session: Session, release_id: int) -> dict[Named, str]:
    columns = (col(Scan.name), col(Scan.id), col(ReleaseScan.split))
    query = sa.select(*columns).join(Scan, col(Scan.id) == col(ReleaseScan.scan_id))
    rows = session.execute(query.where(col(ReleaseScan.release_id) == release_id))
    return {Named(name, key): split for name, key, split in rows}


def _visibilities(session: Session, release_id: int) -> dict[str, str]:
    query = select(ReleaseSplit.name, ReleaseSplit.visibility).where(ReleaseSplit.release_id == release_id)
    return {name: str(visibility) for name, visibility in session.exec(query)}


def _said(session: Session, release_id: int) -> dict[UUID, _Said]:
    count = sa.select(sa.func.count()).where(col(Entity.annotation_id) == col(Annotation.id)).scalar_subquery()
    named = sa.and_(
        col(ReleaseAnnotation.release_id) == col(ReleaseFinding.release_id),
        col(ReleaseAnnotation.finding_id) == col(ReleaseFinding.finding_id),
    )
    query = (
        sa.select(col(ReleaseFinding.finding_id), col(Scan.name), col(ReleaseFinding.index), col(FindingRevision.text))
        .add_columns(col(FindingRevision.category_code), col(Annotation.labels_digest), count)
        .join(Scan, col(Scan.id) == col(ReleaseFinding.scan_id))
        .join(FindingRevision, col(FindingRevision.id) == col(ReleaseFinding.revision_id))
        .outerjoin(ReleaseAnnotation, named)
        .outerjoin(Annotation, col(Annotation.id) == col(ReleaseAnnotation.annotation_id))
        .where(col(ReleaseFinding.release_id) == release_id)
    )
    return {row[0]: _Said(*row) for row in session.execute(query)}


def _differing(before: dict[Any, str], after: dict[Any, str]) -> Iterator[Changed]:
    for what in sorted(before.keys() & after.keys()):
        if before[what] != after[what]:
            yield Changed(getattr(what, "id", None), str(what), None, before[what], after[what])


def _named(said: dict[UUID, _Said], others: dict[UUID, _Said]) -> list[Named]:
    only = (said[key] for key in said.keys() - others.keys())
    found = sorted(only, key=lambda each: (each.scan, each.index))
    return [Named(f"{each.scan} {each.index}", each.id) for each in found]


def _changes(pairs: list[tuple[_Said, _Said]], name: str) -> Iterator[Changed]:
    for old, new in pairs:
        one, other = (None if value is None else str(value) for value in (getattr(old, name), getattr(new, name)))
        if one != other:
            yield Changed(new.id, new.scan, new.index, one, other)
