"""Who withdraws is gone, rows and voxels, and what releases said of the others still holds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.hiding import MOVED
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.releases.verifying import verify_release
from ingest.releases.withdrawing import PUBLIC, withdraw_patient
from ingest.reports.stages import Phrase, input_digest
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, OPEN
from schema.database import Database, Role
from schema.errors import NotFound
from schema.integrity import verify
from schema.model_call import StageResult
from schema.report import EngineName
from schema.tables import METADATA

Archive = tuple[Database, ArrayStore]
SUMS = {"import_summary", "round_agreement"}
"""Counts over many patients."""


@pytest.fixture
def archive(
    new_database: Callable[[], AbstractContextManager[Database]], arrays: ArrayStore, tmp_path: Path
) -> Iterator[Archive]:
    make_dataset(tmp_path / "data", scans=4, seed=3, faults=False, second=False, shape=(60, 60, 60))
    dataset, hide = tmp_path / "data" / "dataset.json", frozenset({"test"})
    options = ImportOptions(dataset, "first", release="base", hide=hide, collection="phantom", workers=1)
    with new_database() as database:
        assert not import_dataset(database, arrays, options).left_out
        yield database, arrays


def quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def rows(database: Database) -> dict[str, int]:
    with database.engine(Role.OWNER).connect() as connection:
        return {
            str(table): connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in METADATA.sorted_tables
        }


def patients(database: Database) -> dict[str, int]:
    """Patients with their number of scans."""
    query = (
        "SELECT p.key, count(*) FROM patient p JOIN study t ON t.patient_id = p.id "
        "JOIN scan s ON s.study_id = t.id GROUP BY 1"
    )
    with database.engine(Role.OWNER).connect() as connection:
        return dict(connection.execute(sa.text(query)).all())  # type: ignore[arg-type]


def test_every_table_that_leads_to_a_patient_is_emptied() -> None:
    reached = {"patient"}
    while True:
        more = {
            table.name
            for table in METADATA.sorted_tables
            if table.schema != HIDDEN and {key.column.table.name for key in table.foreign_keys} & reached
        }
        if more <= reached:
            break
        reached |= more
    keyed = {table.name for table in METADATA.sorted_tables if table.schema == OPEN} - SUMS
    assert {name for name, _ in (*MOVED, *PUBLIC)} == reached | keyed


def test_nothing_of_everybody_is_left(archive: Archive) -> None:
    database, arrays = archive
    for patient in patients(database):
        withdraw_patient(database, arrays, patient, collection="phantom", reason="asked")
    left = {name for name, count in rows(database).items() if count}
    tables = {name for name, _ in PUBLIC} | {f"{schema}.{name}" for name, _ in MOVED for schema in (OPEN, HIDDEN)}
    assert not left & tables
    assert list(arrays.iter_arrays()) == []
    assert verify_release(database, arrays, "base", quiet).problems == ()


def test_the_others_stay_and_the_release_still_holds(archive: Archive) -> None:
    database, arrays = archive
    gone, scans = next((key, count) for key, count in patients(database).items() if count > 1)
    before = rows(database)
    report = withdraw_patient(database, arrays, gone, collection="phantom", reason="asked")
    assert (len(report.scans), report.releases) == (scans, ("base",))
    after = rows(database)
    assert before["scan"] - after["scan"] == scans
    found = verify_release(database, arrays, "base", quiet)
    assert (found.withdrawn, found.problems) == (scans, ())
    assert (verify(database, arrays, quiet).withdrawn, verify(database, arrays, quiet).problems) == (scans, ())
    with database.engine(Role.OWNER).connect() as connection:
        logged = connection.execute(sa.text("SELECT patient, reason, removed FROM withdrawal")).one()
    assert (logged.patient, logged.reason, logged.removed["scans"]) == (gone, "asked", scans)


def test_what_stages_were_given_of_the_patients_words_is_forgotten(archive: Archive) -> None:
    database, arrays = archive
    with database.transaction(Role.OWNER) as session:
        texts = list(session.scalars(sa.text("SELECT DISTINCT text FROM finding_revision")))
        for text in texts:
            digest = input_digest(Phrase(text=text))
            facts = {"stage": "describe", "prompt_version": "1", "schema_version": "1", "input_sha256": digest}
            session.add(StageResult(**facts, engine=EngineName.RULES, model="", output={"descriptors": []}))
    for patient in patients(database):
        withdraw_patient(database, arrays, patient, collection="phantom", reason="asked")
    assert texts
    assert rows(database)["stage_result"] == 0


def test_a_dry_run_removes_nothing(archive: Archive) -> None:
    database, arrays = archive
    before, stored = rows(database), sorted(entry.digest for entry in arrays.iter_arrays())
    report = withdraw_patient(database, arrays, "train_1", collection="phantom", reason="asked", dry_run=True)
    assert report.scans
    assert report.arrays > 0
    assert (rows(database), sorted(entry.digest for entry in arrays.iter_arrays())) == (before, stored)


def test_who_is_not_there(archive: Archive) -> None:
    with pytest.raises(NotFound, match="train_1741"):
        withdraw_patient(*archive, "nobody", collection="phantom", reason="asked")
