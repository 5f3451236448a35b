"""A backup holds everything; a restore brings all of it back, or nothing."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from schema.errors import ServerError
from schema.postgres.address import SUPERUSER, Address
from schema.postgres.backup import backup, is_empty, restore
from schema.postgres.binaries import Binaries
from schema.postgres.server import EmbeddedServer

_SCHEMA = """
CREATE SCHEMA hidden;
CREATE TYPE side AS ENUM ('LEFT', 'RIGHT');
CREATE DOMAIN voxels AS bigint CHECK (value >= 0);
CREATE TABLE finding (id bigserial PRIMARY KEY, words text NOT NULL, side side, voxels voxels, v vector(3));
CREATE INDEX ON finding USING hnsw (v vector_l2_ops);
CREATE TABLE hidden.answer (finding bigint REFERENCES finding);
CREATE VIEW left_ones AS SELECT * FROM finding WHERE side = 'LEFT';
CREATE FUNCTION words_of(finding) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.words';
CREATE STATISTICS both_sides ON side, words FROM finding;
CREATE TEXT SEARCH CONFIGURATION reports (COPY = english);
INSERT INTO finding (words, side, voxels, v)
  SELECT repeat('Rundherd ', 20) || number, 'LEFT', number, '[1,2,3]' FROM generate_series(1, 2000) AS number;
GRANT SELECT ON finding TO groundct_api;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO groundct_api;
"""

NewDatabase = Callable[[], str]


@pytest.fixture(scope="module")
def address(made_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    home = tmp_path_factory.mktemp("backup")
    shutil.copytree(made_home, home, dirs_exist_ok=True)
    with EmbeddedServer(home).lease() as address:
        yield address


@pytest.fixture(scope="module")
def source(address: Address) -> str:
    with address.connect() as owner:
        owner.execute("CREATE ROLE groundct_api LOGIN")
        owner.execute(_SCHEMA)
    return address.url()


@pytest.fixture(scope="module")
def file(source: str, binaries: Binaries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("files") / "a backup.dump"
    backup(source, file, binaries=binaries)
    return file


@pytest.fixture
def target(address: Address, request: pytest.FixtureRequest) -> str:
    """An empty database, with `vector`, as a fresh server has it."""
    name = request.node.name[:60]
    with address.connect(SUPERUSER, "postgres") as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER groundct_owner").format(sql.Identifier(name)))
    return address.url(database=name)


def test_everything_comes_back(source: str, target: str, file: Path, binaries: Binaries) -> None:
    restore(target, file, binaries=binaries)
    for query in (
        "SELECT count(*), sum(voxels), min(words), max(v::text) FROM finding",
        "SELECT words_of(finding) FROM finding WHERE id = 7",
        "SELECT relname, relowner::regrole::text, relacl::text FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
        "SELECT defaclrole::regrole::text, defaclacl::text FROM pg_default_acl",
    ):
        assert _rows(target, query) == _rows(source, query)
    assert _rows(target, "SELECT reltuples::int FROM pg_class WHERE relname = 'finding'") == [(2000,)]


def test_a_backup_leaves_one_private_file(file: Path) -> None:
    assert [path.name for path in file.parent.iterdir()] == ["a backup.dump"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_failed_backup_leaves_the_old_one(address: Address, binaries: Binaries, tmp_path: Path) -> None:
    kept = tmp_path / "kept.dump"
    kept.write_text("kept")
    with pytest.raises(ServerError, match="does not answer"):
        backup(address.url(database="nowhere"), kept, binaries=binaries)
    with pytest.raises(ServerError, match=r"no backup in .*choose another place"):
        backup(address.url(), tmp_path, binaries=binaries)
    with pytest.raises(ServerError, match="no backup in"):
        backup(address.url(), tmp_path / "no/such/folder.dump", binaries=binaries)
    assert kept.read_text() == "kept"


def test_a_database_that_is_not_empty_is_refused(source: str, file: Path, binaries: Binaries) -> None:
    with pytest.raises(ServerError, match="not empty"):
        restore(source, file, binaries=binaries)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t ()",
        "CREATE SCHEMA s",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE e AS ENUM ()",
    ],
)
def test_what_makes_a_database_not_empty(target: str, statement: str) -> None:
    with psycopg.connect(target) as owner:
        assert is_empty(owner)
        owner.execute(statement.encode())
        assert not is_empty(owner)
        owner.rollback()


@pytest.mark.parametrize("role", ["groundct_owner", SUPERUSER])
def test_a_replacement_takes_everything_else_away(target: str, file: Path, binaries: Binaries, role: str) -> None:
    url = target.replace("groundct_owner", role)
    restore(url, file, binaries=binaries)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA later CREATE TABLE late (id bigint)")
        connection.execute("DELETE FROM finding WHERE id > 5")
    restore(url, file, binaries=binaries, replace=True)
    assert _rows(url, "SELECT count(*) FROM finding") == [(2000,)]
    assert _rows(url, "SELECT FROM pg_namespace WHERE nspname = 'later'") == []
    assert _rows(url, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [(role,)]


def test_a_cut_file_changes_nothing(target: str, file: Path, binaries: Binaries, tmp_path: Path) -> None:
    restore(target, file, binaries=binaries)
    with psycopg.connect(target) as owner:
        owner.execute("DELETE FROM finding WHERE id > 5")
    cut = tmp_path / "cut.dump"
    cut.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(ServerError, match="not restored, all is as it was: pg_restore: error"):
        restore(target, cut, binaries=binaries, replace=True)
    assert _rows(target, "SELECT count(*) FROM finding") == [(5,)]


def test_a_file_that_is_no_backup(target: str, binaries: Binaries, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("words")
    for name in ("words", "absent"):
        with pytest.raises(ServerError, match=f"{name} cannot be restored"):
            restore(target, tmp_path / name, binaries=binaries)


def test_a_right_that_is_missing_gives_the_sql(address: Address, target: str, file: Path, binaries: Binaries) -> None:
    with address.connect(SUPERUSER, "postgres") as superuser:
        superuser.execute("CREATE ROLE weak LOGIN")
    with pytest.raises(ServerError, match='run CREATE ROLE "new\'one" LOGIN'):
        restore(target.replace("groundct_owner", "weak"), file, binaries=binaries, roles=["new'one"])
    with psycopg.connect(target.replace("groundct_owner", SUPERUSER)) as superuser:
        superuser.execute("DROP EXTENSION vector")
    with pytest.raises(ServerError, match="run CREATE EXTENSION vector; in the database"):
        restore(target, file, binaries=binaries)


def test_a_role_that_is_absent_is_made(target: str, file: Path, binaries: Binaries) -> None:
    restore(target, file, binaries=binaries, roles=["groundct_api", "another_reader"])
    assert _rows(
        target, "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'another_reader'"
    ) == [(True, False, False)]


def test_programs_older_than_the_server_are_refused(source: str, binaries: Binaries, tmp_path: Path) -> None:
    old = replace(binaries, major=binaries.major - 1)
    with pytest.raises(ServerError, match=f"server is PostgreSQL {binaries.major} .*pg_dump is {old.major}"):
        backup(source, tmp_path / "f", binaries=old)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:sesame@127.0.0.1:1/groundct",
        "postgresql+psycopg://me:sesame@127.0.0.1:1/groundct",
        "postgresql://me:ses/sesame@127.0.0.1:1/groundct",
        "host=127.0.0.1 port=1 password=sesame nonsense",
    ],
)
def test_passwords_are_not_told(url: str, binaries: Binaries, tmp_path: Path) -> None:
    with pytest.raises(ServerError) as caught:
        backup(url, tmp_path / "f", binaries=binaries)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()
