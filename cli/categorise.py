"""The command about categories of free text: categorise."""

from collections.abc import Iterator
from functools import partial
from typing import Any, TextIO

import click

from cli.output import json_option, print_json, progress
from compute.embedder.embedder import open_embedder
from ingest.reports.answers import Answers, answer_all
from ingest.reports.engines import open_engine
from ingest.reports.rules.categoriser import Categoriser
from ingest.reports.stages import Categorisation, Phrase, Stage
from migrations.ready import ready_database
from schema.errors import SourceError, StageFailed
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
    decided = _by_rules(texts) if EngineName(engine) is EngineName.RULES else _by_model(texts)
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


def _by_rules(texts: list[str]) -> list[Categorisation]:
    categoriser = Categoriser(partial(open_embedder, load_settings().embedding_model))
    with progress("categorising") as tell:
        return list(_each(categoriser, texts, tell))


def _each(categoriser: Categoriser, texts: list[str], tell: Any) -> Iterator[Categorisation]:
    for done, text in enumerate(texts, 1):
        yield categoriser.categorise(text)
        tell(done, len(texts))


def _by_model(texts: list[str]) -> list[Categorisation]:
    """Ask a language model, every request in the ledger of the database; what was asked before is not asked again."""
    settings = load_settings()
    phrases = {text: Phrase(text=text) for text in texts if text.strip()}
    with ready_database(settings) as database:
        engine = open_engine(EngineName.OPENAI, settings, database)
        answers = answer_all(database, engine, Stage.CATEGORISE, phrases.values())
    if failed := next((why for phrase in phrases.values() if (why := answers.failure_of(phrase))), None):
        raise StageFailed(failed)
    return [_of(answers, phrases.get(text)) for text in texts]


def _of(answers: Answers, phrase: Phrase | None) -> Categorisation:
    answer = answers.of(phrase) if phrase else None
    return answer.output if answer and isinstance(answer.output, Categorisation) else Categorisation(code=None)
