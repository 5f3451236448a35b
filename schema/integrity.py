"""Holding rows and stored arrays against each other: what is damaged, what is missing, what nobody names any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.agreement import AnnotationDifference
from schema.annotation import Annotation, Entity, LabelArray
from schema.arrays.place import Area, ArrayEntry
from schema.arrays.store import ArrayStore, LabelArea
from schema.base import HIDDEN, OPEN
from schema.database import LOCK_ARRAYS, Database, Role
from schema.errors import ArrayStoreError, ServerError
from schema.organ import OrganMask
from schema.release import Release, Visibility
from schema.release_digest import ReleaseCheck, check_release
from schema.scan import Scan, Volume, VolumeStorage

LABEL_AREAS: dict[Visibility, LabelArea] = {Visibility.OPEN: "labels", Visibility.HIDDEN: "hidden"}
LABEL_SCHEMAS: dict[str, LabelArea] = {OPEN: "labels", HIDDEN: "hidden"}
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Verification:
    """What was checked, and one line for each thing that does not hold."""

    arrays: int
    annotations: int
    releases: int
    withdrawn: int
    """Scans of releases whose rows and voxels were withdrawn."""
    problems: tuple[str, ...]


def verify(database: Database, store: ArrayStore, progress: Progress) -> Verification:
    """Read every stored array that rows name, and recompute what rows say of it; changes nothing."""
    with database.transaction(Role.OWNER) as session:
        named = sorted(named_arrays(session))
    problems: list[str] = []
    for n, (area, digest) in enumerate(named):
        problems += array_problems(store, area, digest)
        progress(n + 1, len(named))
    annotations = 0
    for visibility in Visibility:
        with database.transaction(Role.OWNER, visibility) as session:
            annotations += session.exec(select(sa.func.count()).select_from(Annotation)).one()
            problems += _annotation_problems(session, store, LABEL_AREAS[visibility])
    releases = _release_checks(database)
    problems += [problem for release in releases for problem in release.problems]
    withdrawn = sum(release.withdrawn for release in releases)
    return Verification(len(named), annotations, len(releases), withdrawn, tuple(problems))


def named_arrays(session: Session) -> set[tuple[Area, str]]:
    """Give the area and digest of every array that a row names, hidden ones included, as the owner."""
    copies = select(Volume.digest).where(Volume.storage == VolumeStorage.COPY)
    named: set[tuple[Area, str]] = {("volumes", digest) for digest in session.exec(copies)}
    named.update(("labels", digest) for digest in session.exec(select(OrganMask.digest)))
    for schema, area in LABEL_SCHEMAS.items():
        options = {"schema_translate_map": {OPEN: schema}}
        found = session.execute(sa.select(col(LabelArray.digest)), execution_options=options)
        named.update((area, digest) for digest in found.scalars())
        differing = session.execute(sa.select(col(AnnotationDifference.digest)), execution_options=options)
        named.update((area, digest) for digest in differing.scalars() if digest)
    return named


def array_problems(store: ArrayStore, area: Area, digest: str) -> Iterator[str]:
    """Read an array byte by byte, and give a line for what is missing or damaged."""
    try:
        if area == "volumes":
            store.verify_volume(digest)
        else:
            store.verify_labels(digest, area)
    except ArrayStoreError as error:
        yield str(error)


def _annotation_problems(session: Session, store: ArrayStore, area: LabelArea) -> Iterator[str]:
    drawn = sa.func.coalesce(sa.func.sum(Entity.voxels), 0)
    query = (
        select(Scan.name, Annotation.id, Annotation.voxels, drawn)
        .join(Annotation, col(Annotation.scan_id) == col(Scan.id))
        .outerjoin(Entity, col(Entity.annotation_id) == col(Annotation.id))
        .group_by(col(Scan.name), col(Annotation.id), col(Annotation.voxels))
        .having(drawn != col(Annotation.voxels))
    )
    for name, key, voxels, found in session.execute(query):
        yield f"scan {name}: annotation {key} has {voxels} voxels, its entities {found}; import the scan again"
    placed = select(Scan.name, LabelArray.digest, Annotation.array_index, Annotation.labels_digest).join_from(
        Annotation, LabelArray, col(LabelArray.id) == col(Annotation.label_array_id)
    )
    for name, digest, index, expected in session.execute(placed.join(Scan, col(Scan.id) == col(Annotation.scan_id))):
        if store.has(area, digest) and store.finding_digests(digest, area)[index] != expected:
            yield f"scan {name}: channel {index} of array {digest} is another finding's; import the scan again"


def _release_checks(database: Database) -> list[ReleaseCheck]:
    with database.transaction(Role.OWNER) as session:
        releases = session.exec(select(Release).where(col(Release.digest).is_not(None)).order_by(Release.name))
        return [check_release(session, release) for release in releases.all()]


@dataclass(frozen=True)
class Garbage:
    """Arrays that no row names: those old enough to go, and those within the grace time."""

    removable: tuple[ArrayEntry, ...]
    in_grace: tuple[ArrayEntry, ...]
    scratch: int
    """Writers that died, whose leavings were swept."""

    @property
    def stored_bytes(self) -> int:
        """Bytes that removing frees."""
        return sum(entry.stored_bytes for entry in self.removable)


def collect_garbage(database: Database, store: ArrayStore, *, grace: timedelta, dry_run: bool) -> Garbage:
    """Remove the arrays that no row names and that are older than the grace time, while no writer is at work.

    Raises:
        ServerError: an import is running.
    """
    with arrays_alone(database):
        scratch = 0 if dry_run else store.sweep_scratch(grace)
        with database.transaction(Role.OWNER) as session:
            named = named_arrays(session)
        entries = [entry for entry in store.iter_arrays() if (entry.area, entry.digest) not in named]
        youngest = datetime.now(UTC) - grace
        removable = tuple(entry for entry in entries if entry.modified_at <= youngest)
        if not dry_run:
            for entry in removable:
                store.delete(entry.area, entry.digest)
    return Garbage(removable, tuple(entry for entry in entries if entry.modified_at > youngest), scratch)


@contextmanager
def arrays_alone(database: Database) -> Iterator[None]:
    """Keep every writer of arrays away.

    Raises:
        ServerError: one is at work.
    """
    with database.engine(Role.OWNER).connect() as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(LOCK_ARRAYS))):
            raise ServerError("an import is running; try again when it is done")
        connection.commit()
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK_ARRAYS)))
