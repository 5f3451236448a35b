"""The tables that selections are built of, as Core tables: SQLModel types its attributes as values, not columns."""

import sqlalchemy as sa

from schema.annotation import Annotation, AnnotationEvent, AnnotationSource, Confirmation, Entity, Geometry, LabelArray
from schema.base import Table
from schema.cohort import Cohort, CohortMember
from schema.descriptor import Descriptor
from schema.embedding import Embedding, EmbeddingModel
from schema.finding import Finding, FindingRevision
from schema.location import Location
from schema.model_call import ModelCall, StageResult
from schema.ontology import Category, Ontology
from schema.organ import OrganMask
from schema.reasoning import Reasoning, ReasoningStep
from schema.release import Release, ReleaseAnnotation, ReleaseFinding, ReleaseScan, ReleaseSplit
from schema.report import (
    FindingSentence,
    Loss,
    Observation,
    ObservationSource,
    Reading,
    Report,
    RewrittenSentence,
    RewrittenSource,
    Sentence,
    SentenceAccount,
    SentenceAlignment,
)
from schema.review import Review, ReviewReason
from schema.round import Person, Round
from schema.scan import Patient, Scan, ScanMetadata, Study, Volume
from schema.text_check import TextCheck


def _table(model: type[Table]) -> sa.Table:
    found = sa.inspect(model).local_table
    assert isinstance(found, sa.Table)  # noqa: S101 - a model with table=True has nothing else
    return found


ANNOTATION = _table(Annotation)
ANNOTATION_EVENT = _table(AnnotationEvent)
ANNOTATION_SOURCE = _table(AnnotationSource)
CATEGORY = _table(Category)
COHORT = _table(Cohort)
COHORT_MEMBER = _table(CohortMember)
CONFIRMATION = _table(Confirmation)
DESCRIPTOR = _table(Descriptor)
EMBEDDING = _table(Embedding)
EMBEDDING_MODEL = _table(EmbeddingModel)
ENTITY = _table(Entity)
FINDING = _table(Finding)
FINDING_SENTENCE = _table(FindingSentence)
GEOMETRY = _table(Geometry)
LABEL_ARRAY = _table(LabelArray)
LOCATION = _table(Location)
LOSS = _table(Loss)
MODEL_CALL = _table(ModelCall)
OBSERVATION = _table(Observation)
OBSERVATION_SOURCE = _table(ObservationSource)
ONTOLOGY = _table(Ontology)
ORGAN_MASK = _table(OrganMask)
PATIENT = _table(Patient)
PERSON = _table(Person)
READING = _table(Reading)
REASONING = _table(Reasoning)
REASONING_STEP = _table(ReasoningStep)
RELEASE = _table(Release)
RELEASE_ANNOTATION = _table(ReleaseAnnotation)
RELEASE_FINDING = _table(ReleaseFinding)
RELEASE_SCAN = _table(ReleaseScan)
RELEASE_SPLIT = _table(ReleaseSplit)
REPORT = _table(Report)
REVIEW = _table(Review)
REVIEW_REASON = _table(ReviewReason)
REVISION = _table(FindingRevision)
REWRITTEN_SENTENCE = _table(RewrittenSentence)
REWRITTEN_SOURCE = _table(RewrittenSource)
ROUND = _table(Round)
SCAN = _table(Scan)
SCAN_METADATA = _table(ScanMetadata)
SENTENCE = _table(Sentence)
SENTENCE_ACCOUNT = _table(SentenceAccount)
SENTENCE_ALIGNMENT = _table(SentenceAlignment)
STAGE_RESULT = _table(StageResult)
STUDY = _table(Study)
TEXT_CHECK = _table(TextCheck)
VOLUME = _table(Volume)
