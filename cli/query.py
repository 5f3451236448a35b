"""The command that answers GraphQL without a server: query."""

from pathlib import Path

import click

from api.graphql.execution import execute_query
from api.services import Services
from cli.json_object import read_object
from cli.output import print_json
from migrations.ready import ready_database
from schema.errors import SettingsError
from schema.settings import load_settings


@click.command()
@click.argument("query_or_file", metavar="QUERY|FILE.graphql")
@click.option("--variables", default="{}", metavar="JSON", help="The query's variables, as a JSON object.")
def query(query_or_file: str, variables: str) -> None:
    """Answer a GraphQL query or mutation, given as text or in a file, without a server; exit 1 when it has errors."""
    settings = load_settings()
    text, values = _read_query(query_or_file), read_object("--variables", variables)
    with ready_database(settings) as database:
        answer = execute_query(Services.of_settings(database, settings), text, values, editor="groundct query")
    print_json(answer)
    raise SystemExit(1 if answer.get("errors") else 0)


def _read_query(query_or_file: str) -> str:
    if "{" in query_or_file:
        return query_or_file
    try:
        return Path(query_or_file).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{query_or_file}: no query and no file that can be read ({error.strerror})") from error
