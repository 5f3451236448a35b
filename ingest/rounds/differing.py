"""What one round changed against another: scans, findings, words, categories, and entity by entity what was drawn.

Voxels are compared once for each two annotations whose labels differ; what was told is kept, with the voxels that
differ as an array of their own, and told anew only by another version of the kernel.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from compute.geometry import kernel_runs, labels_of
from compute.jobs.cluster import map_unordered
from compute.jobs.pending import role_of
from compute.kernels.changes import Change, difference_runs, entity_changes
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.overlaps import dice
from compute.kernels.runs import LABEL, Runs, run_lengths
from ingest.changes import Changed, Named, to_json
from ingest.locking import arrays_kept
from schema.agreement import AnnotationDifference
from schema.arrays.store import ArrayStore, StoredArray
from schema.database import Database
from schema.errors import SourceError
from schema.integrity import LABEL_AREAS
from schema.queries.mistakes import OverLimit
from schema.queries.scope import Scope, round_key
from schema.queries.tables import ANNOTATION, CONFIRMATION, FINDING, LABEL_ARRAY, REVISION, SCAN, VOLUME
from schema.queries.views import default_annotations
from schema.release import Visibility

KERNEL_VERSION = "changes-1"
"""Another one makes what was told stale."""
_SIDES = ("before", "after")
_FACTS = ("dice", "voxels_added", "voxels_removed", "changes", "digest")


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

    id: UUID
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

    id: UUID
    scan: str
    finding: int
    """The index under which a source named it first."""
    before: UUID
    """The earlier annotation."""
    after: UUID
    hidden: bool
    voxel_mm3: float | None
    """None without the CT's frame."""
    dice: float
    voxels_added: int
    voxels_removed: int
    changes: list[dict[str, Any]]
    digest: str | None
    """Of the array of the voxels that differ, 1 removed and 2 added; None where none do."""


@dataclass(frozen=True)
class RoundDifference:
    """From one round to another; what is hidden is named only to the owner."""

    before: str
    after: str
    scans_added: tuple[Named, ...]
    scans_removed: tuple[Named, ...]
    findings_added: tuple[Named, ...]
    findings_removed: tuple[Named, ...]
    unchanged: int
    """Findings whose labels are the same."""
    reworded: tuple[Changed, ...]
    recategorised: tuple[Changed, ...]
    redrawn: tuple[FindingDifference, ...]
    """Those whose labels differ, the least alike first."""

    def entities(self) -> Counter[str]:
        """Count the changes of entities by kind, within findings whose labels differ."""
        return Counter(change["change"] for each in self.redrawn for change in each.changes)

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return {**to_json(self), "entities": dict(self.entities())}

    def summary(self) -> Iterator[str]:
        """Give it as a maintainer reads it, a line for each kind of change and a line below it for each instance."""
        yield f"# {self.before} -> {self.after}"
        for name in ("scans_added", "scans_removed", "findings_added", "findings_removed"):
            yield from _listed(name.replace("_", " "), getattr(self, name))
        for name in ("reworded", "recategorised"):
            lines = [f"{each.name}: {each.before} -> {each.after}" for each in getattr(self, name)]
            yield from _listed(f"findings {name}", lines)
        yield f"findings drawn alike: {self.unchanged}"
        yield from _listed("findings drawn otherwise", [_shown(each) for each in self.redrawn])
        for change, count in sorted(self.entities().items()):
            yield f"entities {change}: {count}"


def _listed(what: str, lines: Sequence[Named | str]) -> Iterator[str]:
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
    drawn: list[_Drawn] = []
    told: dict[_Key, FindingDifference] = {}
    for visibility in Visibility if with_hidden else (Visibility.OPEN,):
        with database.transaction(role_of(visibility), visibility) as session:
            drawn.append(_read(session, before, after, visibility))
            told |= _known(session, drawn[-1].differing)
    pending = [pair for found in drawn for pair in found.differing if _key(pair) not in told]
    told |= _tell(database, store, pending, workers, address, progress or _quiet)
    return _difference(before, after, drawn, told)


def read_difference(session: Session, store: ArrayStore, before: str, after: str, *, most: int) -> RoundDifference:
    """Compare what two rounds say as far as the session sees it, and keep nothing; what was kept is not told anew.

    Raises:
        NotFound: there is no such round.
        SourceError: both are one round.
        OverLimit: more findings than `most` would have to be compared voxel by voxel.
    """
    drawn = _read(session, before, after, Visibility.OPEN)
    told = _known(session, drawn.differing)
    pending = [pair for pair in drawn.differing if _key(pair) not in told]
    if len(pending) > most:
        remedy = f"at most {most} are for one request: run `groundct round diff {before} {after}`, which keeps them"
        raise OverLimit("comparisons", most, f"{len(pending)} findings are not yet compared; {remedy}")
    told |= {_key(pair): _difference_of(pair, _compare(store, pair)[0]) for pair in pending}
    return _difference(before, after, [drawn], told)


@dataclass(frozen=True)
class _Drawn:
    """What both rounds drew, as far as one schema holds it."""

    rows: Sequence[Any]
    pairs: Sequence[FindingPair]

    @property
    def differing(self) -> list[FindingPair]:
        """Give the findings whose labels differ."""
        return [pair for pair in self.pairs if pair.before.labels_digest != pair.after.labels_digest]


def _read(session: Session, before: str, after: str, visibility: Visibility) -> _Drawn:
    if before == after:
        raise SourceError(f"{before} is one round: a round does not differ from itself; name two")
    rows = session.execute(_both(*(Scope(round_id=round_key(session, name)) for name in (before, after)))).all()
    return _Drawn(rows, [_pair(row, visibility) for row in rows if row.before_id and row.after_id])


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
        sa.select(FINDING.c.id, FINDING.c.scan_id, SCAN.c.name.label("scan"), FINDING.c.source_index)
        .add_columns(SCAN.c.shape_vox, VOLUME.c.affine_ras, *sides)
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
    return FindingPair(row.id, row.scan, row.source_index, (width, height, depth), affine, before, after, visibility)


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
    """Compare pairs; each is kept as soon as it is told."""
    told = {}
    with arrays_kept(database):
        for n, found in enumerate(map_unordered(_Job(store), pairs, workers=workers, address=address), 1):
            told[_key(found[0])] = _keep(database, *found)
            progress(n, len(pairs))
    return told


def _key(pair: FindingPair) -> _Key:
    return pair.before.annotation, pair.after.annotation


def _known(session: Session, pairs: Sequence[FindingPair]) -> dict[_Key, FindingDifference]:
    """Give what was kept of pairs by this version of the kernel."""
    named = {_key(pair): pair for pair in pairs}
    table = sa.inspect(AnnotationDifference).local_table
    keys = sa.tuple_(table.c.before_id, table.c.after_id).in_(list(named))
    rows = session.execute(sa.select(table).where(keys, table.c.kernel_version == KERNEL_VERSION)).mappings()
    found = ((named[row["before_id"], row["after_id"]], row) for row in rows)
    return {_key(pair): _difference_of(pair, {name: row[name] for name in _FACTS}) for pair, row in found}


def _difference_of(pair: FindingPair, facts: Mapping[str, Any]) -> FindingDifference:
    affine = None if pair.affine_ras is None else np.reshape(pair.affine_ras, (4, 4))[:3, :3]
    return FindingDifference(
        id=pair.id,
        scan=pair.scan,
        finding=pair.index,
        before=pair.before.annotation,
        after=pair.after.annotation,
        hidden=pair.visibility is Visibility.HIDDEN,
        voxel_mm3=None if affine is None else float(abs(np.linalg.det(affine))),
        **{"digest": None, **facts},
    )


_Found = tuple[FindingPair, dict[str, Any], StoredArray | None]


@dataclass(frozen=True)
class _Job:
    """Compares the voxels of a pair, and stores those that differ; runs in a worker."""

    store: ArrayStore

    def __call__(self, pair: FindingPair) -> _Found:
        facts, differing = _compare(self.store, pair)
        area = LABEL_AREAS[pair.visibility]
        stored = self.store.write_labels([labels_of(differing, pair.shape_vox[::-1])], area) if len(differing) else None
        return pair, facts, stored


def _compare(store: ArrayStore, pair: FindingPair) -> tuple[dict[str, Any], Runs]:
    """Give what is told of a pair, and the runs of the voxels that differ."""
    area = LABEL_AREAS[pair.visibility]
    labels = [store.read_runs(side.digest, area, side.array_index) for side in (pair.before, pair.after)]
    before, after = (kernel_runs(each) for each in labels)
    steps = steps_zyx_lps_mm(np.reshape(pair.affine_ras, (4, 4))) if pair.affine_ras else None
    differing = difference_runs(before, after)
    removed, added = (int(run_lengths(differing[differing[:, LABEL] == label]).sum()) for label in (1, 2))
    one, other = labels[0].voxels, labels[1].voxels
    facts = {
        "dice": float(dice(one - removed, one, other)),
        "voxels_removed": removed,
        "voxels_added": added,
        "changes": [_row(each) for each in entity_changes(before, after, pair.shape_vox[1], steps)],
    }
    return facts, differing


def _row(change: Any) -> dict[str, Any]:
    told = asdict(change)
    return {**told, "change": str(change.change), "before": list(change.before), "after": list(change.after)}


def _keep(
    database: Database, pair: FindingPair, facts: dict[str, Any], stored: StoredArray | None
) -> FindingDifference:
    facts = {**facts, "digest": stored.digest if stored else None}
    values = {**facts, "kernel_version": KERNEL_VERSION}
    key = {"before_id": pair.before.annotation, "after_id": pair.after.annotation}
    statement = insert(AnnotationDifference).values(**key, **values)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=values)
    with database.transaction(role_of(pair.visibility), pair.visibility) as session:
        session.execute(statement)
    return _difference_of(pair, facts)


def _difference(
    before: str, after: str, drawn: Sequence[_Drawn], told: Mapping[_Key, FindingDifference]
) -> RoundDifference:
    rows, pairs = ([one for each in drawn for one in getattr(each, name)] for name in ("rows", "pairs"))
    scans = [{Named(row.scan, row.scan_id) for row in rows if getattr(row, f"{name}_id")} for name in _SIDES]
    named = [(row, Named(f"{row.scan} {row.source_index}", row.id)) for row in rows]
    alone = [[finding for row, finding in named if not getattr(row, f"{name}_id")] for name in _SIDES]
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


def _words(pairs: Sequence[FindingPair], name: str) -> Iterator[Changed]:
    for pair in pairs:
        old, new = (getattr(side, name) for side in (pair.before, pair.after))
        if old != new:
            yield Changed(pair.id, pair.scan, pair.index, old, new)
