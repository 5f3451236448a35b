"""Entities are located in the organ masks of their scan: when these come, again when they change, and only then."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlmodel import select

from compute.jobs.geometry import compute_geometry
from compute.jobs.selection import Selection
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.organ import OrganMask
from schema.scan import Scan

SHAPE = (60, 60, 60)


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, ArrayStore]]:
    """Three scans, of which the test split is hidden, without organ masks."""
    folder = tmp_path_factory.mktemp("dataset")
    make_dataset(folder, scans=3, seed=4, faults=False, second=False, shape=SHAPE)
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        options = ImportOptions(
            folder / "dataset.json", round="first", workers=1, release="base", hide=frozenset({"test"})
        )
        import_dataset(database, arrays, options)
        yield database, arrays


@pytest.fixture
def archive(imported: tuple[Database, ArrayStore]) -> Iterator[tuple[Database, ArrayStore]]:
    yield imported
    with imported[0].transaction(Role.OWNER) as session:
        session.execute(sa.delete(OrganMask))


def halves() -> NDArray[np.uint8]:
    """Organ 1 is the half of the volume with the lower x, organ 2 the other."""
    organs = np.ones(SHAPE, np.uint8)
    organs[:, :, SHAPE[2] // 2 :] = 2
    return organs


def add_mask(archive: tuple[Database, ArrayStore], organs: NDArray[np.uint8], scans: list[str] | None = None) -> None:
    database, arrays = archive
    stored = arrays.write_labels([LabelRuns.from_dense(organs)], "labels")
    with database.transaction(Role.OWNER) as session:
        for key, name in session.execute(select(Scan.id, Scan.name)).all():
            if scans is None or name in scans:
                names = {"1": "lung_right", "2": "lung_left"}
                keys: dict[str, Any] = {"digest": stored.digest, "stored_sha256": stored.stored_sha256}
                mask = OrganMask(scan_id=key, scheme="halves", names=names, stored_bytes=stored.stored_bytes, **keys)
                session.add(mask)


def locations(database: Database) -> list[Any]:
    query = """SELECT e.box_i, l.* FROM {0}.location l JOIN {0}.entity e ON e.id = l.entity_id"""
    with database.engine(Role.OWNER).connect() as connection:
        return [row for schema in ("open", "hidden") for row in connection.execute(sa.text(query.format(schema)))]


def test_they_are_located_once_the_organs_are_there(archive: tuple[Database, ArrayStore]) -> None:
    database, arrays = archive
    assert compute_geometry(database, arrays).located == 0
    add_mask(archive, halves())
    report = compute_geometry(database, arrays)
    assert (report.computed, report.located, report.failed) == (0, report.entities, {})
    found = locations(database)
    assert len(found) == report.entities
    for row in found:
        right = row.shares.get("lung_right", 0)
        assert right + row.shares.get("lung_left", 0) == pytest.approx(1)
        assert right == row.right_share
        if row.box_i.upper <= SHAPE[2] // 2:
            assert right == 1
    again = compute_geometry(database, arrays)
    assert (again.computed, again.located) == (0, 0)


def test_a_mask_that_is_replaced_gives_other_places(archive: tuple[Database, ArrayStore]) -> None:
    database, arrays = archive
    add_mask(archive, halves())
    compute_geometry(database, arrays)
    before = {row.entity_id: row.right_share for row in locations(database)}
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.delete(OrganMask))
    assert locations(database) == []
    add_mask(archive, np.flip(halves(), axis=2))
    assert compute_geometry(database, arrays).located == len(before)
    assert {row.entity_id: row.left_share for row in locations(database)} == before


def test_only_what_is_stale_is_located_again(archive: tuple[Database, ArrayStore]) -> None:
    database, arrays = archive
    add_mask(archive, halves(), scans=["train_1_a_1"])
    of_scan = compute_geometry(database, arrays).located
    assert 0 < of_scan < compute_geometry(database, arrays).entities
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("UPDATE open.location SET kernel_version = 'older', lobe = NULL, right_share = 0.5"))
    assert compute_geometry(database, arrays).located == of_scan
    assert {row.kernel_version for row in locations(database)} != {"older"}


def test_a_mask_that_is_gone_fails_by_name(archive: tuple[Database, ArrayStore]) -> None:
    database, arrays = archive
    organs = halves()
    organs[0, 0, 0] = 2
    add_mask(archive, organs, scans=["train_1_a_1"])
    with database.transaction() as session:
        digest = session.exec(select(OrganMask.digest)).one()
    arrays.delete("labels", digest)
    report = compute_geometry(database, arrays, selection=Selection(release="base"))
    assert report.located == 0
    assert {name.split(" finding ")[0] for name in report.failed} == {"train_1_a_1"}
    assert all(digest in reason for reason in report.failed.values())
