"""Field by field, the number of SQL statements is that of a query's fields, whatever the number of rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from api.graphql.execution import execute_fields
from api.services import Services
from schema.database import Database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    engine = database.engine()
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


SETTING_UP = 1
ENTITIES = "entities { label boxVox { min } round { name } finding { text } annotation { state } }"
FINDING = (
    "text side entityCount category { code } report { language } reasoning { steps { text } } "
    f"annotations {{ round {{ name }} entities {{ label }} }} {ENTITIES}"
)
REPORT = (
    "reading { engine } rewritten { text sources { text } } "
    "observations { phrase category { code } finding { text } rewritten { text } sentences { text } "
    "descriptors { value } } "
    "sentences { text use originals { text report { language } } translations { text } "
    "findings { text descriptors { value } sentences { score report { study } } entities { label } } }"
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("findings(first: N) { totalCount }", 1),
        ("findings(first: N) { edges { node { text } } }", 1),
        ("findings(first: N) { edges { node { scan { name } category { code } entities { label } } } }", 4),
        (f"findings(first: N) {{ edges {{ node {{ {FINDING} scan {{ name hidden }} }} }} }}", 16),
        (f"scans(first: N) {{ edges {{ node {{ name hidden releases {{ split }} findings {{ {FINDING} }} }} }} }}", 17),
        ("categories { code findingCount findings(first: N) { totalCount edges { node { scan { name } } } } }", 5),
        (f"reports(first: N) {{ edges {{ node {{ language {REPORT} }} }} }}", 19),
        ('search(text: "lobe", mode: LEXICAL, first: N) { edges { score node { scan { name } } } }', 5),
    ],
)
def test_statements_do_not_grow_with_rows(services: Services, database: Database, query: str, expected: int) -> None:
    sent_by_rows = []
    for rows in (2, 4):
        with statements(database) as sent:
            assert "errors" not in execute_fields(services, "{ " + query.replace("N", str(rows)) + " }", {})
        sent_by_rows.append(len(sent) - SETTING_UP)
    assert sent_by_rows[0] <= sent_by_rows[1] == expected
