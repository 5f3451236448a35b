"""Writing many rows at once: COPY into a table of the transaction, and from there over what was known before."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlmodel import Session

from schema.base import OPEN, Table


def upsert_rows(session: Session, model: type[Table], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of a table, or replace those with the same primary key, in the order of their keys.

    All rows have the same columns; the others keep their defaults, `computed_at` becomes the transaction's time.
    The order keeps two writers of the same rows from waiting for each other.
    """
    if not rows:
        return
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    columns, keys = sorted(rows[0]), [column.name for column in table.primary_key]
    ordered = sorted(rows, key=lambda row: [str(row[key]) for key in keys])
    connection = session.connection()
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(OPEN, table.schema or "public")
    names = _Names(sql.Identifier(str(schema), table.name), columns, keys)
    driver: Any = connection.connection
    with driver.cursor() as cursor:
        cursor.execute(names.make())
        with cursor.copy(names.copy()) as copy:
            for row in ordered:
                copy.write_row([_adapted(row[name]) for name in columns])
        cursor.execute(names.merge())


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value


class _Names:
    """The statements, whose identifiers are quoted."""

    def __init__(self, table: sql.Identifier, columns: list[str], keys: list[str]) -> None:
        self.table = table
        self.columns = _listed(columns)
        self.keys = _listed(keys)
        changed = [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in columns if name not in keys]
        self.changes = sql.SQL(", ").join([*changed, sql.SQL("computed_at = now()")])

    def make(self) -> sql.Composed:
        statement = "CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA"
        return sql.SQL(statement).format(self.columns, self.table)

    def copy(self) -> sql.Composed:
        return sql.SQL("COPY incoming ({}) FROM STDIN").format(self.columns)

    def merge(self) -> sql.Composed:
        statement = "INSERT INTO {} ({}) SELECT {} FROM incoming ORDER BY {} ON CONFLICT ({}) DO UPDATE SET {}"
        filled = sql.SQL(statement).format(self.table, self.columns, self.columns, self.keys, self.keys, self.changes)
        return sql.Composed([filled, sql.SQL("; DROP TABLE incoming")])


def _listed(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
