"""What each kind of row is in SQL: its tables, its condition in a scope, and the expression behind every field.

A view is only a description: a reader selects its fields row by row, a compiler may build one statement of many.
Fields have the GraphQL names in snake case; those that end in `_id` or `_key` are there for links.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias, TypeVarTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, array

from schema.annotation import AnnotationState
from schema.queries.scope import NOW, Scope
from schema.queries.sides import side_over
from schema.queries.tables import (
    ANNOTATION,
    ANNOTATION_EVENT,
    ANNOTATION_SOURCE,
    CATEGORY,
    COHORT,
    COHORT_MEMBER,
    ENTITY,
    FINDING,
    GEOMETRY,
    LOCATION,
    MODEL_CALL,
    OBSERVATION,
    ONTOLOGY,
    ORGAN_MASK,
    PATIENT,
    PERSON,
    READING,
    REASONING,
    REASONING_STEP,
    RELEASE,
    RELEASE_ANNOTATION,
    RELEASE_FINDING,
    RELEASE_SCAN,
    RELEASE_SPLIT,
    REVIEW,
    REVIEW_REASON,
    REVISION,
    ROUND,
    SCAN,
    SCAN_METADATA,
    STUDY,
    TEXT_CHECK,
    VOLUME,
)
from schema.text_check import CheckOutcome

Expression: TypeAlias = sa.ColumnElement[Any]
Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, eq=False)
class View:
    """One kind of row.

    Every join is outer, or over a key that is never null, unless `where` mentions what it joins: so a join that is
    not needed can be left out without a row more or less.
    """

    rows: sa.FromClause
    fields: Mapping[str, Expression]
    """What every reader gets."""
    order: tuple[Expression, ...]
    """What rows are sorted by; the last one is unique."""
    where: Expression = field(default_factory=sa.true)
    computed: Mapping[str, Expression] = field(default_factory=dict)
    """What costs more and is read only when it is asked for."""
    reached: Mapping[str, Expression] = field(default_factory=dict)
    """What rows are only reached by: the other end of what joins them to rows of another kind."""
    key: str = "id"
    settled: Mapping[str, int] = field(default_factory=dict)
    """By field, how much of the order's beginning is the same for all rows with one value of it."""

    def rows_with(self, expressions: Iterable[sa.ClauseElement]) -> sa.FromClause:
        """Give the rows without the joins that neither these expressions nor `where` need."""
        return _joined(self.rows, _tables(*expressions, self.where))

    def expression(self, name: str) -> Expression:
        """Give what a field is, a computed one too, or what rows are reached by."""
        return next(each[name] for each in (self.fields, self.reached, self.computed) if name in each)

    def select(self) -> sa.Select[Any]:
        """Give all fields of all rows, and what they are reached by, in no order."""
        columns = [expression.label(name) for name, expression in {**self.fields, **self.reached}.items()]
        return sa.select(*columns).select_from(self.rows).where(self.where)

    def select_only(self, *names: str) -> sa.Select[Any]:
        """Give the key and the named fields, computed ones too."""
        columns = [self.expression(name).label(name) for name in (self.key, *names)]
        return sa.select(*columns).select_from(self.rows).where(self.where)


def _joined(rows: sa.FromClause, needed: set[sa.FromClause]) -> sa.FromClause:
    if not isinstance(rows, sa.Join):
        return rows
    if rows.right not in needed or rows.onclause is None:
        return _joined(rows.left, needed)
    left = _joined(rows.left, needed | _tables(rows.onclause))
    return left.join(rows.right, rows.onclause, isouter=rows.isouter)


def closed(select: sa.Select[*Columns]) -> sa.Select[*Columns]:
    """Keep a subquery from taking anything of the statement around it."""
    return select.correlate(None).execution_options(closed=True)


def open_parts(*expressions: sa.ClauseElement) -> Iterator[sa.ClauseElement]:
    """Give the parts of expressions, closed subqueries among them, but not what is in those."""
    left = list(expressions)
    while left:
        yield (each := left.pop())
        if not is_closed(each):
            left += [child for child in each.get_children() if isinstance(child, sa.ClauseElement)]


def is_closed(part: sa.ClauseElement) -> bool:
    """Tell whether it is a subquery that takes nothing of the statement around it."""
    return isinstance(part, sa.Select) and bool(part.get_execution_options().get("closed"))


def _tables(*expressions: sa.ClauseElement) -> set[sa.FromClause]:
    """Give the tables of the columns in expressions; what closed subqueries read is their own."""
    return {each.table for each in open_parts(*expressions) if isinstance(each, sa.Column)}


def columns_of(table: sa.FromClause, *names: str) -> dict[str, Expression]:
    """Give a table's columns as fields of their own names."""
    return {name: table.c[name] for name in names}


def _numbers(*parts: Expression) -> Expression:
    return array(parts)


@lru_cache(maxsize=64)
def scans(_scope: Scope = NOW) -> View:
    """Scans with their volumes' facts; what of them is in a release is for filters."""
    rows = (
        SCAN.join(STUDY, STUDY.c.id == SCAN.c.study_id)
        .join(PATIENT, PATIENT.c.id == STUDY.c.patient_id)
        .outerjoin(VOLUME, VOLUME.c.scan_id == SCAN.c.id)
    )
    volume = ("orientation", "hu_min", "hu_max", "body_midline_lps_mm", "digest", "stored_bytes", "terms")
    return View(
        rows=rows,
        fields={
            **columns_of(SCAN, "id", "name", "shape_vox", "study_id"),
            "study": STUDY.c.name,
            "patient": PATIENT.c.key,
            "spacing_mm": VOLUME.c.spacing_mm,
            **{f"volume_{name}": VOLUME.c[name] for name in volume},
            "volume_affine_ras": array([VOLUME.c.affine_ras[n : n + 3] for n in (1, 5, 9, 13)]),
        },
        computed={"hidden": sa.func.scan_is_hidden(SCAN.c.id, type_=sa.Boolean)},
        order=(SCAN.c.name, SCAN.c.id),
    )


def scan_metadata(_scope: Scope) -> View:
    """What the collection's table says of a scan."""
    names = ("scan_id", "manufacturer", "manufacturer_model", "patient_sex", "patient_age_years", "study_date")
    return View(SCAN_METADATA, columns_of(SCAN_METADATA, *names), order=(SCAN_METADATA.c.scan_id,), key="scan_id")


@lru_cache(maxsize=64)
def findings(scope: Scope = NOW) -> View:
    """Findings in their latest revision, or in the revision and under the index of a release.

    `text_words` and `revision_id` are what filters and search build on.
    """
    rows: sa.FromClause = REVISION
    where: Expression = REVISION.c.is_latest
    index: Expression = FINDING.c.source_index
    if scope.release_id is not None:
        rows = RELEASE_FINDING.join(REVISION, REVISION.c.id == RELEASE_FINDING.c.revision_id)
        where, index = RELEASE_FINDING.c.release_id == scope.release_id, RELEASE_FINDING.c.index
    rows = rows.join(FINDING, FINDING.c.id == REVISION.c.finding_id).join(SCAN, SCAN.c.id == FINDING.c.scan_id)
    return View(
        rows=rows,
        fields={
            **columns_of(FINDING, "id", "scan_id"),
            "index": index,
            **columns_of(REVISION, "revision", "text", "category_id", "category_code", "present", "refers_to_prior"),
            "text_side": REVISION.c.text_side,
            "study_id": SCAN.c.study_id,
            "revision_id": REVISION.c.id,
        },
        computed={"side": finding_side(scope), "entity_count": entity_count(scope)},
        order=(SCAN.c.name, index, FINDING.c.id),
        settled={"scan_id": 1},
        where=where if scope.round_id is None else where & _drawn_in(scope.round_id),
    )


def _drawn_in(round_id: int | sa.ColumnElement[int]) -> Expression:
    """The finding has an annotation of this round."""
    drawn = ANNOTATION.alias()
    return sa.exists().where(drawn.c.finding_id == FINDING.c.id, drawn.c.round_id == round_id).correlate(FINDING)


def default_annotations(scope: Scope, annotation: sa.FromClause = ANNOTATION) -> Expression:
    """Tell whether an annotation holds in a scope.

    A round's are those that were accepted once and that the round itself did not replace; a release's are those that
    it names; of now are the accepted ones.
    """
    if scope.round_id is not None:
        return sa.and_(annotation.c.round_id == scope.round_id, _last_word_of_round(annotation))
    if scope.release_id is not None:
        named = sa.exists().where(
            RELEASE_ANNOTATION.c.release_id == scope.release_id, RELEASE_ANNOTATION.c.annotation_id == annotation.c.id
        )
        return named.correlate(annotation)
    return annotation.c.state == _state(AnnotationState.ACCEPTED)


def _last_word_of_round(annotation: sa.FromClause) -> Expression:
    newer = ANNOTATION.alias()
    replaced = sa.exists().where(newer.c.supersedes_id == annotation.c.id, newer.c.round_id == annotation.c.round_id)
    once_accepted = (_state(AnnotationState.ACCEPTED), _state(AnnotationState.SUPERSEDED))
    return sa.and_(annotation.c.state.in_(once_accepted), ~replaced.correlate(annotation))


def _state(state: AnnotationState) -> Expression:
    """A constant in the text of the statement, so that the partial index of accepted annotations serves."""
    return sa.literal(state, ANNOTATION.c.state.type, literal_execute=True)


def _entities_of_finding(scope: Scope, *selected: Expression) -> sa.Select[Any]:
    """Something over the entities of the finding of the enclosing statement."""
    annotation = ANNOTATION.alias()
    rows = annotation.join(ENTITY, ENTITY.c.annotation_id == annotation.c.id)
    rows = rows.outerjoin(GEOMETRY, GEOMETRY.c.entity_id == ENTITY.c.id)
    here = annotation.c.finding_id == FINDING.c.id
    return sa.select(*selected).select_from(rows).where(here, default_annotations(scope, annotation)).correlate(FINDING)


def finding_side(scope: Scope) -> Expression:
    """The side of the enclosing statement's finding over its entities; null where no side is known."""
    return _entities_of_finding(scope, side_over(GEOMETRY.c.side)).scalar_subquery()


def entity_count(scope: Scope) -> Expression:
    """How many entities the enclosing statement's finding has; 0 where nothing is drawn, or may be seen."""
    return _entities_of_finding(scope, sa.func.count()).scalar_subquery()


def some_entity(scope: Scope, condition: Expression) -> Expression:
    """The enclosing statement's finding has an entity with this condition over `entity` and `geometry`."""
    return sa.exists(_entities_of_finding(scope, sa.literal(1)).where(condition))


@lru_cache(maxsize=64)
def annotations(scope: Scope = NOW) -> View:
    """Annotations that hold in a scope; under a release with the counts that it declares."""
    rows: sa.FromClause = ANNOTATION.join(FINDING, FINDING.c.id == ANNOTATION.c.finding_id)
    rows = rows.join(SCAN, SCAN.c.id == FINDING.c.scan_id)
    rows = rows.outerjoin(PERSON, PERSON.c.id == ANNOTATION.c.annotator_id)
    declared: Expression = sa.null()
    if scope.release_id is not None:
        rows = rows.outerjoin(
            RELEASE_ANNOTATION,
            sa.and_(
                RELEASE_ANNOTATION.c.annotation_id == ANNOTATION.c.id,
                RELEASE_ANNOTATION.c.release_id == scope.release_id,
            ),
        )
        declared = RELEASE_ANNOTATION.c.declared_entities
    return View(
        rows=rows,
        fields={
            **columns_of(ANNOTATION, "id", "finding_id", "round_id", "state", "policy_limit", "protocol"),
            "policy_kind": ANNOTATION.c.policy,
            **columns_of(ANNOTATION, "voxels", "version", "labels_digest", "created_at", "method"),
            "annotator": PERSON.c.pseudonym,
            "declared_entities": sa.cast(declared, sa.Integer),
        },
        order=(SCAN.c.name, FINDING.c.source_index, ANNOTATION.c.created_at, ANNOTATION.c.id),
        settled={"finding_id": 2},
        where=default_annotations(scope),
    )


@lru_cache(maxsize=64)
def entities(scope: Scope = NOW) -> View:
    """Entities of the annotations that hold in a scope, with what is measured of them."""
    rows = (
        ENTITY.join(ANNOTATION, ANNOTATION.c.id == ENTITY.c.annotation_id)
        .join(FINDING, FINDING.c.id == ANNOTATION.c.finding_id)
        .join(SCAN, SCAN.c.id == FINDING.c.scan_id)
        .outerjoin(GEOMETRY, GEOMETRY.c.entity_id == ENTITY.c.id)
    )
    return View(
        rows=rows,
        fields={
            **columns_of(ENTITY, "id", "label", "voxels", "annotation_id"),
            **columns_of(ANNOTATION, "finding_id", "round_id"),
            "box_min_vox": _box_corner(sa.func.lower),
            "box_max_vox": _box_corner(sa.func.upper),
            **_measured(),
        },
        order=(SCAN.c.name, FINDING.c.source_index, ANNOTATION.c.id, ENTITY.c.label, ENTITY.c.id),
        settled={"finding_id": 2, "annotation_id": 3},
        where=default_annotations(scope),
    )


@lru_cache(maxsize=64)
def any_annotation(scope: Scope = NOW) -> View:
    """Annotations whatever their state, for those that are reached by name."""
    return replace(annotations(scope), where=sa.true())


@lru_cache(maxsize=64)
def any_entity(scope: Scope = NOW) -> View:
    """Entities whatever their annotation's state, for those that are reached by name or by their annotation."""
    return replace(entities(scope), where=sa.true())


def _box_corner(end: Any) -> Expression:
    return _numbers(*(end(ENTITY.c[f"box_{axis}"], type_=sa.Integer) for axis in "ijk"))


MEASURES = (
    *("volume_mm3", "volume_ml", "side", "components6", "components18", "components26"),
    *("surface_area_mm2", "mesh_volume_mm3", "sphericity", "max_diameter_mm", "long_axis_mm", "short_axis_mm"),
    *("long_axis_k", "major_axis_mm", "minor_axis_mm", "least_axis_mm", "elongation", "flatness"),
    *("hu_mean", "hu_std", "hu_min", "hu_max", "hu_median", "hu_p05", "hu_p10", "hu_p25", "hu_p75", "hu_p90", "hu_p95"),
    *("hu_skewness", "hu_kurtosis", "hu_entropy", "hu_below_950", "hu_below_910", "hu_below_700", "hu_above_0"),
    *("hu_above_100", "hu_above_130", "shell_voxels", "shell_hu_mean", "hu_contrast"),
    "kernel_version",
)
"""Columns of `geometry` that are fields as they stand."""


def _measured() -> dict[str, Expression]:
    return {
        "centroid_vox": _unless_null(GEOMETRY.c.entity_id, *(GEOMETRY.c[f"centroid_{axis}"] for axis in "ijk")),
        "centroid_lps_mm": _unless_null(GEOMETRY.c.x_lps_mm, *(GEOMETRY.c[f"{axis}_lps_mm"] for axis in "xyz")),
        **{f"box_{end}_lps_mm": _corner(end) for end in ("min", "max")},
        "major_axis_lps": _unless_null(GEOMETRY.c.major_axis_x, *(GEOMETRY.c[f"major_axis_{axis}"] for axis in "xyz")),
        **columns_of(GEOMETRY, *MEASURES),
        "kernel_settings": GEOMETRY.c.settings,
        "measured_on": GEOMETRY.c.device,
        "measured_at": GEOMETRY.c.computed_at,
    }


def _corner(end: str) -> Expression:
    return _unless_null(GEOMETRY.c.box_min_x_lps_mm, *(GEOMETRY.c[f"box_{end}_{axis}_lps_mm"] for axis in "xyz"))


def _unless_null(known: Expression, *parts: Expression) -> Expression:
    return sa.case((known.is_not(None), _numbers(*parts)), else_=sa.cast(sa.null(), ARRAY(sa.Double)))


def locations(_scope: Scope) -> View:
    """Where entities lie, by organ scheme."""
    shares = ("lung_share", "left_share", "right_share", "lobe_share")
    return View(
        LOCATION.join(ORGAN_MASK, ORGAN_MASK.c.id == LOCATION.c.organ_mask_id),
        {
            **columns_of(LOCATION, "entity_id", "organ_mask_id", "lobe", "lung_border_mm", *shares),
            "organ_shares": _largest_first(LOCATION.c.shares),
            "scheme": ORGAN_MASK.c.scheme,
            "relative_position": _unless_null(LOCATION.c.rel_x, *(LOCATION.c[f"rel_{axis}"] for axis in "xyz")),
        },
        order=(LOCATION.c.entity_id, ORGAN_MASK.c.scheme),
        key="organ_mask_id",
    )


def _largest_first(shares: Expression) -> Expression:
    """Give an object's members as a list of `{"organ": ..., "share": ...}`, the largest share first."""
    columns = (sa.column("organ", sa.Text), sa.column("share", sa.Text))
    each = sa.func.jsonb_each_text(shares).table_valued(*columns).render_derived(name="shared")
    number = sa.cast(each.c.share, sa.Double)
    member = sa.func.json_build_object("organ", each.c.organ, "share", number)
    listed = aggregate_order_by(member, number.desc(), sa.collate(each.c.organ, "C"))
    none = sa.literal_column("'[]'::json", sa.JSON)
    return sa.select(sa.func.coalesce(sa.func.json_agg(listed), none, type_=sa.JSON)).scalar_subquery()


@lru_cache(maxsize=64)
def categories(scope: Scope = NOW) -> View:
    """Categories of every ontology; counts are over the subtree: of findings in the scope, of observations now."""
    below = CATEGORY.alias()
    counted = findings(scope)
    in_subtree = sa.and_(
        below.c.ontology_id == CATEGORY.c.ontology_id, sa.func.starts_with(below.c.path, CATEGORY.c.path)
    )
    count = (
        sa.select(sa.func.count())
        .select_from(counted.rows_with([REVISION.c.category_id]).join(below, below.c.id == REVISION.c.category_id))
        .where(counted.where, in_subtree)
        .correlate(CATEGORY)
    )
    observed = (
        sa.select(sa.func.count())
        .select_from(
            OBSERVATION.join(READING, READING.c.id == OBSERVATION.c.reading_id).join(
                below, below.c.id == OBSERVATION.c.category_id
            )
        )
        .where(READING.c.is_latest, OBSERVATION.c.present, in_subtree)
        .correlate(CATEGORY)
    )
    names = ("id", "ontology_id", "parent_id", "code", "name", "path", "focality", "segmented", "assignable")
    return View(
        CATEGORY.join(ONTOLOGY, ONTOLOGY.c.id == CATEGORY.c.ontology_id),
        {**columns_of(CATEGORY, *names), "ontology": ONTOLOGY.c.name, "ontology_version": ONTOLOGY.c.version},
        order=(CATEGORY.c.path, CATEGORY.c.id),
        computed={"finding_count": count.scalar_subquery(), "observation_count": observed.scalar_subquery()},
    )


def rounds(_scope: Scope = NOW) -> View:
    """Rounds by name."""
    names = ("id", "name", "protocols", "source", "tool", "licence", "opened_at", "closed_at")
    asked = ("cohort_id", "policy_limit", "instructions", "readers", "tolerance_mm", "accept_above")
    fields = {**columns_of(ROUND, *names, *asked), "policy_kind": ROUND.c.policy}
    return View(ROUND, fields, order=(ROUND.c.name, ROUND.c.id))


def annotation_events(_scope: Scope = NOW) -> View:
    """Changes of annotations' states, the first one first."""
    names = ("id", "annotation_id", "from_state", "to_state", "person", "reason", "at")
    order = (ANNOTATION_EVENT.c.annotation_id, ANNOTATION_EVENT.c.at, ANNOTATION_EVENT.c.id)
    return View(ANNOTATION_EVENT, columns_of(ANNOTATION_EVENT, *names), order=order)


def annotation_sources(_scope: Scope = NOW) -> View:
    """What annotations were made of."""
    order = (ANNOTATION_SOURCE.c.annotation_id, ANNOTATION_SOURCE.c.source_id)
    fields = columns_of(ANNOTATION_SOURCE, "annotation_id", "source_id")
    return View(ANNOTATION_SOURCE, fields, order=order, key="source_id")


@lru_cache(maxsize=64)
def reviews(_scope: Scope = NOW) -> View:
    """Verdicts on annotations, the first one first, with what they correct and what became of the annotation."""
    rows = (
        REVIEW.join(ANNOTATION, ANNOTATION.c.id == REVIEW.c.annotation_id)
        .join(PERSON, PERSON.c.id == REVIEW.c.reviewer_id)
        .outerjoin(REVIEW_REASON, REVIEW_REASON.c.code == REVIEW.c.reason)
        .outerjoin(REVISION, REVISION.c.id == REVIEW.c.correction_revision_id)
    )
    names = ("id", "target", "verdict", "reason", "words", "created_at", "annotation_id", "entity_id", "correction_id")
    return View(
        rows=rows,
        fields={
            **columns_of(REVIEW, *names, "correction_revision_id"),
            "reason_words": REVIEW_REASON.c.words,
            "reviewer": PERSON.c.pseudonym,
            "state": ANNOTATION.c.state,
            "finding_id": ANNOTATION.c.finding_id,
            **{f"corrected_{name}": REVISION.c[name] for name in ("revision", "text", "category_code", "text_side")},
        },
        order=(REVIEW.c.created_at, REVIEW.c.id),
    )


def model_calls(_scope: Scope = NOW) -> View:
    """Requests to language models as they were made, without what was asked and answered."""
    names = ("id", "stage", "prompt_version", "model", "model_answered", "attempt", "tokens_in", "tokens_out")
    return View(
        MODEL_CALL,
        {
            **columns_of(MODEL_CALL, *names, "latency_ms", "created_at"),
            "cost_usd": sa.cast(MODEL_CALL.c.cost_usd, sa.Double),
            "error": sa.func.split_part(MODEL_CALL.c.error, ":", 1, type_=sa.Text),
        },
        order=(MODEL_CALL.c.id,),
    )


def releases(_scope: Scope = NOW) -> View:
    """Releases by name."""
    names = ("id", "name", "kind", "digest", "storage_digest", "source_sha256", "created_at")
    return View(RELEASE, columns_of(RELEASE, *names), order=(RELEASE.c.name, RELEASE.c.id))


def cohorts(_scope: Scope = NOW) -> View:
    """Cohorts by name, with the release that they were drawn from and how many findings they have."""
    members = sa.select(sa.func.count()).where(COHORT_MEMBER.c.cohort_id == COHORT.c.id).correlate(COHORT)
    return View(
        COHORT.outerjoin(RELEASE, RELEASE.c.id == COHORT.c.release_id),
        {
            **columns_of(COHORT, "id", "name", "release_id", "seed", "digest", "created_at"),
            "release": RELEASE.c.name,
            "selection": sa.cast(COHORT.c.selection, sa.Text),
        },
        computed={"finding_count": members.scalar_subquery()},
        order=(COHORT.c.name, COHORT.c.id),
    )


def splits(_scope: Scope) -> View:
    """Splits of releases, with the number of their scans."""
    inside = sa.and_(
        RELEASE_SCAN.c.release_id == RELEASE_SPLIT.c.release_id, RELEASE_SCAN.c.split == RELEASE_SPLIT.c.name
    )
    count = sa.select(sa.func.count()).select_from(RELEASE_SCAN).where(inside).correlate(RELEASE_SPLIT)
    return View(
        RELEASE_SPLIT,
        {**columns_of(RELEASE_SPLIT, "release_id", "name", "visibility"), "scan_count": count.scalar_subquery()},
        order=(RELEASE_SPLIT.c.release_id, RELEASE_SPLIT.c.name),
        key="name",
    )


def placements(_scope: Scope) -> View:
    """Where scans stand in releases: split and protocol, and whether the split is hidden."""
    split = sa.and_(
        RELEASE_SPLIT.c.release_id == RELEASE_SCAN.c.release_id, RELEASE_SPLIT.c.name == RELEASE_SCAN.c.split
    )
    return View(
        RELEASE_SCAN.join(RELEASE, RELEASE.c.id == RELEASE_SCAN.c.release_id).join(RELEASE_SPLIT, split),
        {
            **columns_of(RELEASE_SCAN, "scan_id", "split", "protocol"),
            "release": RELEASE.c.name,
            "visibility": RELEASE_SPLIT.c.visibility,
        },
        order=(RELEASE.c.name, RELEASE_SCAN.c.scan_id),
        key="scan_id",
    )


def reasonings(_scope: Scope) -> View:
    """Chains of thought by finding."""
    fields = columns_of(REASONING, "id", "finding_id", "origin", "version")
    return View(REASONING, fields, order=(REASONING.c.origin, REASONING.c.id))


def reasoning_steps(_scope: Scope) -> View:
    """Steps of chains of thought."""
    boxes = ("box_vox_min", "box_vox_max", "box_lps_mm_min", "box_lps_mm_max")
    names = ("reasoning_id", "position", "level", "place", "text", "box_source", "box_frame", "holds", *boxes)
    evidence = sa.cast(REASONING_STEP.c.evidence, sa.Text)
    order = (REASONING_STEP.c.reasoning_id, REASONING_STEP.c.position)
    return View(
        REASONING_STEP, {**columns_of(REASONING_STEP, *names), "evidence": evidence}, order=order, key="position"
    )


@lru_cache(maxsize=64)
def text_checks(scope: Scope = NOW) -> View:
    """Checks of the annotations that hold in a scope."""
    names = ("annotation_id", "name", "version", "outcome", "severity", "computed_at")
    fields = {**columns_of(TEXT_CHECK, *names), "evidence": sa.cast(TEXT_CHECK.c.evidence, sa.Text)}
    return View(
        TEXT_CHECK.join(ANNOTATION, ANNOTATION.c.id == TEXT_CHECK.c.annotation_id),
        {**fields, "finding_id": ANNOTATION.c.finding_id},
        order=(ANNOTATION.c.created_at, TEXT_CHECK.c.annotation_id, TEXT_CHECK.c.name),
        where=default_annotations(scope),
        key="name",
    )


@lru_cache(maxsize=64)
def any_text_check(scope: Scope = NOW) -> View:
    """Checks whatever their annotation's state, for those that are reached by it."""
    return replace(text_checks(scope), where=sa.true())


def contradicted(scope: Scope, name: str) -> Expression:
    """A check of this name contradicts the enclosing statement's finding."""
    annotation, check = ANNOTATION.alias(), TEXT_CHECK.alias()
    rows = annotation.join(check, check.c.annotation_id == annotation.c.id)
    outcome = sa.literal(CheckOutcome.CONTRADICTS, TEXT_CHECK.c.outcome.type, literal_execute=True)
    found = sa.select(annotation.c.finding_id).select_from(rows)
    found = found.where(check.c.name == name, check.c.outcome == outcome, default_annotations(scope, annotation))
    return FINDING.c.id.in_(closed(found))
