"""Migrations go up and down one by one, leave nothing, and end at the tables that are declared."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import migrations.run
from migrations.run import current, differences, downgrade, head, require_migrated, upgrade
from schema.database import Database, Role
from schema.errors import NotMigrated

REVISIONS = [
    script.revision
    for script in reversed(list(ScriptDirectory(str(Path(migrations.run.__file__).parent)).walk_revisions()))
]
CATALOG = {
    "schemas": "SELECT nspname, coalesce(nspacl, acldefault('n', nspowner))::text FROM pg_namespace "
    "WHERE nspname !~ '^pg_(temp|toast)'",
    "relations": "SELECT oid::regclass::text, relkind, "
    "coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r'::\"char\" END, relowner))::text "
    "FROM pg_class WHERE oid > 16000 AND relname NOT LIKE 'alembic_version%' "
    "AND relnamespace::regnamespace::text <> 'pg_toast'",
    "columns": "SELECT attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull, "
    "coalesce(attacl::text, '{}') FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
    "WHERE attnum > 0 AND NOT attisdropped AND relkind = 'r' AND attrelid > 16000 AND relname <> 'alembic_version'",
    "types": "SELECT oid::regtype::text FROM pg_type WHERE oid > 16000 AND typname NOT LIKE '%alembic_version'",
    "labels": "SELECT enumtypid::regtype::text, enumsortorder, enumlabel FROM pg_enum",
    "functions": "SELECT oid::regprocedure::text, "
    "coalesce(proacl, acldefault('f', proowner))::text, md5(prosrc) FROM pg_proc WHERE oid > 16000",
    "triggers": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE conname NOT LIKE 'alembic_version%' AND oid > 16000",
    "comments": "SELECT classoid::regclass::text, pg_describe_object(classoid, objoid, objsubid), description "
    "FROM pg_description WHERE objoid > 16000",
}
"""What a migration may leave behind; roles and extensions are the server's, and stay."""


def catalog(connection: sa.Connection) -> dict[str, list[Any]]:
    found = {what: sorted(map(repr, connection.execute(sa.text(query)))) for what, query in CATALOG.items()}
    connection.rollback()
    return found


def test_each_goes_up_and_down_and_leaves_nothing(empty_database: Database) -> None:
    with empty_database.engine(Role.OWNER).connect() as connection:
        upgrade(connection, REVISIONS[0])
        downgrade(connection, "base")
        states = [catalog(connection)]
        for revision in REVISIONS:
            upgrade(connection, revision)
            after = catalog(connection)
            assert after != states[-1]
            downgrade(connection, "-1")
            assert catalog(connection) == states[-1], revision
            upgrade(connection, revision)
            assert catalog(connection) == after, revision
            states.append(after)
        assert current(connection) == head() == REVISIONS[-1]
        downgrade(connection, "base")
        assert catalog(connection) == states[0]
        upgrade(connection)
        assert catalog(connection) == states[-1]


def test_the_first_leaves_no_schema_of_ours(empty_database: Database) -> None:
    query = sa.text("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'")
    with empty_database.engine(Role.OWNER).connect() as connection:
        upgrade(connection)
        downgrade(connection, "base")
        assert connection.scalars(query).all() == ["public"]


def test_head_is_what_is_declared(database: Database) -> None:
    with database.engine(Role.OWNER).connect() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE hidden.entity DROP COLUMN label",
        "ALTER TABLE finding_revision ADD COLUMN more text",
        "DROP INDEX hidden.ix_annotation_scan_id",
        "ALTER TABLE scan DROP CONSTRAINT uq_scan_collection_id_name",
        "ALTER TABLE open.geometry ALTER COLUMN components6 DROP NOT NULL",
        "ALTER TABLE open.geometry ALTER COLUMN hu_mean TYPE real",
        "COMMENT ON TABLE scan IS 'something else'",
        "CREATE TABLE hidden.more (n int)",
    ],
)
def test_a_difference_is_seen(database: Database, change: str) -> None:
    with database.engine(Role.OWNER).connect() as connection:
        connection.execute(sa.text(change))
        connection.commit()
        assert len(differences(connection)) > 0


def test_a_database_that_is_behind_says_so(empty_database: Database) -> None:
    with empty_database.engine(Role.OWNER).connect() as connection:
        with pytest.raises(
            NotMigrated, match=f"at migration none, this software needs {head()}; run `groundct migrate`"
        ):
            require_migrated(connection)
        upgrade(connection, REVISIONS[1])
        with pytest.raises(NotMigrated, match=f"at migration {REVISIONS[1]}, this software needs {head()}"):
            require_migrated(connection)
        upgrade(connection)
        require_migrated(connection)


def test_a_failing_migration_changes_nothing_and_frees_the_lock(empty_database: Database) -> None:
    with empty_database.engine(Role.OWNER).connect() as connection:
        upgrade(connection, REVISIONS[1])
        connection.execute(sa.text("CREATE TABLE category (n int)"))
        connection.commit()
        before = catalog(connection)
        with pytest.raises(sa.exc.ProgrammingError, match="already exists"):
            upgrade(connection)
        connection.rollback()
        assert current(connection) == REVISIONS[1]
        assert catalog(connection) == before
    with empty_database.engine(Role.OWNER).connect() as connection:
        connection.execute(sa.text("DROP TABLE category"))
        connection.commit()
        upgrade(connection)
        assert differences(connection) == []


def test_two_at_once_both_succeed(command_line: Any, tmp_path: Path) -> None:
    command_line.settings["GROUNDCT_HOME"] = str(tmp_path / "home")
    both: list[subprocess.Popen[str]] = [command_line.start("migrate") for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [err for _, err in said] == ["", ""]
    status = command_line.read("status")
    assert status["database"]["migration"] == head()
