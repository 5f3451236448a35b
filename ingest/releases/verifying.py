"""Holding one release against its digests: its rows by their leaves, its arrays byte by byte."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.annotation import Annotation, LabelArray
from schema.arrays.place import Area
from schema.arrays.store import ArrayStore
from schema.base import OPEN
from schema.database import Database, Role
from schema.errors import NotFound
from schema.integrity import LABEL_SCHEMAS, array_problems
from schema.release import Release, ReleaseAnnotation, ReleaseScan
from schema.release_digest import check_release
from schema.scan import Volume, VolumeStorage


@dataclass(frozen=True)
class VerifiedRelease:
    """What was checked of a release, and one line for each thing that is not as it was."""

    arrays: int
    withdrawn: int
    """Scans that were withdrawn: their leaves stay, their rows and voxels are gone."""
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give it as `--json` prints it."""
        return asdict(self)


def verify_release(
    database: Database, store: ArrayStore, name: str, progress: Callable[[int, int], None]
) -> VerifiedRelease:
    """Recompute a release's digests and read every array that it names, as the owner.

    Raises:
        NotFound: there is no such release, or it has no digest yet.
    """
    with database.transaction(Role.OWNER) as session:
        release = session.exec(select(Release).where(Release.name == name)).one_or_none()
        if release is None or release.digest is None:
            raise NotFound(f"there is no complete release {name!r}; `groundct release list` names those that are")
        check = check_release(session, release)
        arrays = sorted(set(_arrays(session, release.id)))
    problems = list(check.problems)
    for n, (area, digest) in enumerate(arrays, 1):
        problems += array_problems(store, area, digest)
        progress(n, len(arrays))
    return VerifiedRelease(len(arrays), check.withdrawn, tuple(problems))


def _arrays(session: Session, release_id: int) -> Iterator[tuple[Area, str]]:
    volumes = select(Volume.digest).join(ReleaseScan, col(ReleaseScan.scan_id) == col(Volume.scan_id))
    volumes = volumes.where(ReleaseScan.release_id == release_id, Volume.storage == VolumeStorage.COPY)
    yield from (("volumes", digest) for digest in session.exec(volumes))
    labels = (
        sa.select(col(LabelArray.digest))
        .join(Annotation, col(Annotation.label_array_id) == col(LabelArray.id))
        .join(ReleaseAnnotation, col(ReleaseAnnotation.annotation_id) == col(Annotation.id))
        .where(col(ReleaseAnnotation.release_id) == release_id)
    )
    for schema, area in LABEL_SCHEMAS.items():
        options = {"schema_translate_map": {OPEN: schema}}
        yield from ((area, digest) for (digest,) in session.execute(labels, execution_options=options))
