"""The engine that answers every stage by rules: no key, no network, the same answer each time."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ingest.reports.rules.describing import describe
from ingest.reports.rules.extracting import extract
from ingest.reports.rules.rewriting import rewrite
from ingest.reports.stages import Categorisation, Stage, Strict
from schema.report import EngineName

VERSIONS = {Stage.REWRITE: "1", Stage.EXTRACT: "1", Stage.DESCRIBE: "1"}
"""A change of a stage's rules or vocabularies raises its version, and so asks for everything anew."""


class Categorises(Protocol):
    """What gives a text a code of the ontology."""

    @property
    def version(self) -> str:
        """The version of its rules and lexicon."""

    def categorise(self, text: str) -> Categorisation:
        """Give the code of a text; None in it where none is decided."""


class RulesEngine:
    """Answers by rules; what they cannot tell is undecided, and asking again gives the same."""

    name = EngineName.RULES
    model = ""
    can_repair = False
    parallel = 1

    def __init__(self, categoriser: Categorises) -> None:
        """Take what answers the stage that categorises."""
        self._categoriser = categoriser
        self._answers: dict[Stage, Callable[[Any], Strict]] = {
            Stage.REWRITE: rewrite,
            Stage.EXTRACT: extract,
            Stage.DESCRIBE: lambda phrase: describe(phrase.text),
            Stage.CATEGORISE: lambda phrase: categoriser.categorise(phrase.text),
        }

    def version(self, stage: Stage) -> str:
        """Give the version of the stage's rules."""
        return self._categoriser.version if stage is Stage.CATEGORISE else VERSIONS[stage]

    def answer(self, stage: Stage, asked: Strict, faults: Sequence[str] = ()) -> Strict:  # noqa: ARG002
        """Give the stage's output for its input; faults change nothing, since rules cannot repair."""
        return self._answers[stage](asked)
