"""A published release keeps its leaks: the same voxels, or the same report, in two splits are warnings with names."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.releases.recording import published_leaks
from ingest.reports.files import ReportDefaults
from ingest.reports.importing import ReportOptions, ReportsReport, import_reports
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.import_run import FaultKind, Severity

TEXT = "A nodule of 5 mm is seen in the left upper lobe. There is no effusion."


@pytest.fixture
def leaky(tmp_path: Path) -> ImportOptions:
    """A release in which a scan of val has the voxels of one of train."""
    make_dataset(tmp_path / "data", scans=5, seed=5, faults=False, second=False, shape=(60, 60, 60))
    document = json.loads((tmp_path / "data" / "dataset.json").read_text())
    one, other = (document[split][0]["name"] for split in ("train", "val"))
    volumes = {path.name: path for path in (tmp_path / "data" / "volumes").rglob("*.nii.gz")}
    shutil.copyfile(volumes[one], volumes[other])
    return ImportOptions(tmp_path / "data" / "dataset.json", "first", release="base", collection="phantom", workers=1)


def scans(options: ImportOptions) -> tuple[str, str]:
    document = json.loads(options.dataset.read_text())
    one, other = (document[split][0]["name"].removesuffix(".nii.gz") for split in ("train", "val"))
    return one, other


def stored(database: Database) -> list[tuple[str, str, str]]:
    query = "SELECT kind::text, scan, message FROM open.fault WHERE kind::text LIKE '%two_splits' ORDER BY id"
    with database.engine(Role.OWNER).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_the_same_voxels_in_two_splits(database: Database, arrays: ArrayStore, leaky: ImportOptions) -> None:
    one, other = sorted(scans(leaky))
    report = import_dataset(database, arrays, leaky)
    (told,) = (each for each in report.all_faults if each.kind is FaultKind.VOLUME_IN_TWO_SPLITS)
    places = dict(zip(scans(leaky), ("train", "val"), strict=True))
    assert (told.severity, told.scan) == (Severity.WARNING, one)
    assert told.message.endswith(f"of base: {one} in {places[one]}, {other} in {places[other]}")
    assert not report.left_out
    kept = [each for each in stored(database) if each[0] == "volume_in_two_splits"]
    assert kept == [("volume_in_two_splits", one, told.message)]
    again = import_dataset(database, arrays, leaky)
    assert told in again.all_faults


def bring(database: Database, folder: Path, texts: dict[str, str]) -> ReportsReport:
    path = folder / "reports.jsonl"
    lines = [{"study": scan.rpartition("_")[0], "findings": text} for scan, text in texts.items()]
    path.write_text("\n".join(map(json.dumps, lines)))
    return import_reports(database, ReportOptions(path, "phantom", ReportDefaults("en")))


def test_the_same_report_in_two_splits(
    database: Database, arrays: ArrayStore, leaky: ImportOptions, tmp_path: Path
) -> None:
    import_dataset(database, arrays, leaky)
    one, other = scans(leaky)
    differing = bring(database, tmp_path, {one: TEXT, other: f"{TEXT} The heart is large."})
    assert FaultKind.REPORT_IN_TWO_SPLITS not in {each.kind for each in differing.faults}
    same = bring(database, tmp_path, {other: TEXT.upper()})
    (told,) = (each for each in same.faults if each.kind is FaultKind.REPORT_IN_TWO_SPLITS)
    assert f"{one} in train" in told.message
    assert f"{other} in val" in told.message
    assert TEXT not in told.message
    assert ("report_in_two_splits", told.scan, told.message) in stored(database)
    assert FaultKind.REPORT_IN_TWO_SPLITS in {each.kind for each in import_dataset(database, arrays, leaky).faults}


def test_releases_of_other_collections_are_not_looked_at(
    database: Database, arrays: ArrayStore, leaky: ImportOptions
) -> None:
    import_dataset(database, arrays, leaky)
    import_dataset(database, arrays, replace(leaky, round="other", release=None, collection="other"))
    with database.transaction() as session:
        assert len(list(published_leaks(session, "phantom", None))) == 1
        assert list(published_leaks(session, "other", None)) == []
