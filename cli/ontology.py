"""Commands about ontologies: list, show."""

from typing import Any

import click
from rich.table import Table
from sqlmodel import Session

from cli.output import console, counted, json_option, print_json
from migrations.ready import ready_database
from schema.errors import NotFound
from schema.queries.reading import Row, computed_by_key, rows_by_field
from schema.queries.views import categories
from schema.settings import load_settings

COUNTS = ("finding_count", "observation_count")


@click.group()
def ontology() -> None:
    """Ontologies that findings are categorised with."""


@ontology.command("list")
@json_option
def list_ontologies(as_json: bool) -> None:
    """List the ontologies, each version by itself."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = [_summary(name, version, rows) for (name, version), rows in _by_version(session, None).items()]
    if as_json:
        print_json(found)
        return
    for one in found:
        text = f"{one['name']} {one['version']}: {counted(one['categories'], 'node')}, {one['assignable']} assignable"
        console.print(text, soft_wrap=True, markup=False)


@ontology.command()
@click.argument("name")
@click.option("--version", help="Of the ontology.  [default: every version]")
@click.option("--counts", is_flag=True, help="Count findings and present observations, each over its subtree.")
@json_option
def show(name: str, version: str | None, counts: bool, as_json: bool) -> None:
    """Show the tree of an ontology."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        trees = {key: rows for key, rows in _by_version(session, name).items() if version in (None, key[1])}
        if not trees:
            known = ", ".join(f"{each} {number}" for each, number in _by_version(session, None))
            raise NotFound(f"there is no ontology {name!r}{f' {version}' if version else ''}; there are: {known}")
        found = [_summary(*key, rows) | {"tree": _tree(session, rows, counts=counts)} for key, rows in trees.items()]
    if as_json:
        print_json(found)
    else:
        for one in found:
            _print_tree(one, counts=counts)


def _by_version(session: Session, name: str | None) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows_by_field(session, categories(), "ontology", None if name is None else [name]):
        found.setdefault((row["ontology"], row["ontology_version"]), []).append(row)
    return found


def _summary(name: str, version: str, rows: list[Row]) -> dict[str, Any]:
    assignable = sum(row["assignable"] for row in rows)
    return {"name": name, "version": version, "categories": len(rows), "assignable": assignable}


def _tree(session: Session, rows: list[Row], *, counts: bool) -> list[dict[str, Any]]:
    keys = [row["id"] for row in rows]
    numbers = {each: computed_by_key(session, categories(), each, keys) for each in (COUNTS if counts else ())}
    names = ("code", "name", "path", "focality", "segmented", "assignable")
    return [
        {name: row[name] for name in names} | {name: counted[row["id"]] for name, counted in numbers.items()}
        for row in rows
    ]


def _print_tree(found: dict[str, Any], *, counts: bool) -> None:
    console.print(f"{found['name']} {found['version']}", markup=False)
    table = Table("code", "name", "focality", box=None, pad_edge=False)
    for heading in ("findings", "observations") if counts else ():
        table.add_column(heading, justify="right")
    for row in found["tree"]:
        indent = "  " * (row["path"].count("/") - 1)
        numbers = [f"{row[name]:,}" for name in (COUNTS if counts else ())]
        table.add_row(indent + row["code"], row["name"], row["focality"].replace("_", "-"), *numbers)
    console.print(table)
