"""A dictionary of radiology's terms as the arrays of a function: what a term is called, its kind, and its tsquery."""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa


def read_arrays(bind: sa.Connection, file: Path) -> dict[str, str]:
    """Give the SQL of the arrays `terms`, `kinds` and `queries` of a dictionary's file.

    A line is `KIND term: way of saying it; another one`, as the file says of itself.
    """
    lines = list(_lines(file))
    queries = bind.exec_driver_sql("SELECT " + ", ".join(f"({query})::text" for _, _, query in lines)).one()
    return {
        "terms": _array([term for _, term, _ in lines], "text"),
        "kinds": _array([kind for kind, _, _ in lines], "text"),
        "queries": _array(list(queries), "tsquery"),
    }


def _array(values: list[str], kind: str) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"ARRAY[{quoted}]::{kind}[]"


def _lines(file: Path) -> Iterator[tuple[str, str, str]]:
    """(kind, term, SQL that gives the tsquery) of every line."""
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            head, _, ways = line.partition(":")
            kind, term = head.split()
            yield kind, term, _any_way(ways)


def _any_way(ways: str) -> str:
    said, _, unless = ways.partition(" !! ")
    return _but(" || ".join(f"({_one_way(way)})" for way in said.split(";")), unless)


def _one_way(way: str) -> str:
    said, _, unless = way.partition(" ! ")
    return _but(" && ".join(f"({_one_of(part)})" for part in said.split(" + ")), unless)


def _but(query: str, unless: str) -> str:
    return f"({query}) && !! ({_one_of(unless)})" if unless else query


def _one_of(phrases: str) -> str:
    return " || ".join(f"phraseto_tsquery('english', '{phrase.strip()}')" for phrase in phrases.split("/"))
