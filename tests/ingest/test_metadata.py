"""CT-RATE's tables about scans: metadata and abnormality labels."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.metadata import import_metadata
from ingest.options import ImportOptions
from ingest.phantoms import ABNORMALITIES, ABNORMALITIES_NAME, JSON_NAME, METADATA_NAME, make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound, SourceError
from schema.import_run import FaultKind, Severity


@pytest.fixture
def data(database: Database, arrays: ArrayStore, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    make_dataset(folder, scans=2, faults=False, second=False)
    import_dataset(database, arrays, ImportOptions(folder / JSON_NAME, round="r", collection="phantom", workers=1))
    return folder


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query))]


def test_both_tables_of_a_phantom_come_in_and_again_change_nothing(database: Database, data: Path) -> None:
    for _ in range(2):
        metadata = import_metadata(database, data / METADATA_NAME, "phantom")
        labels = import_metadata(database, data / ABNORMALITIES_NAME, "phantom")
        assert (metadata.table, metadata.rows, metadata.matched, metadata.faults) == ("metadata", 2, 2, [])
        assert (labels.table, labels.rows, labels.matched, labels.faults) == ("abnormalities", 2, 2, [])
    assert rows(database, "SELECT count(*) FROM scan_metadata") == [(2,)]
    assert rows(database, "SELECT count(*), count(DISTINCT name) FROM abnormality") == [(2 * len(ABNORMALITIES), 18)]
    assert rows(database, "SELECT count(*) FROM scan_metadata WHERE manufacturer IS NULL") == [(0,)]


def test_ages_and_dates_are_read_and_the_row_is_kept(database: Database, data: Path, tmp_path: Path) -> None:
    (name, _) = sorted(value for (value,) in rows(database, "SELECT name FROM scan"))
    table = tmp_path / "table.csv"
    table.write_text(
        "VolumeName,Manufacturer,PatientSex,PatientAge,StudyDate\n"
        f"{name}.nii.gz,Maker,F,018M,20190131.0\ntrain_77_a_1.nii.gz,Maker,M,045Y,20190131\n"
    )
    report = import_metadata(database, table, "phantom")
    assert (report.rows, report.matched, report.unknown) == (2, 1, 1)
    ((age, day, source),) = rows(database, "SELECT patient_age_years, study_date, source FROM scan_metadata")
    assert (age, day) == (1.5, date(2019, 1, 31))
    assert source["PatientAge"] == "018M"  # type: ignore[index]


def test_what_is_wrong_in_a_table_is_named_with_its_row(database: Database, data: Path, tmp_path: Path) -> None:
    (name, _) = sorted(value for (value,) in rows(database, "SELECT name FROM scan"))
    table = tmp_path / "labels.csv"
    table.write_text(f"VolumeName,Emphysema,Lung nodule\n../up.nii.gz,0,1\n{name}.nii.gz,1,maybe\n")
    bad_name, bad_label = import_metadata(database, table, "phantom").faults
    assert (bad_name.kind, bad_name.severity) == (FaultKind.BAD_NAME, Severity.LEFT_OUT)
    assert bad_name.message.startswith("row 2:")
    assert (bad_label.kind, bad_label.severity) == (FaultKind.WRONG_TYPE, Severity.WARNING)
    assert "'maybe'" in bad_label.message
    assert rows(database, "SELECT name, present FROM abnormality") == [("Emphysema", True)]


def test_a_table_without_names_and_an_unknown_collection_are_refused(database: Database, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("Name,Age\nx,1\n")
    with pytest.raises(SourceError, match="has no column VolumeName"):
        import_metadata(database, table, "phantom")
    table.write_text("VolumeName,Age\ntrain_1_a_1,1\n")
    with pytest.raises(NotFound, match="there is no collection 'nobody'"):
        import_metadata(database, table, "nobody")
