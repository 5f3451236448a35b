"""Scoring what a round or release says against what another says, finding by finding, where both say something."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from compute.evaluation.scoring import FindingPair, case_stats, score_finding
from compute.evaluation.settings import EvaluatorSettings
from compute.geometry import kernel_runs
from compute.jobs.cluster import map_unordered
from compute.jobs.measuring import reason_of
from compute.jobs.pending import role_of
from compute.kernels.frames import steps_zyx_lps_mm
from compute.kernels.runs import Runs
from schema.annotation import Policy
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import ArrayStoreError
from schema.integrity import LABEL_AREAS
from schema.ontology import Focality
from schema.queries.scope import Scope
from schema.queries.tables import ANNOTATION, CATEGORY, FINDING, LABEL_ARRAY, REVISION, SCAN, VOLUME
from schema.queries.views import default_annotations
from schema.release import Visibility

RETRIES = 2
"""A worker may die, or lose its connection, so often before a scan counts as failed."""


@dataclass(frozen=True)
class Drawing:
    """The labels of one annotation, in the array store."""

    annotation: UUID
    digest: str
    array_index: int


@dataclass(frozen=True)
class DrawnTwice:
    """One finding with an annotation on either side."""

    index: int
    truth: Drawing
    prediction: Drawing
    focal: bool | None
    exhaustive: bool
    """Whether the truth's policy is to draw everything."""


@dataclass(frozen=True)
class ScanPairs:
    """The findings of one scan that both sides drew."""

    scan: str
    shape_vox: tuple[int, int, int]
    affine_ras: tuple[float, ...] | None
    """16 numbers, row by row; None without a volume, and then nothing is told in millimetres."""
    findings: tuple[DrawnTwice, ...]


@dataclass
class ScoredScans:
    """Cases in the evaluator's form, by scan; failures by scan, with the reason."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Job:
    """Scores a scan; runs in a worker."""

    arrays: ArrayStore
    settings: EvaluatorSettings
    visibility: Visibility

    def __call__(self, pairs: ScanPairs) -> dict[str, Any]:
        steps = steps_zyx_lps_mm(np.reshape(pairs.affine_ras, (4, 4))) if pairs.affine_ras else None
        width, height, depth = pairs.shape_vox
        findings: dict[str, dict[str, Any]] = {}
        for name, each in _named(pairs.findings):
            truth, prediction = self._runs(each.truth), self._runs(each.prediction)
            pair = FindingPair(truth, prediction, (depth, height, width), steps, each.focal, each.exhaustive)
            findings[name] = {
                **score_finding(pair, self.settings),
                "truth_annotation": str(each.truth.annotation),
                "prediction_annotation": str(each.prediction.annotation),
            }
        return {"file": pairs.scan, "findings": findings, "case_stats": case_stats(findings, self.settings)}

    def _runs(self, drawing: Drawing) -> Runs:
        return kernel_runs(self.arrays.read_runs(drawing.digest, LABEL_AREAS[self.visibility], drawing.array_index))


def _named(findings: tuple[DrawnTwice, ...]) -> Iterator[tuple[str, DrawnTwice]]:
    """With the names that the evaluator gives; further pairs of annotations of a finding are finding_0.1, ..."""
    for index, pairs in groupby(findings, key=lambda each: each.index):
        for n, each in enumerate(pairs):
            yield f"finding_{index}.{n}" if n else f"finding_{index}", each


def score_annotations(
    database: Database,
    arrays: ArrayStore,
    truth: Scope,
    prediction: Scope,
    settings: EvaluatorSettings,
    *,
    visibility: Visibility = Visibility.OPEN,
    workers: int = 1,
    address: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ScoredScans:
    """Score the annotations of one scope against those of another; findings that one of them lacks are left out.

    Args:
        database: where the annotations are.
        arrays: where their labels are.
        truth: what is taken as the truth, such as a release.
        prediction: what is scored, such as a round.
        settings: of the evaluator; predicted instances of a reader are labels, so those of `instances="labels"` fit.
        visibility: which annotations; hidden ones need the owner.
        workers: of a local cluster.
        address: of a scheduler whose workers are used instead.
        progress: told the scans done and the scans in all.
    """
    pairs = list(find_pairs(database, truth, prediction, visibility))
    scored = ScoredScans()

    def give_up(scan: ScanPairs, error: Exception) -> dict[str, Any]:
        if isinstance(error, OperationalError) or not isinstance(error, ArrayStoreError | OSError | ValueError):
            raise error
        scored.failed[scan.scan] = reason_of(error)
        return {}

    job = _Job(arrays, settings, visibility)
    results = map_unordered(job, pairs, workers=workers, address=address, retries=RETRIES, give_up=give_up)
    for done, case in enumerate(results, 1):
        scored.cases += [case] if case else []
        if progress:
            progress(done, len(pairs))
    scored.cases.sort(key=lambda case: str(case["file"]))
    return scored


def find_pairs(database: Database, truth: Scope, prediction: Scope, visibility: Visibility) -> Iterator[ScanPairs]:
    """Give the findings that both scopes have an annotation of, by scan; each two annotations of one are a pair."""
    with database.transaction(role_of(visibility), visibility) as session:
        rows = session.execute(_pairs(truth, prediction)).all()
    for _, group in groupby(rows, key=lambda row: row.scan_id):
        listed = list(group)
        first = listed[0]
        width, height, depth = first.shape_vox
        affine = tuple(first.affine_ras) if first.affine_ras is not None else None
        yield ScanPairs(first.scan, (width, height, depth), affine, tuple(map(_drawn_twice, listed)))


def _drawn_twice(row: sa.Row[Any]) -> DrawnTwice:
    return DrawnTwice(
        row.finding,
        Drawing(row.truth_id, row.truth_digest, row.truth_index),
        Drawing(row.prediction_id, row.prediction_digest, row.prediction_index),
        None if row.focality not in (Focality.FOCAL, Focality.NON_FOCAL) else row.focality is Focality.FOCAL,
        row.policy is Policy.EXHAUSTIVE,
    )


def _pairs(truth: Scope, prediction: Scope) -> sa.Select[Any]:
    left, right = _drawn(truth, "truth"), _drawn(prediction, "prediction")
    rows = (
        left.join(right, right.c.finding_id == left.c.finding_id)
        .join(FINDING, FINDING.c.id == left.c.finding_id)
        .join(SCAN, SCAN.c.id == FINDING.c.scan_id)
        .outerjoin(VOLUME, VOLUME.c.scan_id == SCAN.c.id)
        .outerjoin(REVISION, sa.and_(REVISION.c.finding_id == FINDING.c.id, REVISION.c.is_latest))
        .outerjoin(CATEGORY, CATEGORY.c.id == REVISION.c.category_id)
    )
    return (
        sa.select(
            *(SCAN.c.id.label("scan_id"), SCAN.c.name.label("scan"), SCAN.c.shape_vox, VOLUME.c.affine_ras),
            *(FINDING.c.source_index.label("finding"), CATEGORY.c.focality, left.c.policy),
            *(left.c.id.label("truth_id"), left.c.digest.label("truth_digest")),
            *(left.c.array_index.label("truth_index"), right.c.array_index.label("prediction_index")),
            *(right.c.id.label("prediction_id"), right.c.digest.label("prediction_digest")),
        )
        .select_from(rows)
        .where(left.c.id != right.c.id)
        .order_by(SCAN.c.name, SCAN.c.id, FINDING.c.source_index, left.c.id, right.c.id)
    )


def _drawn(scope: Scope, name: str) -> sa.Subquery:
    annotation = ANNOTATION.alias()
    columns = ("id", "finding_id", "policy", "array_index")
    return (
        sa.select(*(annotation.c[column] for column in columns), LABEL_ARRAY.c.digest)
        .join(LABEL_ARRAY, LABEL_ARRAY.c.id == annotation.c.label_array_id)
        .where(default_annotations(scope, annotation))
        .subquery(name)
    )
