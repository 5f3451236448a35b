"""What one release changed against another: scans, words, categories, voxels. A changelog is read from it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.annotation import Annotation, Entity
from schema.errors import NotFound
from schema.finding import FindingRevision
from schema.release import Release, ReleaseAnnotation, ReleaseFinding, ReleaseScan, ReleaseSplit
from schema.scan import Scan


@dataclass(frozen=True)
class _Said:
    """What a release says of a finding; of hidden annotations nothing is known here."""

    scan: str
    index: int
    text: str
    category: str | None
    labels: str | None
    entities: int


@dataclass(frozen=True)
class Changed:
    """Something that both releases have and say differently."""

    scan: str
    finding: int | None
    """Its index in the later release; None where the scan itself is meant."""
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ReleaseDifference:
    """From one release to another; findings are named `scan index`."""

    before: str
    after: str
    scans_added: tuple[str, ...]
    scans_removed: tuple[str, ...]
    moved: tuple[Changed, ...]
    """Scans that stand in another split."""
    visibility: tuple[Changed, ...]
    """Splits that were hidden or opened; `scan` is the split's name."""
    findings_added: tuple[str, ...]
    findings_removed: tuple[str, ...]
    reindexed: tuple[Changed, ...]
    reworded: tuple[Changed, ...]
    recategorised: tuple[Changed, ...]
    redrawn: tuple[Changed, ...]
    """Findings whose open labels differ; before and after are numbers of entities."""

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return asdict(self)

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


def _shown(change: Changed | str) -> str:
    if isinstance(change, str):
        return change
    where = change.scan if change.finding is None else f"{change.scan} {change.finding}"
    return f"{where}: {change.before} -> {change.after}"


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
        findings_added=tuple(_named(said[1], said[1].keys() - said[0].keys())),
        findings_removed=tuple(_named(said[0], said[0].keys() - said[1].keys())),
        reindexed=tuple(_changes(pairs, "index")),
        reworded=tuple(_changes(pairs, "text")),
        recategorised=tuple(_changes(pairs, "category")),
        redrawn=tuple(
            Changed(new.scan, new.index, str(old.entities), str(new.entities))
            for old, new in pairs
            if old.labels != new.labels
        ),
    )


def _key(session: Session, name: str) -> int:
    found = session.exec(select(Release.id).where(Release.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"there is no release {name!r}")
    return found


def _splits(session: Session, release_id: int) -> dict[str, str]:
    query = sa.select(col(Scan.name), col(ReleaseScan.split)).join(Scan, col(Scan.id) == col(ReleaseScan.scan_id))
    return dict(session.execute(query.where(col(ReleaseScan.release_id) == release_id)).all())


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
    return {key: _Said(*said) for key, *said in session.execute(query)}


def _differing(before: dict[str, str], after: dict[str, str]) -> Iterator[Changed]:
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield Changed(name, None, before[name], after[name])


def _named(said: dict[UUID, _Said], keys: set[UUID]) -> list[str]:
    found = sorted((said[key].scan, said[key].index) for key in keys)
    return [f"{scan} {index}" for scan, index in found]


def _changes(pairs: list[tuple[_Said, _Said]], name: str) -> Iterator[Changed]:
    for old, new in pairs:
        one, other = getattr(old, name), getattr(new, name)
        if one != other:
            yield Changed(new.scan, new.index, None if one is None else str(one), None if other is None else str(other))
