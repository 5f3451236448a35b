"""Reading reports: stage by stage over some reports at a time, whose rows are committed together.

What a stage answered stays in the ledger, so a run that ends anywhere goes on from there; a report that was read by
this engine in these versions is passed by. Then come findings that were imported: their words are described, and those
without a category get one.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from ingest.reports.answers import Answer, Answers, answer_all
from ingest.reports.engine import Engine
from ingest.reports.ledger import last_call, spending
from ingest.reports.linking import link_findings
from ingest.reports.readings import Read, save_reading
from ingest.reports.revisions import batches_of_texts, save_categories, save_descriptors
from ingest.reports.run import ProcessReport
from ingest.reports.sources import Source, count_read, engine_version, read_sources
from ingest.reports.stages import Extraction, Phrase, Rewrite, RewrittenReport, Stage, Strict
from ingest.reports.work import Work
from schema.database import LOCK_READINGS, Database
from schema.errors import RunStopped, ServerError
from schema.ontology import rexgroundingct_ontology
from schema.queries.tables import CATEGORY, ONTOLOGY

CHUNK = 32
"""Reports at a time: what they say alike is asked once, and a killed run has so many to write again."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told (done, all) after every chunk of reports."""


@dataclass(frozen=True)
class _Run:
    database: Database
    engine: Engine
    work: Work
    report: ProcessReport
    categories: Mapping[str, int] = field(default_factory=dict)

    def ask(self, stage: Stage, inputs: Iterable[Strict]) -> Answers:
        answers = answer_all(self.database, self.engine, stage, inputs)
        self.report.asked += answers.asked
        return answers


def process(database: Database, engine: Engine, work: Work, tell: Progress | None = None) -> ProcessReport:
    """Read what is to be read, and say what was done; credit, a limit or the budget end it early, which is said.

    Raises:
        NotFound: there is no such study.
        ServerError: another run is at it.
    """
    start = time.perf_counter()
    report = ProcessReport(engine.name, engine_version(engine))
    with _alone(database):
        with database.transaction() as session:
            before = last_call(session)
            run = _Run(database, engine, work, report, category_ids(session))
            study_id = work.study_id(session)
        try:
            _read_reports(run, study_id, tell or (lambda _done, _total: None))
            _read_findings(run, study_id)
        except RunStopped as error:
            report.stopped = str(error)
        with database.transaction() as session:
            report.pay(spending(session, after=before))
    report.seconds = time.perf_counter() - start
    return report


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Keep other runs away: two that ask the same at a time would both pay for it."""
    with database.engine().connect() as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(LOCK_READINGS))):
            raise ServerError("another run reads reports now: wait for its end, then run the same command again")
        connection.commit()
        try:
            yield
        finally:
            with suppress(sa.exc.OperationalError):  # a connection that is gone has taken its lock along
                connection.rollback()
                connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK_READINGS)))


def category_ids(session: Session) -> dict[str, int]:
    """Give the keys of the ontology's assignable categories by code."""
    known = rexgroundingct_ontology()
    rows = CATEGORY.join(ONTOLOGY, ONTOLOGY.c.id == CATEGORY.c.ontology_id)
    this = (ONTOLOGY.c.name == known.name, ONTOLOGY.c.version == known.version, CATEGORY.c.assignable)
    found = session.execute(sa.select(CATEGORY.c.code, CATEGORY.c.id).select_from(rows).where(*this))
    return {row.code: row.id for row in found}


def _read_reports(run: _Run, study_id: int | None, tell: Progress) -> None:
    with run.database.transaction() as session:
        pending = run.work.reports(session, run.engine)
        run.report.unchanged = count_read(session, run.engine, study_id)
    for n in range(0, len(pending), CHUNK):
        _read_chunk(run, pending[n : n + CHUNK])
        tell(min(n + CHUNK, len(pending)), len(pending))


def _read_chunk(run: _Run, report_ids: Sequence[int]) -> None:
    with run.database.transaction() as session:
        sources = read_sources(session, report_ids)
    answers = dict.fromkeys(Stage, Answers())
    inputs: list[Strict] = [each.text for each in sources]
    for stage in filter(run.work.asks_of_reports, Stage):
        answers[stage] = run.ask(stage, inputs)
        if stage is Stage.REWRITE:
            inputs = [_rewritten(each) for each in answers[stage].by_digest.values()]
        elif stage is Stage.EXTRACT:
            inputs = [phrase for each in answers[stage].by_digest.values() for phrase in _phrases(each)]
    _note_failures(run, sources, answers)
    if run.work.last is None:
        _save(run, [read for each in sources if (read := _read(each, answers)) is not None])


def _rewritten(rewrite: Answer) -> RewrittenReport:
    return RewrittenReport(sentences=rewrite.output.sentences if isinstance(rewrite.output, Rewrite) else ())


def _phrases(extraction: Answer) -> list[Phrase]:
    seen = extraction.output.observations if isinstance(extraction.output, Extraction) else ()
    return [Phrase(text=text) for text in dict.fromkeys(each.phrase for each in seen)]


def _note_failures(run: _Run, sources: Sequence[Source], answers: Mapping[Stage, Answers]) -> None:
    """Name the first failure of each report."""
    for source in sources:
        rewrite = answers[Stage.REWRITE].of(source.text)
        extraction = answers[Stage.EXTRACT].of(_rewritten(rewrite)) if rewrite else None
        asked: list[Strict] = [source.text]
        asked += [_rewritten(rewrite)] if rewrite else []
        asked += _phrases(extraction) if extraction else []
        failures = (stage.failure_of(each) for each in asked for stage in answers.values())
        if why := next(filter(None, failures), None):
            run.report.failures.append({"study": source.study, "why": why})


def _read(source: Source, answers: Mapping[Stage, Answers]) -> Read | None:
    """Put together what the stages say of a report; None where one of them failed."""
    rewrite = answers[Stage.REWRITE].of(source.text)
    extraction = answers[Stage.EXTRACT].of(_rewritten(rewrite)) if rewrite else None
    if rewrite is None or extraction is None:
        return None
    phrases = {}
    for phrase in _phrases(extraction):
        described, categorised = (answers[stage].of(phrase) for stage in (Stage.DESCRIBE, Stage.CATEGORISE))
        if described is None or categorised is None:
            return None
        phrases[phrase.text] = (described, categorised)
    return Read(source, rewrite, extraction, phrases)


def _save(run: _Run, reads: Sequence[Read]) -> None:
    """Write the readings of a chunk, and link its findings to them, in one transaction: a commit has its price."""
    with run.database.transaction() as session:
        for each in reads:
            save_reading(session, each, run.engine.name, run.report.version, run.categories)
        links = link_findings(session, [each.source.report_id for each in reads])
    run.report.links += links.counts
    for each in reads:
        run.report.add(each)


def _read_findings(run: _Run, study_id: int | None) -> None:
    if run.work.asks_of_findings(Stage.CATEGORISE):
        for texts in batches_of_texts(run.database, study_id, uncategorised=True):
            answers = _ask_of_findings(run, Stage.CATEGORISE, texts)
            with run.database.transaction() as session:
                run.report.categorised += save_categories(session, texts, answers, run.categories)
    if run.work.asks_of_findings(Stage.DESCRIBE):
        version = engine_version(run.engine, Stage.DESCRIBE)
        for texts in batches_of_texts(run.database, study_id):
            answers = _ask_of_findings(run, Stage.DESCRIBE, texts)
            with run.database.transaction() as session:
                run.report.described += save_descriptors(session, texts, answers, version)


def _ask_of_findings(run: _Run, stage: Stage, texts: Mapping[UUID, Phrase]) -> Answers:
    answers = run.ask(stage, texts.values())
    failed = ((key, answers.failure_of(phrase)) for key, phrase in texts.items())
    run.report.failures += [{"revision": str(key), "why": why} for key, why in failed if why]
    return answers
