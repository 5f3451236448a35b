"""What is missing or stale is measured, once and as an import measures it, whatever worker does it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from compute.jobs.geometry import compute_geometry
from compute.jobs.selection import Selection
from compute.quantities import GeometrySettings
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.cohort import Cohort, CohortMember
from schema.database import Database, Role
from schema.errors import NotFound
from schema.finding import FindingRevision
from schema.scan import VolumeStorage

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scans, of train, val and test."""
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(folder, scans=3, seed=4, faults=False, second=False, shape=(60, 60, 60))
    return folder


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], dataset: Path
) -> Iterator[tuple[Database, ArrayStore, Rows]]:
    """The three scans with their geometry as the import measured it, the test split hidden."""
    with new_database() as database, ArrayStore(str(dataset / "arrays")) as arrays:
        import_dataset(database, arrays, options(dataset, release="base", hide=frozenset({"test"})))
        yield database, arrays, geometry(database)


def options(folder: Path, **changes: Any) -> ImportOptions:
    return ImportOptions(folder / "dataset.json", round="first", workers=1, **changes)


def geometry(database: Database) -> Rows:
    """Every value of every row, hidden ones included, but for the time."""
    query = "SELECT schema, to_jsonb(g) - 'computed_at' FROM (SELECT 'open' AS schema, * FROM open.geometry UNION ALL "
    query += "SELECT 'hidden', * FROM hidden.geometry) AS g ORDER BY schema, entity_id"
    with database.engine(Role.OWNER).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def change(database: Database, statement: str) -> int:
    with database.engine(Role.OWNER).connect() as connection:
        changed: int = connection.execute(sa.text(statement)).rowcount
        connection.commit()
        return changed


def test_after_an_import_there_is_nothing_to_do(imported: tuple[Database, ArrayStore, Rows]) -> None:
    database, arrays, before = imported
    assert len(before) > 10
    assert {schema for schema, _ in before} == {"open", "hidden"}
    report = compute_geometry(database, arrays)
    assert (report.entities, report.computed, report.failed) == (len(before), 0, {})
    assert geometry(database) == before


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM {}.geometry",
        "DELETE FROM {}.geometry WHERE entity_id = (SELECT min(entity_id::text)::uuid FROM {}.geometry)",
        "UPDATE {}.geometry SET kernel_version = 'older', components6 = 99, hu_mean = 0, x_lps_mm = 0",
        "UPDATE {}.geometry SET volume_mm3 = NULL, x_lps_mm = NULL, y_lps_mm = NULL, z_lps_mm = NULL, side = NULL",
    ],
)
def test_what_is_missing_or_stale_is_measured_as_before(imported: tuple[Database, ArrayStore, Rows], loss: str) -> None:
    database, arrays, before = imported
    lost = sum(change(database, loss.replace("{}", schema)) for schema in ("open", "hidden"))
    assert geometry(database) != before
    report = compute_geometry(database, arrays)
    assert report.failed == {}
    assert lost <= report.computed <= len(before)
    assert geometry(database) == before


def test_force_measures_all_again(imported: tuple[Database, ArrayStore, Rows]) -> None:
    database, arrays, before = imported
    change(database, "UPDATE open.geometry SET hu_mean = 12345")
    assert compute_geometry(database, arrays).computed == 0
    assert compute_geometry(database, arrays, force=True).computed == len(before)
    assert geometry(database) == before


def test_two_dask_workers_measure_the_same(imported: tuple[Database, ArrayStore, Rows]) -> None:
    database, arrays, before = imported
    change(database, "DELETE FROM open.geometry")
    change(database, "DELETE FROM hidden.geometry")
    told: list[tuple[int, int]] = []
    report = compute_geometry(database, arrays, workers=2, progress=lambda *done: told.append(done))
    assert (report.computed, report.failed) == (len(before), {})
    assert told[-1] == (len(before), len(before))
    assert len(told) > 1
    assert sorted(told) == told
    assert geometry(database) == before


def test_only_the_round_that_is_named(imported: tuple[Database, ArrayStore, Rows]) -> None:
    database, arrays, before = imported
    assert compute_geometry(database, arrays, selection=Selection(round="first"), force=True).computed == len(before)
    with pytest.raises(NotFound, match="there is no round 'frist'; there are: first"):
        compute_geometry(database, arrays, selection=Selection(round="frist"))


def test_only_the_release_or_cohort_that_is_named(imported: tuple[Database, ArrayStore, Rows]) -> None:
    database, arrays, before = imported
    assert compute_geometry(database, arrays, selection=Selection(release="base"), force=True).computed == len(before)
    with database.transaction(Role.OWNER) as session:
        cohort = Cohort(name="three", selection={}, seed=0, digest="0" * 64)
        session.add(cohort)
        session.flush()
        chosen = session.exec(select(FindingRevision).order_by(FindingRevision.id).limit(3)).all()
        session.add_all(CohortMember(cohort_id=cohort.id, finding_id=c.finding_id, revision_id=c.id) for c in chosen)
        findings = [str(each.finding_id) for each in chosen]
    drawn = "SELECT count(*) FROM {0}.entity e JOIN {0}.annotation a ON a.id = e.annotation_id WHERE a.finding_id IN "
    inside = "('" + "', '".join(findings) + "')"
    with database.engine(Role.OWNER).connect() as connection:
        expected = sum(connection.scalar(sa.text(drawn.format(schema) + inside)) or 0 for schema in ("open", "hidden"))
    report = compute_geometry(database, arrays, selection=Selection(cohort="three"), force=True)
    assert report.computed == report.entities == expected > 0
    with pytest.raises(NotFound, match="there is no cohort 'four'; there are: three"):
        compute_geometry(database, arrays, selection=Selection(cohort="four"))


def test_other_settings_make_all_stale(imported: tuple[Database, ArrayStore, Rows]) -> None:
    database, arrays, before = imported
    wide = GeometrySettings(shell_mm=8)
    assert compute_geometry(database, arrays, settings=wide).computed == len(before)
    now = geometry(database)
    assert {row["settings"] for _, row in now} == {'{"entropy_bin_hu": 25, "shell_mm": 8.0}'}
    assert all(new["shell_voxels"] > old["shell_voxels"] for (_, new), (_, old) in zip(now, before, strict=True))
    assert compute_geometry(database, arrays, settings=wide).computed == 0
    assert compute_geometry(database, arrays).computed == len(before)
    assert geometry(database) == before


def test_a_volume_that_comes_later_gives_millimetres(database: Database, arrays: ArrayStore, dataset: Path) -> None:
    nowhere = dataset / "nowhere"
    nowhere.mkdir(exist_ok=True)
    import_dataset(database, arrays, options(dataset, volumes=nowhere))
    without = geometry(database)
    in_patient = ("volume_mm3", "volume_ml", "side", "x_lps_mm", "y_lps_mm", "z_lps_mm", "hu_mean", "hu_p95")
    assert {row[name] for _, row in without for name in in_patient} == {None}
    assert compute_geometry(database, arrays).computed == 0

    report = import_dataset(database, arrays, options(dataset)).to_json()
    assert (report["scans"]["new"], report["entities"]["new"], report["faults"]) == (0, 0, [])
    assert compute_geometry(database, arrays).computed == len(without)
    with_volume = geometry(database)
    assert None not in {row[name] for _, row in with_volume for name in in_patient}
    for (_, before), (_, after) in zip(without, with_volume, strict=True):
        assert {**before, **{name: after[name] for name in after if before[name] is None}} == after


def test_a_volume_left_in_place_is_read_where_it_is(
    database: Database, arrays: ArrayStore, dataset: Path, imported: tuple[Database, ArrayStore, Rows]
) -> None:
    import_dataset(database, arrays, options(dataset, volumes_as=VolumeStorage.REFERENCE))
    assert {entry.area for entry in arrays.iter_arrays()} == {"labels"}
    as_imported = geometry(database)
    assert sorted(row["entity_id"] for _, row in as_imported) == sorted(row["entity_id"] for _, row in imported[2])
    change(database, "DELETE FROM open.geometry")
    assert compute_geometry(database, arrays).computed == len(as_imported)
    assert geometry(database) == as_imported


@pytest.mark.parametrize("kept", [None, 0, 100, 99_999])
def test_a_volume_in_place_that_is_broken_fails_alone(
    database: Database, arrays: ArrayStore, dataset: Path, tmp_path: Path, kept: int | None
) -> None:
    folder = shutil.copytree(dataset, tmp_path / "dataset")
    import_dataset(database, arrays, options(folder, volumes_as=VolumeStorage.REFERENCE))
    entities = change(database, "DELETE FROM open.geometry")
    broken = folder / "volumes" / "train_1_a_1.nii.gz"
    whole = broken.read_bytes()
    broken.unlink()
    if kept is not None:
        broken.write_bytes(whole[:kept])
    report = compute_geometry(database, arrays)
    with database.transaction() as session:
        query = "SELECT a.id::text FROM open.annotation a JOIN scan s ON s.id = a.scan_id WHERE s.name = 'train_1_a_1'"
        of_scan = set(session.scalars(sa.text(query)))
    assert {name.split()[0] for name in report.failed} == {"train_1_a_1"}
    assert all(str(broken) in reason for reason in report.failed.values())
    assert 0 < report.computed < entities
    assert report.to_json()["failed"] == len(of_scan)
