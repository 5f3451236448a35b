"""Importing reports: patients, studies, reports and their sentences, and how sentences of two languages go together."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from ingest.faults import FaultDraft, fault
from ingest.locking import database_gone
from ingest.releases.recording import published_leaks
from ingest.reports.alignment import align_sentences
from ingest.reports.files import ReportDefaults, ReportDraft, iter_reports
from ingest.reports.linking import LinkCounts, link_findings
from ingest.reports.sentences import split_sentences
from schema.collection import Collection
from schema.database import Database
from schema.import_run import Fault, FaultKind, ImportRun, RunState, Severity
from schema.report import FindingSentence, Reading, Report, Section, Sentence, SentenceAlignment
from schema.scan import Patient, Study
from schema.version import software_version

_BATCH = 500
_SENTENCE_COLUMNS = ("report_id", "section", "start_char", "end_char", "text")


@dataclass(frozen=True)
class ReportOptions:
    """What the user asks for."""

    file: Path
    collection: str = "ct-rate"
    defaults: ReportDefaults = field(default_factory=ReportDefaults)
    dry_run: bool = False


@dataclass
class ReportsReport:
    """What a file of reports brought."""

    dry_run: bool = False
    reports: Counter[str] = field(default_factory=Counter)
    """By what became of them: new, changed, unchanged, kept as it was though the file differs, empty."""
    studies: int = 0
    """Those that were not known."""
    sentences: int = 0
    """New ones."""
    aligned: int = 0
    """Pairs of a sentence and its original."""
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
            "dry_run": self.dry_run,
            "reports": {what: self.reports[what] for what in ("new", "changed", "unchanged", "kept", "empty")},
            "studies": {"new": self.studies},
            "sentences": {"new": self.sentences},
            "aligned": self.aligned,
            "links": self.links.to_json(),
            "faults": [one.to_json() for one in self.faults],
            "seconds": round(self.seconds, 3),
        }


def import_reports(
    database: Database, options: ReportOptions, tell: Callable[[int, int | None], None] | None = None
) -> ReportsReport:
    """Import a file of reports; running it again completes what was interrupted, and changes nothing that is complete.

    A text that changed takes the stored one's place, unless a reading refers to its sentences: then the stored one
    stays. A dry run does it all and takes it back.

    Raises:
        SourceError: the file cannot be read, or is none of reports; batches before that stay.
        ServerError: the database went away; what was imported stays.
    """
    start = time.perf_counter()
    report = ReportsReport(options.dry_run)
    drafts = iter_reports(options.file, options.defaults, report.faults)
    done = 0
    try:
        while batch := list(islice(drafts, _BATCH)):
            with database.transaction() as session:
                _Batch(session, options, report).save(batch)
                if options.dry_run:
                    session.rollback()
            done += len(batch)
            if tell:
                tell(done, None)
        if not options.dry_run:
            with database.transaction() as session:
                report.faults += published_leaks(session, options.collection, options.file)
                _save_run(session, options, report)
    except OperationalError as error:
        raise database_gone(error) from None
    report.seconds = time.perf_counter() - start
    return report


@dataclass(frozen=True)
class _Batch:
    """Saves reports of different studies in one transaction."""

    session: Session
    options: ReportOptions
    report: ReportsReport

    def save(self, drafts: Sequence[ReportDraft]) -> None:
        studies = self._studies(drafts)
        known = self._known(list(studies.values()))
        saved = [self._save_report(draft, known[studies[draft.name.study]]) for draft in drafts]
        self.session.flush()
        self.report.reports.update(became for _, became in saved)
        fresh = [
            (row.id, draft) for (row, became), draft in zip(saved, drafts, strict=True) if became in ("new", "changed")
        ]
        self._add_sentences(fresh)
        self._align([report_id for report_id, _ in fresh])
        links = link_findings(self.session, [report_id for report_id, _ in fresh])
        self.report.links += links.counts
        self.report.faults += links.faults

    def _studies(self, drafts: Sequence[ReportDraft]) -> dict[str, int]:
        """Give the studies' keys by name; those that are not there are made, with their patients."""
        collection = _ensure(self.session, Collection, "name", [{"name": self.options.collection}])
        collection_id = collection[self.options.collection]
        here = {"collection_id": collection_id}
        names = {draft.name.study: draft.name for draft in drafts}
        patients = [{**here, "key": patient} for patient in sorted({name.patient for name in names.values()})]
        patient_ids = _ensure(self.session, Patient, "key", patients, **here)
        studies = [{**here, "name": study, "patient_id": patient_ids[names[study].patient]} for study in sorted(names)]
        self.report.studies += len(studies) - len(_named(self.session, Study, "name", names, **here))
        return _ensure(self.session, Study, "name", studies, **here)

    def _known(self, studies: Sequence[int]) -> dict[int, "_StudyReports"]:
        known = {study_id: _StudyReports(study_id, {}) for study_id in studies}
        query = select(Report).where(col(Report.study_id).in_(studies)).with_for_update()
        for row in self.session.exec(query):
            known[row.study_id].by_language[row.language] = row
        return known

    def _save_report(self, draft: ReportDraft, study: "_StudyReports") -> tuple[Report, str]:
        """Save a report without its sentences; tell what became of it."""
        if not draft.texts and study.by_language:
            return next(iter(study.by_language.values())), "empty"
        row, is_new = study.row(draft.language if draft.texts else "und")
        self.session.add(row)
        if not draft.texts:
            return row, "empty"
        texts = {section.value: draft.texts.get(section) for section in Section}
        same = all(getattr(row, name) == text for name, text in texts.items())
        if not (is_new or same or self._freed(draft, row)):
            return row, "kept"
        row.sqlmodel_update(texts)
        if draft.machine_translated is not None:
            row.machine_translated = draft.machine_translated
        return row, "new" if is_new else "unchanged" if same else "changed"

    def _freed(self, draft: ReportDraft, stored: Report) -> bool:
        """Take a stored report's sentences away, unless a reading refers to them; tell what was done."""
        read = self.session.exec(select(Reading.id).where(Reading.report_id == stored.id)).first() is not None
        self._tell_changed(draft, read=read)
        if not read:
            sentences = sa.select(col(Sentence.id)).where(col(Sentence.report_id) == stored.id)
            either = col(SentenceAlignment.sentence_id).in_(sentences) | col(SentenceAlignment.original_id).in_(
                sentences
            )
            self.session.execute(sa.delete(FindingSentence).where(col(FindingSentence.sentence_id).in_(sentences)))
            self.session.execute(sa.delete(SentenceAlignment).where(either))
            self.session.execute(sa.delete(Sentence).where(col(Sentence.report_id) == stored.id))
        return not read

    def _tell_changed(self, draft: ReportDraft, *, read: bool) -> None:
        where = f"line {draft.line}: {draft.name.study}: the text differs from what was imported before"
        if read:
            message, remedy = (
                f"{where}, and was read already; the stored text stays",
                "import it under a new collection",
            )
        else:
            message, remedy = f"{where}; it takes the stored text's place", "look at the difference"
        severity = Severity.LEFT_OUT if read else Severity.WARNING
        told = fault(FaultKind.CHANGED_SINCE, message, path=self.options.file, severity=severity)
        self.report.faults.append(replace(told, remedy=remedy))

    def _add_sentences(self, reports: Sequence[tuple[int, ReportDraft]]) -> None:
        rows = [row for report_id, draft in reports for row in sentence_rows(report_id, draft.texts)]
        copy_sentences(self.session, rows)
        self.report.sentences += len(rows)

    def _align(self, reports: Sequence[int]) -> None:
        """Align the sentences of translations and originals where one of both is new."""
        rows = [row for pair in _translated(self.session, reports) for row in _alignment(self.session, *pair)]
        if rows:
            self.session.execute(sa.insert(SentenceAlignment), rows)
        self.report.aligned += len(rows)


@dataclass(frozen=True)
class _StudyReports:
    """The reports of a study by language."""

    study_id: int
    by_language: dict[str, Report]

    def row(self, language: str) -> tuple[Report, bool]:
        """Give the row of a language, and whether it is new; the one without text becomes the first one with text."""
        if found := self.by_language.get(language):
            return found, False
        row = self.by_language.pop("und", None) or Report(study_id=self.study_id)
        row.language = language
        self.by_language[language] = row
        return row, True


def sentence_rows(report_id: int, texts: Mapping[Section, str]) -> Iterator[tuple[int, str, int, int, str]]:
    """Split a report's sections into rows of sentences."""
    for section, text in texts.items():
        for one in split_sentences(text):
            yield report_id, section.value, one.start, one.end, text[one.start : one.end]


def copy_sentences(session: Session, rows: Sequence[tuple[int, str, int, int, str]]) -> None:
    """Add sentences by COPY."""
    session.flush()
    cursor = session.connection().connection.cursor()
    with cursor, cursor.copy(f"COPY sentence ({', '.join(_SENTENCE_COLUMNS)}) FROM STDIN") as copy:  # type: ignore[attr-defined]
        for row in rows:
            copy.write_row(row)


def _named(session: Session, model: Any, name: str, names: Any, **where: int) -> dict[str, int]:
    column = getattr(model, name)
    return dict(session.exec(select(column, model.id).where(column.in_(list(names))).filter_by(**where)).all())


def _ensure(session: Session, model: Any, name: str, rows: Sequence[dict[str, Any]], **where: int) -> dict[str, int]:
    """Add rows unless they are there, and give their keys by name."""
    session.execute(insert(model).values(list(rows)).on_conflict_do_nothing())
    return _named(session, model, name, [row[name] for row in rows], **where)


def _translated(session: Session, reports: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give (translation, original) of the studies of these reports: what a machine translated, or else the English."""
    studies = sa.select(col(Report.study_id)).where(col(Report.id).in_(reports))
    query = select(Report).where(col(Report.study_id).in_(studies)).order_by(col(Report.study_id), col(Report.id))
    for _, rows in groupby(session.exec(query), key=lambda row: row.study_id):
        original, *translations = sorted(rows, key=_is_translation)
        for translation in translations:
            if original.id in reports or translation.id in reports:
                yield translation.id, original.id


def _is_translation(report: Report) -> tuple[bool, bool]:
    return bool(report.machine_translated), report.language.startswith("en")


def _alignment(session: Session, translation: int, original: int) -> Iterator[dict[str, Any]]:
    both = [_sentences(session, report) for report in (translation, original)]
    for section in Section:
        ours, theirs = (each.get(section, []) for each in both)
        for pair in align_sentences([text for _, text in ours], [text for _, text in theirs]):
            row = {"sentence_id": ours[pair.sentence][0], "original_id": theirs[pair.original][0]}
            yield {**row, "score": pair.score}


def _sentences(session: Session, report_id: int) -> dict[Section, list[tuple[int, str]]]:
    found: dict[Section, list[tuple[int, str]]] = {}
    query = select(Sentence).where(Sentence.report_id == report_id).order_by(col(Sentence.start_char))
    for row in session.exec(query):
        found.setdefault(row.section, []).append((row.id, row.text))
    return found


def _save_run(session: Session, options: ReportOptions, report: ReportsReport) -> None:
    settings = {"language": options.defaults.language, "collection": options.collection, **report.reports}
    run = ImportRun(
        kind="reports",
        source=str(options.file.absolute()),
        settings=settings,
        software_version=software_version(),
        state=RunState.DONE,
    )
    session.add(run)
    session.flush()
    if report.faults:
        session.execute(sa.insert(Fault), [{"run_id": run.id, **one.to_json()} for one in report.faults])
