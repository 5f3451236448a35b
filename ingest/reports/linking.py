"""Linking findings to the observations and to the sentences that say them.

Observations of a report's latest reading are matched to the findings of each scan of its study, one to one. A finding
without an observation is held against the sentences themselves. All of it is told from other rows, and told anew.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from ingest.faults import FaultDraft, fault
from ingest.reports.matching import ENOUGH, Terms, likeness, pair_up, parse_terms
from schema.finding import Finding, FindingRevision
from schema.import_run import FaultKind, Severity
from schema.ontology import Category
from schema.report import (
    FindingSentence,
    Observation,
    ObservationSource,
    Reading,
    Report,
    RewrittenSource,
    Section,
    Sentence,
)
from schema.scan import Scan, Study

_SAID_IN = (Section.FINDINGS, Section.IMPRESSION)


@dataclass(frozen=True)
class LinkCounts:
    """What was linked."""

    findings: int = 0
    """Findings of the studies at hand."""
    linked: int = 0
    """Those with a sentence."""
    observed: int = 0
    """Those with an observation."""

    def __add__(self, other: "LinkCounts") -> "LinkCounts":
        return LinkCounts(self.findings + other.findings, self.linked + other.linked, self.observed + other.observed)

    def to_json(self) -> dict[str, int]:
        """Give the counts as `--json` prints them."""
        return asdict(self)


@dataclass(frozen=True)
class Links:
    """What was linked, and what stayed alone."""

    counts: LinkCounts = field(default_factory=LinkCounts)
    faults: tuple[FaultDraft, ...] = ()


@dataclass(frozen=True)
class _Finding:
    id: UUID
    scan: str
    index: int
    present: bool
    terms: Terms


@dataclass(frozen=True)
class _Observation:
    id: int
    present: bool
    drawable: bool
    """Whether findings of its category are drawn, or it has none."""
    terms: Terms
    sentences: dict[int, float]
    """How surely each source sentence says it."""


@dataclass(frozen=True)
class _Sentence:
    id: int
    section: Section
    terms: Terms


@dataclass
class _StudyRows:
    """What is linked within one study."""

    name: str = ""
    findings: list[_Finding] = field(default_factory=list)
    observations: list[_Observation] = field(default_factory=list)
    sentences: list[_Sentence] = field(default_factory=list)


@dataclass(frozen=True)
class _Match:
    finding: _Finding
    observation: _Observation
    score: float


def link_findings(session: Session, report_ids: Sequence[int]) -> Links:
    """Link every finding of the reports' studies anew, to observations and to sentences.

    Gives what was linked; a finding that no sentence says, and an observation of a category that is drawn for which no
    finding is drawn, are faults.
    """
    if not report_ids:
        return Links()
    studies = _load(session, report_ids)
    rows, counts, faults = [], LinkCounts(), []
    for study in studies.values():
        matches = list(_matches(study))
        _save_matches(session, study, matches)
        links = list(_sentence_links(study, matches))
        rows += links
        faults += [*_alone(study, matches, {row["finding_id"] for row in links})]
        linked = len({row["finding_id"] for row in links})
        counts += LinkCounts(len(study.findings), linked, len({one.finding.id for one in matches}))
    _replace(session, studies, rows)
    return Links(counts, tuple(faults))


def link_scan(session: Session, scan_id: UUID) -> Links:
    """Link the findings of a scan's study anew, where its reports have sentences."""
    study = sa.select(col(Scan.study_id)).where(col(Scan.id) == scan_id).scalar_subquery()
    reports = sa.select(col(Sentence.report_id)).distinct().join(Report, col(Report.id) == col(Sentence.report_id))
    return link_findings(session, list(session.scalars(reports.where(col(Report.study_id) == study))))


def _matches(study: _StudyRows) -> Iterator[_Match]:
    """Pair the findings of each scan with the study's observations."""
    by_scan: dict[str, list[_Finding]] = defaultdict(list)
    for finding in study.findings:
        by_scan[finding.scan].append(finding)
    for findings in by_scan.values():
        scores = [
            [likeness(one.terms, seen.terms) if one.present == seen.present else 0.0 for seen in study.observations]
            for one in findings
        ]
        for pair in pair_up(scores):
            yield _Match(findings[pair.row], study.observations[pair.column], pair.score)


def _save_matches(session: Session, study: _StudyRows, matches: Sequence[_Match]) -> None:
    """Give each observation the finding that is most like it, or none."""
    best: dict[int, _Match] = {}
    for match in matches:
        if match.observation.id not in best or match.score > best[match.observation.id].score:
            best[match.observation.id] = match
    rows = []
    for observation in study.observations:
        found = _NOTHING
        if observation.id in best:
            match = best[observation.id]
            found = {"finding_id": match.finding.id, "match_score": match.score}
        rows.append({"id": observation.id, **found})
    if rows:
        session.execute(sa.update(Observation), rows)


_NOTHING: dict[str, Any] = {"finding_id": None, "match_score": None}


def _sentence_links(study: _StudyRows, matches: Sequence[_Match]) -> Iterator[dict[str, Any]]:
    said = set()
    for match in matches:
        for sentence, score in match.observation.sentences.items():
            said.add(match.finding.id)
            yield _row(match.finding, sentence, match.score * score, match.observation.id)
    for finding in study.findings:
        if finding.id not in said:
            yield from _said_directly(finding, study.sentences)


def _said_directly(finding: _Finding, sentences: Sequence[_Sentence]) -> Iterator[dict[str, Any]]:
    """Give the sentence of each section that says the finding best, where one says it well enough."""
    for section in _SAID_IN:
        scores = [(likeness(finding.terms, one.terms), -one.id) for one in sentences if one.section is section]
        score, key = max(scores, default=(0.0, 0))
        if score >= ENOUGH:
            yield _row(finding, -key, score, None)


def _row(finding: _Finding, sentence: int, score: float, observation: int | None) -> dict[str, Any]:
    return {"finding_id": finding.id, "sentence_id": sentence, "score": score, "observation_id": observation}


def _alone(study: _StudyRows, matches: Sequence[_Match], linked: set[UUID]) -> Iterator[FaultDraft]:
    if not (study.sentences or study.observations):
        return
    for finding in study.findings:
        if finding.id not in linked:
            message = "no sentence of the report says this finding"
            yield fault(FaultKind.UNMATCHED_FINDING, message, scan=finding.scan, finding=finding.index)
    matched = {match.observation.id for match in matches}
    alone = [one for one in study.observations if one.present and one.drawable and one.id not in matched]
    if study.findings and alone:
        message = f"{study.name}: {len(alone)} observations of kinds that are drawn have no finding"
        yield fault(FaultKind.UNMATCHED_FINDING, message, severity=Severity.NOTE)


def _replace(session: Session, studies: dict[int, _StudyRows], rows: list[dict[str, Any]]) -> None:
    findings = [finding.id for study in studies.values() for finding in study.findings]
    session.execute(sa.delete(FindingSentence).where(col(FindingSentence.finding_id).in_(findings)))
    if rows:
        session.execute(sa.insert(FindingSentence), rows)


def _load(session: Session, report_ids: Sequence[int]) -> dict[int, _StudyRows]:
    """Read the studies of these reports that have findings."""
    keys = sa.select(col(Report.study_id)).where(col(Report.id).in_(report_ids))
    studies: dict[int, _StudyRows] = defaultdict(_StudyRows)
    for study_id, name, finding in _findings(session, keys):
        studies[study_id].name = name
        studies[study_id].findings.append(finding)
    for study_id, observation in _observations(session, list(studies)):
        studies[study_id].observations.append(observation)
    for study_id, sentence in _sentences(session, list(studies)):
        studies[study_id].sentences.append(sentence)
    return studies


def _findings(session: Session, studies: sa.Select[Any]) -> Iterator[tuple[int, str, _Finding]]:
    terms = sa.cast(col(FindingRevision.terms), sa.Text)
    query = (
        sa.select(
            col(Scan.study_id),
            col(Study.name),
            col(Finding.id),
            col(Scan.name),
            col(Finding.source_index),
            col(FindingRevision.present),
            terms,
        )
        .join(Scan, col(Scan.id) == col(Finding.scan_id))
        .join(Study, col(Study.id) == col(Scan.study_id))
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
        .where(col(FindingRevision.is_latest), col(Scan.study_id).in_(studies))
        .order_by(col(Scan.name), col(Finding.source_index))
    )
    for study_id, study, key, scan, index, present, vector in session.execute(query):
        yield study_id, study, _Finding(key, scan, index, present, parse_terms(vector))


def _observations(session: Session, studies: Sequence[int]) -> Iterator[tuple[int, _Observation]]:
    sources = _observation_sentences(session, studies)
    query = (
        sa.select(
            col(Report.study_id),
            col(Observation.id),
            col(Observation.present),
            sa.func.coalesce(col(Category.segmented), True),
            sa.cast(sa.func.finding_terms(col(Observation.phrase), col(Observation.present)), sa.Text),
        )
        .join(Reading, col(Reading.id) == col(Observation.reading_id))
        .join(Report, col(Report.id) == col(Reading.report_id))
        .outerjoin(Category, col(Category.id) == col(Observation.category_id))
        .where(col(Reading.is_latest), col(Report.study_id).in_(studies))
        .order_by(col(Observation.id))
    )
    for study_id, key, present, drawable, vector in session.execute(query):
        terms = {lexeme.removeprefix("-"): weight for lexeme, weight in parse_terms(vector).items()}
        yield study_id, _Observation(key, present, drawable, terms, sources.get(key, {}))


def _observation_sentences(session: Session, studies: Sequence[int]) -> dict[int, dict[int, float]]:
    query = (
        sa.select(
            col(ObservationSource.observation_id),
            col(RewrittenSource.sentence_id),
            sa.func.max(col(RewrittenSource.score)),
        )
        .join(RewrittenSource, col(RewrittenSource.rewritten_id) == col(ObservationSource.rewritten_id))
        .join(Observation, col(Observation.id) == col(ObservationSource.observation_id))
        .join(Reading, col(Reading.id) == col(Observation.reading_id))
        .join(Report, col(Report.id) == col(Reading.report_id))
        .where(col(Reading.is_latest), col(Report.study_id).in_(studies))
        .group_by(col(ObservationSource.observation_id), col(RewrittenSource.sentence_id))
    )
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for observation, sentence, score in session.execute(query):
        found[observation][sentence] = score
    return found


def _sentences(session: Session, studies: Sequence[int]) -> Iterator[tuple[int, _Sentence]]:
    """Give the sentences that may say a finding, of English reports: the terms are English."""
    query = (
        sa.select(
            col(Report.study_id),
            col(Sentence.id),
            col(Sentence.section),
            sa.cast(sa.func.finding_terms(col(Sentence.text), True), sa.Text),
        )
        .join(Report, col(Report.id) == col(Sentence.report_id))
        .where(col(Report.study_id).in_(studies), col(Report.language).like("en%"))
        .where(col(Sentence.section).in_(_SAID_IN))
    )
    for study_id, key, section, vector in session.execute(query):
        yield study_id, _Sentence(key, section, parse_terms(vector))
