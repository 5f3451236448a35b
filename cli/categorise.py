"""The command about categories of free text: categorise."""

from collections.abc import Iterator
from functools import partial
from typing import Any, TextIO

import click

from cli.output import json_option, print_json, progress
from compute.embedder.embedder import open_embedder
from ingest.reports.rules.categoriser import Categoriser
from ingest.reports.stages import Categorisation
from schema.errors import SettingsError, SourceError
from schema.report import EngineName
from schema.settings import load_settings

UNDECIDED = "-"
ENGINES = (EngineName.OPENAI, EngineName.RULES)


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option("--engine", type=click.Choice(list(map(str, ENGINES))), default=str(EngineName.RULES), show_default=True)
@json_option
def categorise(file: TextIO, engine: str, as_json: bool) -> None:
    """Print the code of each line of FILE, a finding each, in their order; `-` where it is undecided, or empty.

    FILE is UTF-8; `-` reads standard input. With --json come scores, and the codes that were nearly chosen.
    """
    texts = _read_lines(file)
    categoriser = _open(EngineName(engine))
    with progress("categorising") as tell:
        decided = list(_categorise(categoriser, texts, tell))
    if as_json:
        rows = [{"text": text, **one.model_dump(mode="json")} for text, one in zip(texts, decided, strict=True)]
        print_json({"engine": engine, "findings": rows})
        return
    for one in decided:
        click.echo(one.code or UNDECIDED)


def _read_lines(file: TextIO) -> list[str]:
    try:
        return [line.removesuffix("\n") for line in file]
    except UnicodeDecodeError as error:
        raise SourceError(f"{file.name} is not UTF-8 ({error.reason}): save it as UTF-8") from error


def _open(engine: EngineName) -> Categoriser:
    if engine is not EngineName.RULES:
        raise SettingsError(f"the engine {engine} categorises nothing in this version: take --engine rules")
    return Categoriser(partial(open_embedder, load_settings().embedding_model))


def _categorise(categoriser: Categoriser, texts: list[str], tell: Any) -> Iterator[Categorisation]:
    for done, text in enumerate(texts, 1):
        yield categoriser.categorise(text)
        tell(done, len(texts))
