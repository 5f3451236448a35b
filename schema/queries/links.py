"""How kinds of rows reach each other: a field here equals a field of the view there."""

from collections.abc import Callable
from dataclasses import dataclass

from schema.queries import report_views, views
from schema.queries.scope import Scope
from schema.queries.views import View


@dataclass(frozen=True)
class Link:
    """From a row to the rows of a view whose field `there` equals its field `here`."""

    view: Callable[[Scope], View]
    here: str
    there: str = "id"


SCAN_FINDINGS = Link(views.findings, "id", "scan_id")
SCAN_METADATA = Link(views.scan_metadata, "id", "scan_id")
SCAN_PLACEMENTS = Link(views.placements, "id", "scan_id")
FINDING_SCAN = Link(views.scans, "scan_id")
FINDING_CATEGORY = Link(views.categories, "category_id")
FINDING_ANNOTATIONS = Link(views.annotations, "id", "finding_id")
FINDING_ENTITIES = Link(views.entities, "id", "finding_id")
FINDING_REPORTS = Link(report_views.reports, "study_id", "study_id")
FINDING_SENTENCES = Link(report_views.sentences_of_findings, "id", "finding_id")
FINDING_DESCRIPTORS = Link(report_views.descriptors, "revision_id", "revision_id")
FINDING_REASONING = Link(views.reasonings, "id", "finding_id")
REASONING_STEPS = Link(views.reasoning_steps, "id", "reasoning_id")
FINDING_CHECKS = Link(views.text_checks, "id", "finding_id")
ANNOTATION_CHECKS = Link(views.any_text_check, "id", "annotation_id")
ANNOTATION_FINDING = Link(views.findings, "finding_id")
ANNOTATION_ROUND = Link(views.rounds, "round_id")
ANNOTATION_EVENTS = Link(views.annotation_events, "id", "annotation_id")
ANNOTATION_SOURCES = Link(views.annotation_sources, "id", "annotation_id")
ANNOTATION_REVIEWS = Link(views.reviews, "id", "annotation_id")
ENTITY_REVIEWS = Link(views.reviews, "id", "entity_id")
FINDING_REVIEWS = Link(views.reviews, "id", "finding_id")
REVIEW_ANNOTATION = Link(views.any_annotation, "annotation_id")
REVIEW_ENTITY = Link(views.any_entity, "entity_id")
REVIEW_FINDING = Link(views.findings, "finding_id")
REVIEW_CORRECTION = Link(views.any_annotation, "correction_id")
SOURCE_ANNOTATION = Link(views.any_annotation, "source_id")
ROUND_COHORT = Link(views.cohorts, "cohort_id")
ANNOTATION_ENTITIES = Link(views.any_entity, "id", "annotation_id")
ENTITY_FINDING = Link(views.findings, "finding_id")
ENTITY_ANNOTATION = Link(views.any_annotation, "annotation_id")
ENTITY_LOCATIONS = Link(views.locations, "id", "entity_id")
ENTITY_ROUND = Link(views.rounds, "round_id")
CATEGORY_PARENT = Link(views.categories, "parent_id")
CATEGORY_CHILDREN = Link(views.categories, "id", "parent_id")
RELEASE_SPLITS = Link(views.splits, "id", "release_id")
REPORT_SENTENCES = Link(report_views.sentences, "id", "report_id")
REPORT_READING = Link(report_views.readings, "id", "report_id")
REPORT_REWRITTEN = Link(report_views.rewritten, "id", "report_id")
REPORT_OBSERVATIONS = Link(report_views.observations, "id", "report_id")
SENTENCE_REPORT = Link(report_views.reports, "report_id")
SENTENCE_FINDINGS = Link(report_views.findings_of_sentences, "id", "sentence_id")
SENTENCE_ORIGINALS = Link(report_views.originals, "id", "translation_id")
SENTENCE_TRANSLATIONS = Link(report_views.translations, "id", "original_id")
REWRITTEN_SOURCES = Link(report_views.sources, "id", "rewritten_id")
OBSERVATION_CATEGORY = Link(views.categories, "category_id")
OBSERVATION_FINDING = Link(views.findings, "finding_id")
OBSERVATION_REWRITTEN = Link(report_views.rewritten_of_observations, "id", "observation_id")
OBSERVATION_SENTENCES = Link(report_views.sentences_of_observations, "id", "observation_id")
OBSERVATION_DESCRIPTORS = Link(report_views.descriptors, "id", "observation_id")
