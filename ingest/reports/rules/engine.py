"""The engine that answers every stage by rules: no key, no network, the same answer each time."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Protocol

from ingest.reports.rules.describing import describe
from ingest.reports.rules.extracting import extract
from ingest.reports.rules.rewriting import rewrite
from ingest.reports.stages import Categorisation, Phrase, ReportText, RewrittenReport, Stage, Strict
from schema.report import EngineName


class Categorises(Protocol):
    """What gives a text a code of the ontology."""

    @property
    def model(self) -> str:
        """The name of the model that it asks where rules decide nothing."""

    def categorise(self, text: str) -> Categorisation:
        """Give the code of a text; None in it where none is decided."""


class RulesEngine:
    """Answers by rules; what they cannot tell is undecided, and asking again gives the same."""

    name = EngineName.RULES
    model = ""
    can_repair = False
    parallel = 1

    def __init__(self, categoriser: Categorises | None = None) -> None:
        """Take what gives codes; without it every text's code is undecided."""
        self._categoriser = categoriser

    def version(self, stage: Stage) -> str:
        """Give the version of the rules, and of the categoriser's model where it plays a part."""
        if stage is Stage.CATEGORISE and self._categoriser is not None:
            return f"{rules_version()} {self._categoriser.model}"
        return rules_version()

    def answer(self, stage: Stage, asked: Strict, faults: Sequence[str] = ()) -> Strict:  # noqa: ARG002
        """Give the stage's output for its input; faults change nothing, since rules cannot repair.

        Raises:
            TypeError: the input is not the stage's.
        """
        match stage, asked:
            case Stage.REWRITE, ReportText():
                return rewrite(asked)
            case Stage.EXTRACT, RewrittenReport():
                return extract(asked)
            case Stage.DESCRIBE, Phrase():
                return describe(asked.text)
            case Stage.CATEGORISE, Phrase():
                return self._categorise(asked.text)
        raise TypeError(f"{type(asked).__name__} is no input of the stage {stage}")

    def stop(self) -> None:
        """Do nothing: rules wait for nobody."""

    def _categorise(self, text: str) -> Categorisation:
        return self._categoriser.categorise(text) if self._categoriser else Categorisation(code=None)


@cache
def rules_version() -> str:
    """Give the digest of the rules and vocabularies: another word is another version, and asks for everything anew."""
    files = (each for each in resources.files(__package__).iterdir() if each.name.endswith((".py", ".toml")))
    held = hashlib.sha256()
    for each in sorted(files, key=lambda file: file.name):
        content = each.read_bytes()
        held.update(f"{each.name} {len(content)}\n".encode() + content)
    return held.hexdigest()[:12]
