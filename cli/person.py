"""Commands about people: add, list."""

import click
from sqlmodel import col, select

from cli.output import console, json_option, print_json
from ingest.rounds.people import add_person
from migrations.ready import ready_database
from schema.round import Person, PersonRole
from schema.settings import load_settings


@click.group()
def person() -> None:
    """Annotators and reviewers, under public pseudonyms."""


@person.command()
@click.argument("name")
@click.option("--role", type=click.Choice([each.value for each in PersonRole]), required=True)
@json_option
def add(name: str, role: str, as_json: bool) -> None:
    """Add somebody under the pseudonym NAME, which everybody who reads the archive sees."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        made = _described(add_person(session, name, PersonRole(role)))
    print_json(made) if as_json else console.print(f"{made['name']} is added as {made['role']}")


@person.command("list")
@json_option
def list_people(as_json: bool) -> None:
    """List the people by pseudonym."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = [_described(one) for one in session.exec(select(Person).order_by(col(Person.pseudonym)))]
    if as_json:
        print_json(found)
        return
    for one in found:
        console.print(f"{one['name']} ({one['role']})", markup=False)


def _described(row: Person) -> dict[str, str]:
    return {"name": row.pseudonym, "role": row.role.value}
