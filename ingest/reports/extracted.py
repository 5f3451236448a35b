"""Importing what was read in reports elsewhere, as readings of the engine `source`.

The JSON of a study is kept as it came. Rewritten sentences are linked to those of the report by radiology's terms.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from ingest.faults import FaultDraft, fault
from ingest.locking import database_gone
from ingest.reports.extractions import ExtractedReport, read_extractions
from ingest.reports.linking import LinkCounts, link_findings
from ingest.reports.matching import ENOUGH, Terms, likeness, parse_terms
from ingest.reports.pipeline import category_ids
from ingest.reports.readings import add_in_order
from ingest.reports.sources import Source, read_sources
from ingest.reports.stages import Phrase, input_digest
from schema.collection import Collection
from schema.database import Database
from schema.import_run import Fault, FaultKind, ImportRun, RunState, Severity
from schema.queries.tables import (
    OBSERVATION,
    OBSERVATION_SOURCE,
    READING,
    REWRITTEN_SENTENCE,
    REWRITTEN_SOURCE,
    SENTENCE_ACCOUNT,
    STAGE_RESULT,
)
from schema.report import EngineName, Reading, Report, Section, SentenceUse
from schema.scan import Study
from schema.version import software_version

SOURCE_STAGE = "source"
"""The stage under which the JSON of a study is kept as it came."""
_BATCH = 100
_ALSO = 0.9
"""A sentence that is nearly as like as the most like one says it too."""


@dataclass
class ExtractedImport:
    """What files of extracted reports brought."""

    studies: Counter[str] = field(default_factory=Counter)
    """By what became of them: new, unchanged, unknown."""
    rewritten: int = 0
    linked: int = 0
    """Rewritten sentences that a sentence of the report says."""
    observations: int = 0
    links: LinkCounts = field(default_factory=LinkCounts)
    faults: list[FaultDraft] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def left_out(self) -> bool:
        """Whether anything did not come in."""
        return any(one.severity is Severity.LEFT_OUT for one in self.faults)

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "studies": {what: self.studies[what] for what in ("new", "unchanged", "unknown")},
            "rewritten": {"sentences": self.rewritten, "linked": self.linked},
            "observations": self.observations,
            "links": self.links.to_json(),
            "faults": [one.to_json() for one in self.faults],
            "seconds": round(self.seconds, 3),
        }


def import_extracted(
    database: Database,
    paths: Sequence[Path],
    collection: str = "ct-rate",
    tell: Callable[[int, int | None], None] | None = None,
) -> ExtractedImport:
    """Import files of extracted reports, each study a reading of its English report; again changes nothing.

    Raises:
        SourceError: a file cannot be read, or names no study.
        ServerError: the database went away; what was imported stays.
    """
    start = time.perf_counter()
    told = ExtractedImport()
    reports = read_extractions(paths, told.faults)
    try:
        for n in range(0, len(reports), _BATCH):
            with database.transaction() as session:
                _Batch(session, collection, told).save(reports[n : n + _BATCH])
            if tell:
                tell(min(n + _BATCH, len(reports)), len(reports))
        with database.transaction() as session:
            _save_run(session, paths, collection, told)
    except OperationalError as error:
        raise database_gone(error) from None
    told.seconds = time.perf_counter() - start
    return told


def source_input(collection: str, study: str) -> Phrase:
    """Give what the JSON of a study is filed under."""
    return Phrase(text=f"{collection}/{study}")


@dataclass(frozen=True)
class _Batch:
    session: Session
    collection: str
    told: ExtractedImport

    def save(self, reports: Sequence[ExtractedReport]) -> None:
        keys = self._report_ids([one.name.study for one in reports])
        sources = {one.report_id: one for one in read_sources(self.session, list(keys.values()))}
        categories = category_ids(self.session)
        read = []
        for one in reports:
            if (report_id := keys.get(one.name.study)) is None:
                self._tell_unknown(one)
                continue
            source = sources.get(report_id)
            became = self._save_report(one, report_id, source, categories)
            self.told.studies[became] += 1
            read += [report_id] if became == "new" else []
        links = link_findings(self.session, read)
        self.told.links += links.counts
        self.told.faults += links.faults

    def _report_ids(self, studies: Sequence[str]) -> dict[str, int]:
        """Give the report of each study: the English one, or the one that waits for a text."""
        query = (
            select(Study.name, Report.id)
            .join(Report, col(Report.study_id) == col(Study.id))
            .join(Collection, col(Collection.id) == col(Study.collection_id))
            .where(Collection.name == self.collection, col(Study.name).in_(studies))
            .where(sa.or_(col(Report.language).like("en%"), col(Report.language) == "und"))
        )
        return dict(self.session.exec(query).all())

    def _tell_unknown(self, report: ExtractedReport) -> None:
        self.told.studies["unknown"] += 1
        message = f"{report.name.study}: there is no such study here"
        told = fault(FaultKind.EMPTY_REPORT, message, severity=Severity.LEFT_OUT)
        self.told.faults.append(replace(told, remedy="import the study's scans or its report first"))

    def _save_report(
        self, report: ExtractedReport, report_id: int, source: Source | None, categories: Mapping[str, int]
    ) -> str:
        text = json.dumps(report.source, sort_keys=True, ensure_ascii=False)
        version = f"source {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
        sentences = () if source is None else source.sentence_ids
        by_it = (Reading.report_id == report_id, Reading.engine == EngineName.SOURCE, Reading.engine_version == version)
        if self.session.exec(select(Reading.id).where(*by_it, Reading.sentences == len(sentences))).first() is not None:
            return "unchanged"
        self._keep_source(report, version)
        _Saved(self.session, self.told, report, source, categories).save(report_id, version)
        return "new"

    def _keep_source(self, report: ExtractedReport, version: str) -> None:
        row = {
            "stage": SOURCE_STAGE,
            "engine": EngineName.SOURCE,
            "prompt_version": version,
            "model": "",
            "schema_version": "1",
            "input_sha256": input_digest(source_input(self.collection, report.name.study)),
            "output": {"study": report.name.study, "documents": report.source},
        }
        self.session.execute(insert(STAGE_RESULT).values(row).on_conflict_do_nothing())


@dataclass(frozen=True)
class _Saved:
    """The rows of one reading."""

    session: Session
    told: ExtractedImport
    report: ExtractedReport
    source: Source | None
    categories: Mapping[str, int]

    def save(self, report_id: int, version: str) -> None:
        links = list(self._sentence_links())
        used = self._used(links)
        sentences = () if self.source is None else self.source.sentence_ids
        row = {"report_id": report_id, "engine": EngineName.SOURCE, "engine_version": version, "is_latest": True}
        row |= {"sentences": len(sentences), "flagged": len(set(sentences) - used)}
        reading = self.session.scalar(sa.insert(READING).values(row).returning(READING.c.id))
        rewritten = [
            {"reading_id": reading, "position": n, "region": region, "text": text}
            for n, (region, text) in enumerate(self.report.rewritten)
        ]
        keys = add_in_order(self.session, REWRITTEN_SENTENCE, rewritten)
        self._add(REWRITTEN_SOURCE, [{"rewritten_id": keys[n], "sentence_id": s, "score": p} for n, s, p in links])
        observations = add_in_order(self.session, OBSERVATION, list(self._observations(reading)))
        seen = zip(observations, self.report.observations, strict=True)
        sources = [{"observation_id": key, "rewritten_id": keys[n]} for key, each in seen for n in each.sentences]
        self._add(OBSERVATION_SOURCE, sources)
        self._add(SENTENCE_ACCOUNT, [_account(reading, sentence, sentence in used) for sentence in sentences])
        self.told.rewritten += len(keys)
        self.told.linked += len({n for n, _, _ in links})
        self.told.observations += len(observations)

    def _add(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self.session.execute(sa.insert(table), rows)

    def _observations(self, reading: int | None) -> Iterator[dict[str, Any]]:
        for n, each in enumerate(self.report.observations):
            if each.category is not None and each.category not in self.categories:
                message = f"{self.report.name.study}: {each.category!r} is no code of the ontology"
                self.told.faults.append(fault(FaultKind.UNKNOWN_CATEGORY, message))
            said = {"phrase": each.phrase, "present": each.present, "refers_to_prior": each.refers_to_prior}
            category = {"category_code": each.category, "category_id": self.categories.get(each.category or "")}
            yield {"reading_id": reading, "position": n, **said, **category}

    def _used(self, links: Sequence[tuple[int, int, float]]) -> set[int]:
        observed = {n for each in self.report.observations for n in each.sentences}
        return {sentence for n, sentence, _ in links if n in observed}

    def _sentence_links(self) -> Iterator[tuple[int, int, float]]:
        """Give (rewritten sentence, source sentence, score) of the most like ones, the impression's for its own."""
        if self.source is None or not self.report.rewritten:
            return
        told = self.source.text.sentences
        said = _terms(self.session, [each.text for each in told])
        rewritten = _terms(self.session, [text for _, text in self.report.rewritten])
        for n, (region, _) in enumerate(self.report.rewritten):
            inside = [
                m for m, each in enumerate(told) if (each.section is Section.IMPRESSION) == (region == "impression")
            ]
            scores = {m: likeness(rewritten[n], said[m]) for m in inside}
            best = max(scores.values(), default=0.0)
            for m, score in scores.items():
                if score >= max(ENOUGH, _ALSO * best):
                    yield n, self.source.sentence_ids[m], min(score, 1.0)


def _account(reading: int | None, sentence: int, used: bool) -> dict[str, Any]:
    use = SentenceUse.USED if used else SentenceUse.FLAGGED
    return {"reading_id": reading, "sentence_id": sentence, "use": use, "reason": None}


def _terms(session: Session, texts: Sequence[str]) -> list[Terms]:
    given = sa.func.unnest(sa.literal(list(texts), ARRAY(sa.Text))).table_valued("said", with_ordinality="n")
    given = given.render_derived(name="given")
    terms = sa.cast(sa.func.finding_terms(given.c.said, True), sa.Text)
    return [parse_terms(vector) for vector in session.scalars(sa.select(terms).order_by(given.c.n))]


def _save_run(session: Session, paths: Sequence[Path], collection: str, told: ExtractedImport) -> None:
    run = ImportRun(
        kind="extracted",
        source=", ".join(str(path.absolute()) for path in paths),
        settings={"collection": collection, **told.studies},
        software_version=software_version(),
        state=RunState.DONE,
    )
    session.add(run)
    session.flush()
    if told.faults:
        session.execute(sa.insert(Fault), [{"run_id": run.id, **one.to_json()} for one in told.faults])
