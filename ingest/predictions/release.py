"""The truth of a release's split, from the database and the array store: predictions are scored without its files."""

import hashlib
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from compute.evaluation.settings import EvaluatorSettings
from compute.geometry import kernel_runs
from compute.jobs.pending import role_of
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.runs import Runs
from ingest.predictions.cases import ScoredCase, SplitCases
from ingest.predictions.faults import prediction_fault
from ingest.predictions.reading import Shape
from schema.annotation import Policy
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound
from schema.integrity import LABEL_AREAS
from schema.queries.tables import (
    ANNOTATION,
    LABEL_ARRAY,
    RELEASE,
    RELEASE_ANNOTATION,
    RELEASE_FINDING,
    RELEASE_SCAN,
    RELEASE_SPLIT,
    REVISION,
    SCAN,
    VOLUME,
)
from schema.release import Visibility


@dataclass(frozen=True)
class StoredMask:
    """The labels of a scan's findings, in the array store, in the release's order."""

    shape_vox: Shape
    affine_ras: tuple[float, ...] | None
    """16 numbers, row by row; None without a volume."""
    findings: tuple[tuple[str, int], ...]
    """The digest of each finding's label array, and the index in it."""
    labels_sha256: str
    """Over the digests of the findings' labels."""


@dataclass(frozen=True)
class ReleaseTruths:
    """The masks of a split; travels to workers."""

    arrays: ArrayStore
    visibility: Visibility
    masks: dict[str, StoredMask]
    """By file."""

    def sha256(self, file: str) -> str | None:
        """Give what a mask's digest is made of: its labels."""
        mask = self.masks.get(file)
        return mask.labels_sha256 if mask else None

    def read(self, file: str, _settings: EvaluatorSettings) -> tuple[Shape, list[Runs]]:
        """Give a mask's shape (i, j, k) and the runs of its findings."""
        mask, area = self.masks[file], LABEL_AREAS[self.visibility]
        read = (self.arrays.read_runs(digest, area, index) for digest, index in mask.findings)
        return mask.shape_vox, [kernel_runs(labels) for labels in read]

    def steps_mm(self, file: str) -> NDArray[np.float64] | None:
        """Give the LPS vectors from a voxel to the next along z, y and x."""
        affine = self.masks[file].affine_ras
        return None if affine is None else steps_zyx_lps_mm(np.reshape(affine, (4, 4)))


def release_split(
    database: Database, arrays: ArrayStore, release: str, split: str
) -> tuple[SplitCases, ReleaseTruths, str | None]:
    """Give the cases of a split, their truth, and the release's digest. A hidden split needs the owner.

    A case with a finding whose mask the release does not have is named among the faults, and not scored.

    Raises:
        NotFound: there is no such release, or no such split of it; the message says what there is.
    """
    visibility, digest = _find_split(database, release, split)
    with database.transaction(role_of(visibility), visibility) as session:
        rows = session.execute(_findings(release, split)).all()
    cases: list[ScoredCase] = []
    faults, masks = [], {}
    for _, group in groupby(rows, key=lambda row: row.scan_id):
        listed = list(group)
        case = _case(listed)
        if lacking := [row.index for row in listed if row.digest is None]:
            message = f"the release has no mask of finding {', '.join(map(str, lacking))}"
            faults.append(prediction_fault("missing_truth", case.file, message))
        else:
            cases.append(case)
            masks[case.file] = _mask(listed)
    return SplitCases(cases, faults, []), ReleaseTruths(arrays, visibility, masks), digest


def _case(rows: list[Any]) -> ScoredCase:
    categories = {n: row.category_code for n, row in enumerate(rows) if row.category_code}
    exhaustive = all(row.policy is Policy.EXHAUSTIVE for row in rows)
    return ScoredCase(f"{rows[0].scan}.nii.gz", categories, rows[0].protocol, exhaustive)


def _mask(rows: list[Any]) -> StoredMask:
    width, height, depth = rows[0].shape_vox
    affine = tuple(rows[0].affine_ras) if rows[0].affine_ras is not None else None
    digest = hashlib.sha256("".join(f"{row.labels_digest}\n" for row in rows).encode()).hexdigest()
    return StoredMask((width, height, depth), affine, tuple((row.digest, row.array_index) for row in rows), digest)


def _find_split(database: Database, release: str, split: str) -> tuple[Visibility, str | None]:
    named = sa.select(RELEASE_SPLIT.c.name, RELEASE_SPLIT.c.visibility, RELEASE.c.digest)
    named = named.join(RELEASE, RELEASE.c.id == RELEASE_SPLIT.c.release_id).where(RELEASE.c.name == release)
    with database.transaction() as session:
        splits = {row.name: row for row in session.execute(named)}
        releases = sorted(session.execute(sa.select(RELEASE.c.name)).scalars())
    if release not in releases:
        raise NotFound(f"there is no release {release!r}; there are: {', '.join(releases) or 'none'}")
    if split not in splits:
        raise NotFound(f"release {release} has no split {split!r}; its splits are: {', '.join(sorted(splits))}")
    return splits[split].visibility, splits[split].digest


def _findings(release: str, split: str) -> sa.Select[Any]:
    """Every finding of the split with its annotation, in the release's order."""
    named = sa.and_(
        RELEASE_ANNOTATION.c.release_id == RELEASE_FINDING.c.release_id,
        RELEASE_ANNOTATION.c.annotation_id == ANNOTATION.c.id,
    )
    drawn = RELEASE_ANNOTATION.join(ANNOTATION, ANNOTATION.c.id == RELEASE_ANNOTATION.c.annotation_id).join(
        LABEL_ARRAY, LABEL_ARRAY.c.id == ANNOTATION.c.label_array_id
    )
    here = sa.and_(
        RELEASE_SCAN.c.release_id == RELEASE_FINDING.c.release_id, RELEASE_SCAN.c.scan_id == RELEASE_FINDING.c.scan_id
    )
    rows = (
        RELEASE_FINDING.join(RELEASE, RELEASE.c.id == RELEASE_FINDING.c.release_id)
        .join(RELEASE_SCAN, here)
        .join(SCAN, SCAN.c.id == RELEASE_FINDING.c.scan_id)
        .join(REVISION, REVISION.c.id == RELEASE_FINDING.c.revision_id)
        .outerjoin(VOLUME, VOLUME.c.scan_id == SCAN.c.id)
        .outerjoin(drawn, sa.and_(ANNOTATION.c.finding_id == RELEASE_FINDING.c.finding_id, named))
    )
    return (
        sa.select(
            *(SCAN.c.id.label("scan_id"), SCAN.c.name.label("scan"), SCAN.c.shape_vox, VOLUME.c.affine_ras),
            *(RELEASE_SCAN.c.protocol, RELEASE_FINDING.c.index, REVISION.c.category_code, ANNOTATION.c.policy),
            *(LABEL_ARRAY.c.digest, ANNOTATION.c.array_index, ANNOTATION.c.labels_digest),
        )
        .select_from(rows)
        .where(RELEASE.c.name == release, RELEASE_SCAN.c.split == split)
        .order_by(SCAN.c.name, SCAN.c.id, RELEASE_FINDING.c.index)
    )
