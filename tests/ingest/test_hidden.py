"""What is hidden cannot be read as `groundct_api`: not from any table, view or statistic, and by no way around them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest.options import ImportOptions
from ingest.phantoms import SECOND_JSON_NAME, SECOND_MASKS, Expected
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.base import API_ROLE, hideable_tables
from schema.database import Database
from schema.postgres.address import OWNER, Address

Connection = psycopg.Connection[tuple[Any, ...]]

SECRETS = {
    "annotation": "id::text, labels_digest",
    "entity": "id::text",
    "geometry": "entity_id::text, centroid_i::text, hu_mean::text",
    "label_array": "id::text, digest, stored_sha256",
    "release_annotation": "annotation_id::text",
    "imported_scan": "fingerprint",
    "fault": "message",
}
"""Columns whose values occur nowhere else, by hidden table."""


@pytest.fixture(scope="module", params=["at once", "later"])
def hidden(
    request: pytest.FixtureRequest,
    phantom: tuple[Path, Expected],
    new_database: Callable[[], AbstractContextManager[Database]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Database]:
    """A database whose val and test splits were hidden at their import, or by a second release after it."""
    folder, hide = phantom[0], frozenset({"val", "test"})
    first = ImportOptions(folder / "dataset.json", "base", release="base", workers=1)
    second = ImportOptions(
        folder / SECOND_JSON_NAME, "second", masks=folder / SECOND_MASKS, release="second", hide=hide, workers=1
    )
    with new_database() as database, ArrayStore(str(tmp_path_factory.mktemp("arrays"))) as arrays:
        if request.param == "at once":
            hiding = ImportOptions(folder / "dataset.json", "base", release="base", hide=hide, workers=1)
            import_dataset(database, arrays, hiding)
        else:
            import_dataset(database, arrays, first)
            import_dataset(database, arrays, second)
        yield database


@pytest.fixture
def owner(hidden: Database, server: Address) -> Iterator[Connection]:
    with server.connect(OWNER, hidden.owner_url.database or "") as connection:
        connection.execute("ANALYZE")
        yield connection


@pytest.fixture
def api(hidden: Database, server: Address) -> Iterator[Connection]:
    with server.connect(API_ROLE, hidden.owner_url.database or "") as connection:
        yield connection


def test_no_table_or_view_shows_anything_hidden(api: Connection, owner: Connection) -> None:
    secrets = {
        value
        for table, columns in SECRETS.items()
        for row in owner.execute(f"SELECT {columns} FROM hidden.{table}".encode())
        for value in row
        if value is not None and len(value) > 8
    }
    assert len(secrets) > 100
    relations = api.execute(
        "SELECT oid::regclass::text, oid::regclass::text LIKE 'hidden.%' FROM pg_class "
        "WHERE relkind IN ('r', 'v', 'm', 'f', 'p', 't')"
    ).fetchall()
    read = 0
    for relation, is_hidden in relations:
        try:
            text = "\n".join(row[0] for row in api.execute(f"SELECT t::text FROM {relation} t".encode()))
        except psycopg.errors.InsufficientPrivilege:
            continue
        assert not is_hidden
        assert not [secret for secret in secrets if secret in text], relation
        read += 1
    assert read > 100


@pytest.mark.parametrize("table", [table.name for table in hideable_tables()])
def test_the_hidden_schema_is_closed(api: Connection, table: str) -> None:
    for query in ("SELECT count(*) FROM hidden.{}", "TABLE hidden.{}", "DELETE FROM hidden.{}", "TRUNCATE hidden.{}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.execute(query.format(table).encode())


def test_open_tables_hold_no_row_of_a_hidden_scan(api: Connection) -> None:
    hidden = (
        "SELECT s.scan_id FROM release_scan s JOIN release_split p ON p.release_id = s.release_id AND p.name = s.split "
        "WHERE p.visibility = 'hidden'"
    )
    assert len(api.execute(hidden.encode()).fetchall()) > 4
    findings = f"SELECT id FROM finding WHERE scan_id IN ({hidden})"
    for table, where in (
        ("label_array", f"scan_id IN ({hidden})"),
        ("annotation", f"scan_id IN ({hidden})"),
        ("imported_scan", f"scan_id IN ({hidden})"),
        ("release_annotation", f"finding_id IN ({findings})"),
        ("adjudication", f"finding_id IN ({findings})"),
        ("score", f"finding_id IN ({findings})"),
        ("fault", f"kind <> 'patient_in_two_splits' AND scan IN (SELECT name FROM scan WHERE id IN ({hidden}))"),
    ):
        assert api.execute(f"SELECT count(*) FROM open.{table} WHERE {where}".encode()).fetchone() == (0,), table


def test_what_hangs_on_open_annotations_is_open(api: Connection, owner: Connection) -> None:
    for schema, connection in (("open", api), ("hidden", owner)):
        for table, parent, key in (("entity", "annotation", "annotation_id"), ("geometry", "entity", "entity_id")):
            query = (
                f"SELECT count(*), count(p.id) FROM {schema}.{table} c LEFT JOIN {schema}.{parent} p ON p.id = c.{key}"
            )
            rows = connection.execute(query.encode()).fetchone()
            assert rows
            assert rows[0] == rows[1] > 10


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE groundct_owner",
        "SET ROLE postgres",
        "SET ROLE pg_read_all_data",
        "SET SESSION AUTHORIZATION groundct_owner",
        "GRANT pg_read_all_data TO groundct_api",
        "GRANT groundct_owner TO groundct_api",
        "ALTER ROLE groundct_api SUPERUSER",
        "CREATE ROLE helper IN ROLE groundct_owner",
        "GRANT USAGE ON SCHEMA hidden TO groundct_api",
        "ALTER SCHEMA hidden RENAME TO seen",
        "ALTER TABLE open.entity OWNER TO groundct_api",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE TABLE open.mine (n int)",
        "CREATE TRIGGER mine BEFORE INSERT ON finding_revision FOR EACH ROW EXECUTE FUNCTION append_only()",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_import('/etc/hostname')",
        "COPY finding TO '/tmp/findings'",
        "COPY finding TO PROGRAM 'cat'",
        "SELECT query_to_xml('SELECT * FROM hidden.entity', false, false, '')",
        "SELECT schema_to_xml('hidden', false, false, '')",
        "SELECT currval('hidden.fault_id_seq')",
        "SELECT last_value FROM hidden.fault_id_seq",
    ],
)
def test_no_way_around(api: Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute(statement.encode())


def test_own_functions_read_nothing_hidden(api: Connection) -> None:
    functions = api.execute(
        "SELECT p.oid::regprocedure::text, p.prosecdef FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname IN ('public', 'open', 'hidden') "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    ).fetchall()
    demoting = {"demote_latest_reading()", "demote_latest_revision()"}
    assert {name for name, runs_as_owner in functions if runs_as_owner} == demoting
    assert {name for name, runs_as_owner in functions if not runs_as_owner} == {
        "append_only()",
        "finding_terms(text,boolean)",
        "log_transition()",
        "refuse_later_members()",
        "refuse_open_rows_of_hidden_scan()",
        "refuse_other_sentences()",
        "refuse_other_text()",
        "refuse_rows_of_complete_release()",
        "refuse_second_end_of_handout()",
        "refuse_unknown_transition()",
        "scan_is_hidden(uuid)",
        "span(double precision,double precision)",
        "span(double precision,double precision,text)",
        "span_multirange()",
        "span_multirange(span)",
        "span_multirange(span[])",
        "split_denied(text)",
        "weight_of_terms(tsvector)",
    }
    with pytest.raises(psycopg.Error, match=r"only be called as triggers|permission denied"):
        api.execute("SELECT demote_latest_revision()")


def test_no_trigger_runs_foreign_code_as_the_owner(api: Connection) -> None:
    """A temporary table of the role's own may not borrow a function of the owner's: its types can hold any code."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        set_a_trap(api)


def set_a_trap(api: Connection) -> None:
    """Let the owner's trigger function assign to a column whose type looks into `hidden`; it raises what it sees."""
    api.execute(
        "CREATE FUNCTION pg_temp.peek(boolean) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "IF current_user <> session_user THEN RAISE EXCEPTION 'seen: %', (SELECT count(*) FROM hidden.entity); END IF; "
        "RETURN true; END $$"
    )
    api.execute("CREATE DOMAIN pg_temp.trap AS boolean CHECK (pg_temp.peek(VALUE))")
    api.execute("CREATE TEMP TABLE bait (finding_id uuid, is_latest pg_temp.trap)")
    api.execute("CREATE TRIGGER t BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION demote_latest_revision()")
    api.execute("INSERT INTO bait (finding_id) VALUES (gen_random_uuid())")
