"""Reports that were read elsewhere, however their JSON is nested. All text is invented."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.releases.withdrawing import withdraw_patient
from ingest.reports.extracted import ExtractedImport, import_extracted
from ingest.reports.extractions import read_extractions
from ingest.reports.files import ReportDefaults
from ingest.reports.importing import ReportOptions, import_reports
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import SourceError
from schema.import_run import FaultKind
from schema.report import Region

REWRITTEN = {
    "Findings": {
        "Lungs/Airways/Pleura": ["12 x 10 mm nodule in the right lower lobe.", "No pleural effusion."],
        "Heart/Vessels": ["The heart is enlarged."],
        "Bones": [],
    },
    "Impressions": "Right lower lobe nodule. Cardiomegaly.",
}
EXTRACTED = {
    "S1": ["12 x 10 mm nodule in the right lower lobe", "L1,I1", "Y", "N"],
    "S2": ["pleural effusion", "L2", "N", "N"],
    "S10": ["cardiomegaly", "H1,I2", "Y", "Y"],
}
POSITIVES = {"P1": "12 x 10 mm nodule in the right lower lobe", "P2": "cardiomegaly"}
CATEGORIES = {"P1": "2d", "P2": "8d"}
REPORT = {
    "study": "valid_1_a",
    "findings": "A nodule of 12x10 mm is seen in the right lower lobe. No pleural effusion is seen. Heart is enlarged.",
    "impression": "Nodule in the right lower lobe. Cardiomegaly.",
}
WHOLE = {"rewritten": REWRITTEN, "extracted": EXTRACTED, "positives": POSITIVES, "categories": CATEGORIES}
NESTED = {
    "by study": [{"valid_1_a": WHOLE}],
    "by volume, in a split": [{"val": {"valid_1_a_2.nii.gz": WHOLE}}],
    "a list": [[{"name": "valid_1_a_1.nii.gz", "steps": [{"report": REWRITTEN}, EXTRACTED, POSITIVES, CATEGORIES]}]],
    "a file each": [{"valid_1_a": part} for part in (REWRITTEN, EXTRACTED, POSITIVES, CATEGORIES)],
    "without positives": [{"valid_1_a": [REWRITTEN, EXTRACTED, CATEGORIES]}],
}


def written(folder: Path, *contents: Any) -> list[Path]:
    paths = [folder / f"{n}.json" for n in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return paths


@pytest.mark.parametrize("name", NESTED)
def test_parts_are_told_by_their_shape(tmp_path: Path, name: str) -> None:
    faults: list[Any] = []
    (report,) = read_extractions(written(tmp_path, *NESTED[name]), faults)
    assert report.name.study == "valid_1_a"
    assert [region for region, _ in report.rewritten] == [
        *[Region.LUNGS] * 2,
        Region.HEART,
        *[Region.IMPRESSION] * 2,
    ]
    assert [
        (seen.phrase, seen.present, seen.refers_to_prior, seen.sentences, seen.category) for seen in report.observations
    ] == [
        ("12 x 10 mm nodule in the right lower lobe", True, False, (0, 3), "2d"),
        ("pleural effusion", False, False, (1,), None),
        ("cardiomegaly", True, True, (2, 4), "8d"),
    ]
    assert faults == []


def test_a_phrase_without_its_rewritten_sentence_stands_for_it(tmp_path: Path) -> None:
    (report,) = read_extractions(written(tmp_path, {"valid_1_a": {"S1": ["a cyst in the liver", "A7", "Y", "N"]}}), [])
    assert report.rewritten == [(Region.UPPER_ABDOMEN, "a cyst in the liver")]
    assert report.observations[0].sentences == (0,)


WRONG = {
    "region": ({"valid_1_a": {"Findings": {"Feet": ["x"]}, "S1": ["cyst", "L1", "Y", "N"]}}, FaultKind.BAD_KEYS),
    "no extraction": ({"valid_1_a": REWRITTEN}, FaultKind.MISSING_KEY),
    "NUL": ({"valid_1_a": {"S1": ["a\0b", "L1", "Y", "N"]}}, FaultKind.UNREADABLE_FILE),
    "surrogate": ({"valid_1_a": {"S1": ["a\ud800b", "L1", "Y", "N"]}}, FaultKind.UNREADABLE_FILE),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(tmp_path: Path, name: str) -> None:
    content, kind = WRONG[name]
    faults: list[Any] = []
    read_extractions(written(tmp_path, content), faults)
    assert [(one.kind, "valid_1_a" in one.message) for one in faults] == [(kind, True)]


@pytest.mark.parametrize("content", ["{", "[NaN]", '{"a": 1}', "[" * 100_000])
def test_what_is_no_file_of_reports_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(SourceError):
        read_extractions(written(tmp_path, content), [])


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def bring(database: Database, folder: Path, *contents: Any, report: bool = True) -> ExtractedImport:
    (reports := folder / "reports.jsonl").write_text(json.dumps(REPORT if report else {"study": "valid_1_a"}))
    import_reports(database, ReportOptions(reports, "c", ReportDefaults("en")))
    return import_extracted(database, written(folder, *contents), "c")


def test_a_reading_is_made_once_and_its_source_is_kept(database: Database, tmp_path: Path) -> None:
    for became in ("new", "unchanged"):
        told = bring(database, tmp_path, {"valid_1_a": WHOLE})
        assert (dict(told.studies), told.faults) == ({became: 1}, [])
    assert rows(database, "SELECT engine, sentences, flagged, is_latest FROM reading") == [("source", 5, 0, True)]
    observed = rows(
        database,
        "SELECT o.phrase, o.present, c.code, array_agg(s.text ORDER BY s.id) FROM observation o "
        "LEFT JOIN category c ON c.id = o.category_id JOIN observation_source os ON os.observation_id = o.id "
        "JOIN rewritten_source rs USING (rewritten_id) JOIN sentence s ON s.id = rs.sentence_id "
        "GROUP BY o.id, c.code ORDER BY o.position",
    )
    nodule = ["A nodule of 12x10 mm is seen in the right lower lobe.", "Nodule in the right lower lobe."]
    assert observed == [
        ("12 x 10 mm nodule in the right lower lobe", True, "2d", nodule),
        ("pleural effusion", False, None, ["No pleural effusion is seen."]),
        ("cardiomegaly", True, "8d", ["Heart is enlarged.", "Cardiomegaly."]),
    ]
    ((kept,),) = rows(database, "SELECT output->'documents' FROM stage_result WHERE engine = 'source'")
    assert kept == [WHOLE]


def test_a_report_that_comes_later_is_linked_by_running_again(database: Database, tmp_path: Path) -> None:
    assert bring(database, tmp_path, {"valid_1_a": WHOLE}, report=False).linked == 0
    told = bring(database, tmp_path, {"valid_1_a": WHOLE})
    assert (dict(told.studies), told.linked) == ({"new": 1}, 5)


def test_other_content_is_another_reading_and_the_earlier_one_stays(database: Database, tmp_path: Path) -> None:
    bring(database, tmp_path, {"valid_1_a": WHOLE})
    told = bring(database, tmp_path, {"valid_1_a": {**WHOLE, "categories": {"P1": "2c", "P2": "99z"}}})
    assert [one.kind for one in told.faults] == [FaultKind.UNKNOWN_CATEGORY]
    assert rows(database, "SELECT is_latest FROM reading ORDER BY id") == [(False,), (True,)]


def test_a_study_that_is_not_here_is_told(database: Database, tmp_path: Path) -> None:
    told = bring(database, tmp_path, {"valid_9_a": WHOLE})
    assert (dict(told.studies), told.left_out) == ({"unknown": 1}, True)
    assert "valid_9_a" in told.faults[0].message


def test_who_withdraws_takes_it_along(database: Database, arrays: ArrayStore, tmp_path: Path) -> None:
    bring(database, tmp_path, {"valid_1_a": WHOLE})
    withdraw_patient(database, arrays, "valid_1", collection="c", reason="asked")
    for table in ("stage_result", "reading", "observation", "sentence"):
        assert rows(database, f"SELECT count(*) FROM {table}") == [(0,)]
