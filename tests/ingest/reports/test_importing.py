"""Reports in the database: patients, studies, sentences, two languages, and what a second run does. All invented."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.reports.files import ReportDefaults
from ingest.reports.importing import ReportOptions, ReportsReport, import_reports
from schema.database import Database
from schema.import_run import FaultKind, Severity
from schema.report import EngineName, Reading

ENGLISH = {
    "study": "valid_1_a",
    "findings": " The trachea is open. A nodule of 12x10 mm is seen in the right lower lobe.  No effusion.",
    "impression": "Nodule in the right lower lobe.",
    "technique": "CT.",
}
TURKISH = {
    "study": "valid_1_a",
    "language": "tr",
    "machine_translated": False,
    "findings": "Trakea normal. Sağ akciğer alt lobda 12x10 mm boyutunda nodül izlendi. Efüzyon izlenmedi.",
    "impression": "Sağ akciğer alt lobda nodül.",
}


def bring(database: Database, folder: Path, *lines: dict[str, Any], dry_run: bool = False) -> ReportsReport:
    path = folder / "reports.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return import_reports(database, ReportOptions(path, "c", ReportDefaults("en"), dry_run))


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def counts(report: ReportsReport) -> dict[str, int]:
    return {what: number for what, number in report.reports.items() if number}


def test_a_report_comes_in_whole_and_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    first = bring(database, tmp_path, ENGLISH)
    assert (counts(first), first.studies, first.sentences, first.faults) == ({"new": 1}, 1, 5, [])
    again = bring(database, tmp_path, ENGLISH)
    assert (counts(again), again.studies, again.sentences, again.faults) == ({"unchanged": 1}, 0, 0, [])
    assert rows(database, "SELECT key FROM patient") == [("valid_1",)]
    assert rows(database, "SELECT language, findings FROM report") == [("en", ENGLISH["findings"])]
    sentences = "SELECT section, start_char, end_char, text FROM sentence WHERE section <> 'technique' ORDER BY id"
    assert rows(database, sentences) == [
        ("findings", 1, 21, "The trachea is open."),
        ("findings", 22, 75, "A nodule of 12x10 mm is seen in the right lower lobe."),
        ("findings", 77, 89, "No effusion."),
        ("impression", 0, 31, "Nodule in the right lower lobe."),
    ]
    runs = rows(database, "SELECT kind, state, settings->>'new' FROM import_run ORDER BY id")
    assert runs == [("reports", "done", "1"), ("reports", "done", None)]


def test_a_dry_run_counts_and_leaves_nothing(database: Database, tmp_path: Path) -> None:
    report = bring(database, tmp_path, ENGLISH, TURKISH, dry_run=True)
    assert (counts(report), report.sentences, report.aligned) == ({"new": 2}, 9, 4)
    for table in ("collection", "patient", "study", "report", "sentence", "import_run"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(0,)]


def test_an_original_stands_beside_its_translation(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, TURKISH)
    bring(database, tmp_path, ENGLISH)
    assert rows(database, "SELECT language FROM report ORDER BY 1") == [("en",), ("tr",)]
    aligned = "SELECT t.text, o.text, score FROM sentence_alignment a JOIN sentence t ON t.id = a.sentence_id "
    aligned += "JOIN sentence o ON o.id = a.original_id ORDER BY t.id"
    pairs = rows(database, aligned)
    assert [english for english, _, _ in pairs] == [
        "The trachea is open.",
        "A nodule of 12x10 mm is seen in the right lower lobe.",
        "No effusion.",
        "Nodule in the right lower lobe.",
    ]
    assert pairs[1][1] == "Sağ akciğer alt lobda 12x10 mm boyutunda nodül izlendi."
    assert all(0.3 < score <= 1 for _, _, score in pairs)


def test_a_study_without_text_has_a_row_that_its_first_text_fills(database: Database, tmp_path: Path) -> None:
    report = bring(database, tmp_path, {"study": "valid_1_a"})
    assert (counts(report), [one.kind for one in report.faults]) == ({"empty": 1}, [FaultKind.EMPTY_REPORT])
    (before,) = rows(database, "SELECT id, language FROM report")
    assert before[1] == "und"
    bring(database, tmp_path, ENGLISH)
    assert rows(database, "SELECT id, language FROM report") == [(before[0], "en")]
    bring(database, tmp_path, {"study": "valid_1_a"})
    assert rows(database, "SELECT id, language FROM report") == [(before[0], "en")]


def test_both_languages_of_a_study_in_one_file(database: Database, tmp_path: Path) -> None:
    report = bring(database, tmp_path, ENGLISH, TURKISH, {"study": "valid_1_b"})
    assert counts(report) == {"empty": 1, "new": 2}
    assert rows(database, "SELECT language FROM report ORDER BY 1") == [("en",), ("tr",), ("und",)]


def test_a_changed_text_takes_the_place_of_one_that_nothing_was_read_in(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, ENGLISH, TURKISH)
    report = bring(database, tmp_path, {**ENGLISH, "findings": "A cyst. A bulla."})
    assert counts(report) == {"changed": 1}
    assert [(one.kind, one.severity) for one in report.faults] == [(FaultKind.CHANGED_SINCE, Severity.WARNING)]
    english = "SELECT s.text FROM sentence s JOIN report r ON r.id = report_id WHERE language = 'en' "
    assert rows(database, english + "AND section = 'findings' ORDER BY start_char") == [("A cyst.",), ("A bulla.",)]
    assert rows(database, "SELECT count(*) > 0 FROM sentence_alignment") == [(True,)]


def test_a_text_that_was_read_stays(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, ENGLISH)
    ((report_id,),) = rows(database, "SELECT id FROM report")
    with database.transaction() as session:
        session.add(Reading(report_id=report_id, engine=EngineName.RULES, engine_version="1", sentences=5, flagged=0))
    report = bring(database, tmp_path, {**ENGLISH, "findings": "A cyst."})
    assert counts(report) == {"kept": 1}
    assert [(one.kind, one.severity) for one in report.faults] == [(FaultKind.CHANGED_SINCE, Severity.LEFT_OUT)]
    assert rows(database, "SELECT findings FROM report") == [(ENGLISH["findings"],)]


def test_whether_a_machine_translated_it_may_come_later(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, ENGLISH)
    report = bring(database, tmp_path, {**ENGLISH, "machine_translated": True})
    assert counts(report) == {"unchanged": 1}
    assert rows(database, "SELECT machine_translated FROM report") == [(True,)]


def test_the_database_keeps_sentences_and_text_together(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, ENGLISH)
    wrong = (
        "INSERT INTO sentence (report_id, section, start_char, end_char, text) "
        "SELECT id, 'findings', 2, 5, 'the' FROM report",
        "UPDATE report SET findings = 'other'",
    )
    for statement in wrong:
        with pytest.raises(sa.exc.IntegrityError), database.transaction() as session:
            session.execute(sa.text(statement))


def test_the_real_reports(database: Database, shared_data: Path) -> None:
    file = shared_data / "ct_rate_reports" / "validation_reports_with_volumes.csv.gz"
    if not file.exists():
        pytest.skip("the real reports are not here")
    report = import_reports(database, ReportOptions(file, defaults=ReportDefaults("en", True)))
    assert (counts(report), report.faults) == ({"new": 1564}, [])
    assert report.seconds < 30
    (total,) = rows(database, "SELECT sum(length(regexp_replace(text, '\\s', '', 'g'))) FROM sentence")
    whole = "coalesce(clinical_information,'')||coalesce(technique,'')||coalesce(findings,'')||coalesce(impression,'')"
    assert rows(database, f"SELECT sum(length(regexp_replace({whole}, '\\s', '', 'g'))) FROM report") == [total]
