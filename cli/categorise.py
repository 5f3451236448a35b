"""The command about categories of free text: categorise."""

import sys
from collections.abc import Iterator, Sequence
from typing import TextIO, cast

import click

from cli.output import counted, errors, json_option, print_json, progress
from ingest.reports.answers import answer_all
from ingest.reports.engines import NAMES, open_categoriser, open_engine
from ingest.reports.stages import Categorisation, Phrase, Stage
from migrations.ready import ready_database
from schema.errors import SourceError
from schema.report import EngineName
from schema.settings import Settings, load_settings

UNDECIDED = "-"
NOTHING = Categorisation(code=None)


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option("--engine", type=click.Choice(list(map(str, NAMES))), default=str(NAMES[0]), show_default=True)
@json_option
def categorise(file: TextIO, engine: str, as_json: bool) -> None:
    """Print the code of each line of FILE, a finding each, in their order; `-` where it is undecided, or empty.

    FILE is UTF-8; `-` reads standard input. With --json come scores, and the codes that were nearly chosen. The rules
    need no database; answers of a language model are kept there, and nobody is asked twice.
    """
    texts, settings = _read_lines(file), load_settings()
    decided = list((_by_rules if engine == EngineName.RULES else _by_model)(settings, texts))
    if as_json:
        _print_json(engine, texts, decided)
    else:
        click.echo("".join(f"{(one and one.code) or UNDECIDED}\n" for one in decided), nl=False)
    if failed := decided.count(None):
        errors.print(f"{counted(failed, 'finding')} without an answer: run the same again")
        sys.exit(1)


def _print_json(engine: str, texts: Sequence[str], decided: Sequence[Categorisation | None]) -> None:
    answers = [(one or NOTHING).model_dump(mode="json") for one in decided]
    rows = [{"text": text, **answer} for text, answer in zip(texts, answers, strict=True)]
    print_json({"engine": engine, "findings": rows, "failed": decided.count(None)})


def _read_lines(file: TextIO) -> list[str]:
    try:
        return [line.removesuffix("\n") for line in file]
    except UnicodeDecodeError as error:
        raise SourceError(f"{file.name} is not UTF-8 ({error.reason}): save it as UTF-8") from error


def _by_rules(settings: Settings, texts: Sequence[str]) -> Iterator[Categorisation]:
    categoriser = open_categoriser(settings)
    with progress("categorising") as tell:
        for done, text in enumerate(texts, 1):
            yield categoriser.categorise(text)
            tell(done, len(texts))


def _by_model(settings: Settings, texts: Sequence[str]) -> Iterator[Categorisation | None]:
    """Ask for each text once; None where there is no answer."""
    phrases = [Phrase(text=text) for text in texts]
    with ready_database(settings) as database:
        engine = open_engine(EngineName.OPENAI, settings, database)
        answers = answer_all(database, engine, Stage.CATEGORISE, [each for each in phrases if _says_something(each)])
    for why in sorted(set(answers.failed.values())):
        errors.print(why, markup=False, soft_wrap=True)
    for phrase in phrases:
        answer = answers.of(phrase)
        yield cast("Categorisation | None", answer and answer.output) if _says_something(phrase) else NOTHING


def _says_something(phrase: Phrase) -> bool:
    return bool(phrase.text.strip())
