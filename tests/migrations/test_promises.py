"""What the database itself refuses: changes of what only grows, rows that contradict one another, foreign hands."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from ingest.phantoms import make_dataset
from ingest.rexgroundingct import ImportOptions, import_dataset
from schema.arrays.store import ArrayStore
from schema.base import API_ROLE
from schema.database import Database
from schema.postgres.address import OWNER, Address

Connection = psycopg.Connection[tuple[Any, ...]]

CHANGEABLE = {
    "import_run": {"state", "finished_at"},
    "round": {"protocols", "closed_at"},
    "report": {"language", "machine_translated", "clinical_information", "technique", "findings", "impression"},
    "open.annotation": {"state"},
    "token": {"last_used_at"},
    "observation": {"finding_id", "match_score"},
    "open.handout": {"state", "annotation_id"},
    "open.adjudication": {"chosen_id", "adjudicator_id", "reason", "decided_at"},
}
"""Columns that `groundct_api` may change."""
WHOLLY_CHANGEABLE = {
    *("open.import_summary", "open.imported_scan", "open.geometry", "open.location"),
    *("scan_metadata", "abnormality"),
    *("open.reasoning", "open.reasoning_step", "open.text_check"),
    *("open.agreement", "open.round_agreement", "open.annotation_difference"),
}
DERIVED = {
    *("open.reasoning", "open.reasoning_step", "open.text_check", "descriptor", "finding_sentence"),
    *("sentence", "sentence_alignment"),
    *("open.agreement", "open.round_agreement", "open.annotation_difference"),
}
"""What is told from other rows, and may be told anew: the only rows that `groundct_api` may take away."""
NOT_ADDABLE = {
    *("alembic_version", "ontology", "category", "annotation_transition", "review_reason", "token"),
    *("release", "release_waiver", "release_leaf", "withdrawal"),
}


@pytest.fixture(scope="module")
def filled(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("filled")
    make_dataset(folder, scans=3, seed=2, faults=False, second=False, shape=(60, 60, 60))
    options = ImportOptions(folder / "dataset.json", "r", release="base", hide=frozenset({"test"}), workers=1)
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        import_dataset(database, arrays, options)
        yield database


@pytest.fixture
def owner(filled: Database, server: Address) -> Iterator[Connection]:
    """The owner, in a transaction that is undone."""
    with server.connect(OWNER, filled.owner_url.database or "") as connection:
        connection.autocommit = False
        yield connection
        connection.rollback()


@pytest.fixture
def api(filled: Database, server: Address) -> Iterator[Connection]:
    with server.connect(API_ROLE, filled.owner_url.database or "") as connection:
        yield connection


@pytest.mark.parametrize("schema", ["open", "hidden", "public"])
def test_what_only_grows_is_never_changed(owner: Connection, schema: str) -> None:
    tables = {
        "public": {
            "finding": ("source_index = 99",),
            "finding_revision": ("text = 'other'", "category_code = '1a'", "present = false", "revision = 9"),
            "release_split": ("visibility = 'open'", "visibility = 'hidden'"),
            "release_scan": ("protocol = 'other'",),
            "release_finding": ("index = 99",),
        }
    }.get(
        schema,
        {
            "annotation": ("voxels = 1", "labels_digest = repeat('0', 64)", "policy = 'unknown', policy_limit = NULL"),
            "entity": ("voxels = voxels - 1", "box_i = int4range(0, 99)", "label = label + 100"),
            "label_array": ("digest = repeat('0', 64)", "findings = 99"),
            "release_annotation": ("declared_voxels = -1",),
        },
    )
    for table, changes in tables.items():
        for change in changes:
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match=f"{schema}.{table} is append-only"):
                owner.execute(f"UPDATE {schema}.{table} SET {change}".encode())
            owner.rollback()


def test_the_state_of_an_annotation_changes_by_known_ways_and_is_logged(api: Connection) -> None:
    changed = 0
    for state in ("in_review", "rejected", "in_review", "accepted"):
        changed += api.execute(f"UPDATE open.annotation SET state = '{state}'".encode()).rowcount
    assert changed > 0
    assert api.execute("SELECT count(*) FROM open.annotation_event").fetchone() == (changed,)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="cannot become draft"):
        api.execute("UPDATE open.annotation SET state = 'draft'")


def test_an_event_says_who_and_why(owner: Connection) -> None:
    owner.execute("SELECT set_config('groundct.person', 'ann', true), set_config('groundct.reason', 'spills', true)")
    for schema in ("open", "hidden"):
        owner.execute(f"UPDATE {schema}.annotation SET state = 'in_review'".encode())
        found = owner.execute(
            f"SELECT DISTINCT person, reason FROM {schema}.annotation_event WHERE person = 'ann'".encode()
        )
        assert found.fetchall() == [("ann", "spills")]


def test_a_complete_release_of_our_own_takes_no_rows(owner: Connection) -> None:
    owner.execute(
        "INSERT INTO release (name, collection_id, ontology_id, kind, digest) "
        "SELECT 'made', collection_id, ontology_id, 'made', repeat('0', 64) FROM release LIMIT 1"
    )
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="is complete"):
        owner.execute(
            "INSERT INTO release_split (release_id, name, visibility) "
            "SELECT id, 'x', 'open' FROM release WHERE name = 'made'"
        )


def test_the_revision_added_last_is_the_latest(owner: Connection) -> None:
    finding = owner.execute("SELECT finding_id FROM finding_revision LIMIT 1").fetchone()
    assert finding
    for number, claims in ((2, True), (3, False)):
        owner.execute(
            "INSERT INTO finding_revision (id, finding_id, revision, is_latest, text, present, source) "
            "VALUES (gen_random_uuid(), %s, %s, %s, 'again', true, 'person')",
            (*finding, number, claims),
        )
    rows = owner.execute(
        "SELECT revision, is_latest FROM finding_revision WHERE finding_id = %s ORDER BY revision", finding
    ).fetchall()
    assert rows == [(1, False), (2, False), (3, True)]


def test_a_split_cannot_hide_what_is_open(owner: Connection) -> None:
    owner.execute(
        "INSERT INTO release (name, collection_id, ontology_id, kind) "
        "SELECT 'later', collection_id, ontology_id, kind FROM release"
    )
    owner.execute("INSERT INTO release_split SELECT id, 'train', 'hidden' FROM release WHERE name = 'later'")
    owner.execute(
        "INSERT INTO release_scan SELECT r.id, s.scan_id, s.split FROM release r, release_scan s "
        "WHERE r.name = 'later' AND s.split = 'train' LIMIT 1"
    )
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="stands in a hidden split"):
        owner.commit()


def test_a_hidden_scan_gets_no_open_annotation(owner: Connection) -> None:
    columns = [
        row[0]
        for row in owner.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'open.annotation'::regclass AND attnum > 0"
        )
    ]
    owner.execute("INSERT INTO open.label_array SELECT * FROM hidden.label_array")
    owner.execute(f"INSERT INTO open.annotation SELECT {', '.join(columns)} FROM hidden.annotation".encode())
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="stands in a hidden split"):
        owner.commit()


COPIES = {
    "collection": "name = 'Not a slug'",
    "scan": "name = 'other', shape_vox = ARRAY[0, 1, 1]",
    "volume": "affine_ras = ARRAY[1, 0, 0]",
    "finding_revision": "revision = 0",
    "release": "name = 'other', digest = 'short'",
    "round": "name = 'other', closed_at = opened_at - interval '1 day'",
    "open.annotation": "version = 9, policy_limit = NULL",
    "open.entity": "label = 0",
    "open.label_array": "digest = upper(repeat('a', 64))",
}
"""Changes of a copied row that a check refuses."""


@pytest.mark.parametrize("table", COPIES)
def test_a_row_that_makes_no_sense_is_refused(owner: Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        insert_copy(owner, table, COPIES[table])


UNIQUE = {
    "patient": "",
    "study": "",
    "scan": "id = gen_random_uuid()",
    "finding": "id = gen_random_uuid()",
    "finding_revision": "id = gen_random_uuid()",
    "round": "",
    "release": "",
    "open.annotation": "id = gen_random_uuid()",
    "open.entity": "id = gen_random_uuid()",
    "hidden.entity": "id = gen_random_uuid()",
    "open.label_array": "id = gen_random_uuid()",
    "release_finding": "finding_id = finding_id",
}


@pytest.mark.parametrize("table", UNIQUE)
def test_a_second_row_of_the_same_name_is_refused(owner: Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert_copy(owner, table, UNIQUE[table])


FOREIGN = {
    "finding": "id = gen_random_uuid(), scan_id = gen_random_uuid()",
    "open.annotation": "id = gen_random_uuid(), version = 9, scan_id = gen_random_uuid()",
    "open.entity": "id = gen_random_uuid(), annotation_id = (SELECT id FROM hidden.annotation LIMIT 1)",
    "hidden.entity": "id = gen_random_uuid(), annotation_id = (SELECT id FROM open.annotation LIMIT 1)",
    "open.geometry": "entity_id = (SELECT id FROM hidden.entity LIMIT 1)",
    "release_scan": "scan_id = gen_random_uuid()",
}


@pytest.mark.parametrize("table", FOREIGN)
def test_a_row_that_points_nowhere_is_refused(owner: Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert_copy(owner, table, FOREIGN[table])


def insert_copy(connection: Connection, table: str, changes: str) -> None:
    """Insert a row like the first one of a table, with changes, under a key of its own where the database makes it."""
    columns = [
        row[0]
        for row in connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
            "AND attgenerated = '' AND attidentity = '' AND NOT attisdropped",
            (table,),
        )
    ]
    values = dict(change.split(" = ", 1) for change in split_changes(changes))
    listed = ", ".join(columns)
    given = ", ".join(values.get(column, column) for column in columns)
    connection.execute(f"INSERT INTO {table} ({listed}) SELECT {given} FROM {table} LIMIT 1".encode())


def split_changes(changes: str) -> list[str]:
    """Split `a = f(1, 2), b = 3` at the commas that stand outside brackets."""
    parts, depth = [""], 0
    for character in changes:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def api_tables(connection: Connection) -> list[str]:
    query = (
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text IN (%s, %s)"
    )
    return [row[0] for row in connection.execute(query, ("public", "open"))]


def test_the_api_role_changes_only_what_is_named(api: Connection) -> None:
    tables = api_tables(api)
    assert {*CHANGEABLE, *WHOLLY_CHANGEABLE, *NOT_ADDABLE} < set(tables)
    for table in tables:
        columns = [
            row[0]
            for row in api.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                "AND attgenerated = '' AND attidentity = ''",
                (table,),
            )
        ]
        allowed = set(columns) if table in WHOLLY_CHANGEABLE else CHANGEABLE.get(table, set())
        changed = {column for column in columns if may(api, f'UPDATE {table} SET "{column}" = "{column}"')}
        assert changed == allowed, table
        assert may(api, f"DELETE FROM {table}") == (table in DERIVED), table
        assert not may(api, f"TRUNCATE {table}"), table
        assert not may(api, f"ALTER TABLE {table} ADD COLUMN more int"), table
        assert not may(api, f"DROP TABLE {table}"), table


def test_the_api_role_adds_rows_but_no_vocabulary_and_no_release(api: Connection) -> None:
    tables = set(api_tables(api))
    assert {table for table in tables if may(api, f"INSERT INTO {table} DEFAULT VALUES")} == tables - NOT_ADDABLE


def may(connection: Connection, statement: str) -> bool:
    """Whether a statement is permitted, whatever else becomes of it; nothing of it stays."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.errors.IntegrityError:
        return True
    return True
