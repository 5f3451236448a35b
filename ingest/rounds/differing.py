"""What one round changed against another: scans, findings, words, categories, and entity by entity what was drawn.

Voxels are compared once for each two annotations whose labels differ; what was told is kept, with the voxels that
differ as an array of their own, and told anew only by another version of the kernel.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from compute.geometry import kernel_runs, labels_of
from compute.jobs.cluster import map_unordered
from compute.jobs.pending import role_of
from compute.kernels.changes import Change, difference_runs, entity_changes
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.overlaps import dice
from compute.kernels.runs import LABEL, run_lengths
from ingest.locking import arrays_kept
from schema.agreement import AnnotationDifference
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore, StoredArray
from schema.database import Database
from schema.errors import SourceError
from schema.integrity import LABEL_AREAS
from schema.queries.scope import Scope, round_key
from schema.queries.tables import ANNOTATION, CONFIRMATION, FINDING, LABEL_ARRAY, REVISION, SCAN, VOLUME
from schema.queries.views import default_annotations
from schema.release import Visibility

KERNEL_VERSION = "changes-1"
"""Another one makes what was told stale."""
_SIDES = ("before", "after")


@dataclass(frozen=True)
class Side:
    """What one round says of a finding."""

    annotation: UUID
    digest: str
    array_index: int
    labels_digest: str
    text: str
    category: str | None


@dataclass(frozen=True)
class FindingPair:
    """A finding that both rounds drew; travels to workers."""

    scan: str
    index: int
    shape_vox: tuple[int, int, int]
    affine_ras: tuple[float, ...] | None
    before: Side
    after: Side
    visibility: Visibility


@dataclass(frozen=True)
class FindingDifference:
    """How the later round drew a finding that both drew."""

    scan: str
    finding: int
    """The index under which a source named it first."""
    before_id: UUID
    after_id: UUID
    """The annotations that are compared."""
    hidden: bool
    dice: float
    voxels_added: int
    voxels_removed: int
    changes: list[dict[str, Any]]
    digest: str | None
    """Of the array of the voxels that differ, 1 removed and 2 added; None where none do."""


@dataclass(frozen=True)
class WordsChanged:
    """Words or a category that differ between the rounds."""

    scan: str
    finding: int
    before: str | None
    after: str | None


@dataclass(frozen=True)
class RoundDifference:
    """From one round to another. Findings are named `scan index`; a hidden one only to the owner."""

    before: str
    after: str
    scans_added: tuple[str, ...]
    scans_removed: tuple[str, ...]
    findings_added: tuple[str, ...]
    findings_removed: tuple[str, ...]
    unchanged: int
    """Findings whose labels are the same."""
    reworded: tuple[WordsChanged, ...]
    recategorised: tuple[WordsChanged, ...]
    redrawn: tuple[FindingDifference, ...]
    """Those whose labels differ, the least alike first."""

    def entities(self) -> Counter[str]:
        """Count the changes of entities by kind, within findings whose labels differ."""
        return Counter(change["change"] for each in self.redrawn for change in each.changes)

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return {**asdict(self), "entities": dict(self.entities())}

    def summary(self) -> Iterator[str]:
        """Give it as a maintainer reads it, a line for each kind of change and a line below it for each instance."""
        yield f"# {self.before} -> {self.after}"
        for name in ("scans_added", "scans_removed", "findings_added", "findings_removed"):
            yield from _listed(name.replace("_", " "), getattr(self, name))
        for name in ("reworded", "recategorised"):
            lines = [f"{each.scan} {each.finding}: {each.before} -> {each.after}" for each in getattr(self, name)]
            yield from _listed(f"findings {name}", lines)
        yield f"findings drawn alike: {self.unchanged}"
        yield from _listed("findings drawn otherwise", [_shown(each) for each in self.redrawn])
        for change, count in sorted(self.entities().items()):
            yield f"entities {change}: {count}"


def _listed(what: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{what}: {len(lines)}"
        yield from (f"  - {line}" for line in lines)


def _shown(each: FindingDifference) -> str:
    kinds = Counter(change["change"] for change in each.changes if change["change"] != Change.SAME)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "the same entities"
    voxels = f"+{each.voxels_added:,} -{each.voxels_removed:,} voxels"
    return f"{each.scan} {each.finding}: {told}; Dice {each.dice:.3f}; {voxels}"


def compare_rounds(
    database: Database,
    store: ArrayStore,
    before: str,
    after: str,
    *,
    with_hidden: bool = False,
    workers: int = 1,
    address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RoundDifference:
    """Compare what two rounds say, and keep what is told of their voxels.

    Args:
        database: where the rounds are.
        store: where their labels are.
        before: the earlier round's name.
        after: the later one's.
        with_hidden: hidden annotations too, as the owner.
        workers: of a local cluster.
        address: of a scheduler whose workers are used instead.
        progress: told the findings compared and those to compare.

    Raises:
        NotFound: there is no such round.
        SourceError: both are one round.
    """
    if before == after:
        raise SourceError(f"{before} is one round: a round does not differ from itself; name two")
    rows = []
    for visibility in Visibility if with_hidden else (Visibility.OPEN,):
        with database.transaction(role_of(visibility), visibility) as session:
            scopes = [Scope(round_id=round_key(session, name)) for name in (before, after)]
            rows += [(visibility, row) for row in session.execute(_both(*scopes))]
    pairs = [_pair(row, visibility) for visibility, row in rows if row.before_id and row.after_id]
    differing = [pair for pair in pairs if pair.before.labels_digest != pair.after.labels_digest]
    told = _tell(database, store, differing, workers, address, progress or _quiet)
    return _difference(before, after, [row for _, row in rows], pairs, told)


def _quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def _both(before: Scope, after: Scope) -> sa.Select[Any]:
    """Every finding that one of the rounds drew, with what each says."""
    one, other = _drawn(before, "before"), _drawn(after, "after")
    rows = one.join(other, other.c.finding_id == one.c.finding_id, full=True)
    finding = sa.func.coalesce(one.c.finding_id, other.c.finding_id)
    rows = (
        rows.join(FINDING, FINDING.c.id == finding)
        .join(SCAN, SCAN.c.id == FINDING.c.scan_id)
        .outerjoin(VOLUME, VOLUME.c.scan_id == SCAN.c.id)
    )
    sides = [
        side.c[column].label(f"{name}_{column}")
        for name, side in zip(_SIDES, (one, other), strict=True)
        for column in ("id", "digest", "array_index", "labels_digest", "text", "category_code")
    ]
    return (
        sa.select(SCAN.c.name.label("scan"), FINDING.c.source_index, SCAN.c.shape_vox, VOLUME.c.affine_ras, *sides)
        .select_from(rows)
        .order_by(SCAN.c.name, FINDING.c.source_index, one.c.id, other.c.id)
    )


def _drawn(scope: Scope, name: str) -> sa.Subquery:
    """What a round drew, or said again, with the words that held then: the newest revision no newer than that."""
    said = sa.and_(CONFIRMATION.c.annotation_id == ANNOTATION.c.id, CONFIRMATION.c.round_id == scope.round_id)
    said_at = sa.func.coalesce(CONFIRMATION.c.created_at, ANNOTATION.c.created_at)
    newer = REVISION.alias()
    held = (
        sa.select(sa.func.max(newer.c.revision))
        .where(newer.c.finding_id == ANNOTATION.c.finding_id)
        .where(sa.or_(newer.c.created_at <= said_at, newer.c.revision == 1))
        .scalar_subquery()
    )
    words = sa.and_(REVISION.c.finding_id == ANNOTATION.c.finding_id, REVISION.c.revision == held)
    columns = [ANNOTATION.c[column] for column in ("id", "finding_id", "array_index", "labels_digest")]
    return (
        sa.select(*columns, LABEL_ARRAY.c.digest, REVISION.c.text, REVISION.c.category_code)
        .join(LABEL_ARRAY, LABEL_ARRAY.c.id == ANNOTATION.c.label_array_id)
        .outerjoin(CONFIRMATION, said)
        .join(REVISION, words)
        .where(sa.or_(default_annotations(scope), sa.and_(CONFIRMATION.c.round_id.is_not(None), ~_drew(scope))))
        .subquery(name)
    )


def _drew(scope: Scope) -> sa.ColumnElement[bool]:
    """Tell whether a round drew something of its own for the annotation's finding."""
    own = ANNOTATION.alias()
    return sa.exists().where(own.c.finding_id == ANNOTATION.c.finding_id, own.c.round_id == scope.round_id)


def _pair(row: Any, visibility: Visibility) -> FindingPair:
    width, height, depth = row.shape_vox
    affine = tuple(row.affine_ras) if row.affine_ras is not None else None
    before, after = (_side(row, name) for name in _SIDES)
    return FindingPair(row.scan, row.source_index, (width, height, depth), affine, before, after, visibility)


def _side(row: Any, name: str) -> Side:
    columns = ("id", "digest", "array_index", "labels_digest", "text", "category_code")
    return Side(*(getattr(row, f"{name}_{column}") for column in columns))


_Key = tuple[UUID, UUID]


def _tell(
    database: Database,
    store: ArrayStore,
    pairs: Sequence[FindingPair],
    workers: int,
    address: str | None,
    progress: Callable[[int, int], None],
) -> dict[_Key, FindingDifference]:
    """Give what is known of pairs, and tell the others; each is kept as soon as it is told."""
    told = {
        key: each
        for visibility in {pair.visibility for pair in pairs}
        for key, each in _known(database, visibility, [pair for pair in pairs if pair.visibility is visibility])
    }
    pending = [pair for pair in pairs if _key(pair) not in told]
    job = _Job(store)
    with arrays_kept(database):
        for n, (pair, found, stored) in enumerate(map_unordered(job, pending, workers=workers, address=address), 1):
            told[_key(pair)] = _keep(database, pair, found, stored)
            progress(n, len(pending))
    return told


def _key(pair: FindingPair) -> _Key:
    return pair.before.annotation, pair.after.annotation


def _known(
    database: Database, visibility: Visibility, pairs: Sequence[FindingPair]
) -> Iterator[tuple[_Key, FindingDifference]]:
    named = {_key(pair): pair for pair in pairs}
    table = sa.inspect(AnnotationDifference).local_table
    keys = sa.tuple_(table.c.before_id, table.c.after_id).in_(list(named))
    with database.transaction(role_of(visibility), visibility) as session:
        rows = session.execute(sa.select(table).where(keys, table.c.kernel_version == KERNEL_VERSION)).all()
    for row in rows:
        pair = named[row.before_id, row.after_id]
        facts = {name: row._mapping[name] for name in ("dice", "voxels_added", "voxels_removed", "changes", "digest")}
        yield _key(pair), _differing(pair, facts)


def _differing(pair: FindingPair, facts: dict[str, Any]) -> FindingDifference:
    return FindingDifference(pair.scan, pair.index, *_key(pair), pair.visibility is Visibility.HIDDEN, **facts)


_Found = tuple[FindingPair, dict[str, Any], StoredArray | None]


@dataclass(frozen=True)
class _Job:
    """Compares the voxels of a pair, and stores those that differ; runs in a worker."""

    store: ArrayStore

    def __call__(self, pair: FindingPair) -> _Found:
        labels = [self._read(pair, side) for side in (pair.before, pair.after)]
        before, after = (kernel_runs(each) for each in labels)
        height = pair.shape_vox[1]
        steps = steps_zyx_lps_mm(np.reshape(pair.affine_ras, (4, 4))) if pair.affine_ras else None
        differing = difference_runs(before, after)
        removed, added = (int(run_lengths(differing[differing[:, LABEL] == label]).sum()) for label in (1, 2))
        one, other = labels[0].voxels, labels[1].voxels
        facts = {
            "dice": float(dice(one - removed, one, other)),
            "voxels_removed": removed,
            "voxels_added": added,
            "changes": [_row(each) for each in entity_changes(before, after, height, steps)],
        }
        area = LABEL_AREAS[pair.visibility]
        stored = self.store.write_labels([labels_of(differing, pair.shape_vox[::-1])], area) if len(differing) else None
        return pair, facts, stored

    def _read(self, pair: FindingPair, side: Side) -> LabelRuns:
        return self.store.read_runs(side.digest, LABEL_AREAS[pair.visibility], side.array_index)


def _row(change: Any) -> dict[str, Any]:
    told = asdict(change)
    return {**told, "change": str(change.change), "before": list(change.before), "after": list(change.after)}


def _keep(
    database: Database, pair: FindingPair, facts: dict[str, Any], stored: StoredArray | None
) -> FindingDifference:
    told = {**facts, "digest": stored.digest if stored else None}
    values = {**told, "kernel_version": KERNEL_VERSION}
    key = {"before_id": pair.before.annotation, "after_id": pair.after.annotation}
    statement = insert(AnnotationDifference).values(**key, **values)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=values)
    with database.transaction(role_of(pair.visibility), pair.visibility) as session:
        session.execute(statement)
    return _differing(pair, told)


def _difference(
    before: str, after: str, rows: Sequence[Any], pairs: Sequence[FindingPair], told: dict[_Key, FindingDifference]
) -> RoundDifference:
    scans = [{row.scan for row in rows if getattr(row, f"{name}_id")} for name in _SIDES]
    alone = [[f"{row.scan} {row.source_index}" for row in rows if not getattr(row, f"{name}_id")] for name in _SIDES]
    return RoundDifference(
        before=before,
        after=after,
        scans_added=tuple(sorted(scans[1] - scans[0])),
        scans_removed=tuple(sorted(scans[0] - scans[1])),
        findings_added=tuple(alone[0]),
        findings_removed=tuple(alone[1]),
        unchanged=sum(pair.before.labels_digest == pair.after.labels_digest for pair in pairs),
        reworded=tuple(_words(pairs, "text")),
        recategorised=tuple(_words(pairs, "category")),
        redrawn=tuple(sorted(told.values(), key=lambda each: (each.dice, each.scan, each.finding))),
    )


def _words(pairs: Sequence[FindingPair], name: str) -> Iterator[WordsChanged]:
    for pair in pairs:
        old, new = (getattr(side, name) for side in (pair.before, pair.after))
        if old != new:
            yield WordsChanged(pair.scan, pair.index, old, new)
