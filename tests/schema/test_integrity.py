"""Verification and garbage collection: what is damaged is named, and only what nobody names goes."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME, make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.place import Area
from schema.arrays.store import ArrayStore
from schema.database import LOCK_ARRAYS, Database, Role
from schema.errors import ServerError
from schema.integrity import collect_garbage, named_arrays, verify

NOW = timedelta(0)


def quietly(_done: int, _total: int) -> None:
    """Tell nobody."""


@pytest.fixture
def archive(database: Database, arrays: ArrayStore, tmp_path: Path) -> Database:
    make_dataset(tmp_path / "data", scans=2, faults=False, second=False)
    options = ImportOptions(
        tmp_path / "data" / JSON_NAME, round="first", release="base", collection="phantom", workers=1
    )
    assert not import_dataset(database, arrays, options).left_out
    return database


def test_what_was_imported_holds_and_nothing_is_garbage(archive: Database, arrays: ArrayStore) -> None:
    found = verify(archive, arrays, quietly)
    assert (found.arrays, found.releases, found.problems) == (4, 1, ())
    garbage = collect_garbage(archive, arrays, grace=NOW, dry_run=True)
    assert (garbage.removable, garbage.in_grace) == ((), ())


def named(database: Database) -> set[tuple[Area, str]]:
    with database.transaction(Role.OWNER) as session:
        return named_arrays(session)


@pytest.mark.parametrize("area", ["volumes", "labels"])
def test_a_flipped_byte_is_found_and_named(archive: Database, arrays: ArrayStore, area: str) -> None:
    digest = sorted(digest for where, digest in named(archive) if where == area)[0]
    shard = next(path for path in sorted(arrays.path(area, digest).rglob("c/**/*")) if path.is_file())  # type: ignore[arg-type]
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0xFF
    shard.write_bytes(content)
    problems = verify(archive, arrays, quietly).problems
    assert len(problems) == 1
    assert digest in problems[0]


def test_a_missing_array_is_named(archive: Database, arrays: ArrayStore) -> None:
    area, digest = sorted(named(archive))[0]
    arrays.delete(area, digest)
    (problem,) = verify(archive, arrays, quietly).problems
    assert digest in problem
    assert "missing" in problem


def test_an_owners_change_of_released_words_is_found(archive: Database, arrays: ArrayStore) -> None:
    with archive.transaction(Role.OWNER) as session:
        session.execute(sa.text("ALTER TABLE finding_revision DISABLE TRIGGER append_only"))
        session.execute(sa.text("UPDATE finding_revision SET text = text || '.' WHERE revision = 1"))
        session.execute(sa.text("ALTER TABLE finding_revision ENABLE TRIGGER append_only"))
    problems = verify(archive, arrays, quietly).problems
    assert problems
    assert all(problem.startswith("release base: ") for problem in problems)


def test_an_array_that_no_row_names_goes_after_its_grace_time(archive: Database, arrays: ArrayStore) -> None:
    orphan = arrays.write_volume(np.zeros((3, 4, 5), np.int16))
    kept = collect_garbage(archive, arrays, grace=timedelta(hours=1), dry_run=False)
    assert [entry.digest for entry in kept.in_grace] == [orphan.digest]
    planned = collect_garbage(archive, arrays, grace=NOW, dry_run=True)
    assert [entry.digest for entry in planned.removable] == [orphan.digest]
    assert arrays.has("volumes", orphan.digest)
    collect_garbage(archive, arrays, grace=NOW, dry_run=False)
    assert not arrays.has("volumes", orphan.digest)
    assert verify(archive, arrays, quietly).problems == ()


def test_nothing_is_collected_while_an_import_holds_the_lock(archive: Database, arrays: ArrayStore) -> None:
    with archive.engine().connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock_shared(LOCK_ARRAYS)))
        with pytest.raises(ServerError, match="an import is running"):
            collect_garbage(archive, arrays, grace=NOW, dry_run=False)
        connection.execute(sa.select(sa.func.pg_advisory_unlock_shared(LOCK_ARRAYS)))
    collect_garbage(archive, arrays, grace=NOW, dry_run=False)
