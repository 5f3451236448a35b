"""The prompts: a file a stage, with its version, the ontology it names, and examples of our own invention.

A file begins with its facts between two lines of `---`; then come the instructions; then any number of examples, each
an `## Input` and an `## Output` with a block of JSON. `{ontology}` stands for the codes and names of the ontology,
`{vocabulary}` for the values of descriptors: what rules and models say is said in the same words.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ingest.reports.rules.vocabulary import load_vocabulary
from ingest.reports.stages import INPUTS, Phrase, ReportText, RewrittenReport, Stage, Strict
from schema.errors import ModelError
from schema.ontology import rexgroundingct_ontology

_FACTS = re.compile(r"---\n(?P<facts>.*?)\n---\n(?P<rest>.*)", re.DOTALL)
_EXAMPLE = re.compile(
    r"^## Input\n+```json\n(?P<input>.*?)\n```\n+## Output\n+```json\n(?P<output>.*?)\n```\n*", re.M | re.S
)
_ASK_AGAIN = "Your last answer to this had faults: {faults} Answer again, whole, without them."


@dataclass(frozen=True)
class Example:
    """An input, and what is to be answered to it, as JSON."""

    asked: Strict
    answer: str


@dataclass(frozen=True)
class Prompt:
    """What a model is told in a stage."""

    stage: Stage
    version: str
    """The file's own version, and eight digits of a digest of all that the model is told."""
    ontology: str
    """Name and version."""
    instructions: str
    examples: tuple[Example, ...]

    def messages(self, asked: Strict, faults: Sequence[str] = ()) -> list[dict[str, str]]:
        """Give the conversation that asks for an answer; with faults, for one without them."""
        said = [{"role": "system", "content": self.instructions}]
        for example in self.examples:
            said.append({"role": "user", "content": written(example.asked)})
            said.append({"role": "assistant", "content": example.answer})
        question = written(asked)
        if faults:
            told = " ".join(f"({number}) {fault}." for number, fault in enumerate(faults, 1))
            question += "\n\n" + _ASK_AGAIN.format(faults=told)
        return [*said, {"role": "user", "content": question}]


def written(asked: Strict) -> str:
    """Write an input for a model: sentences one a line behind their numbers, or a text as it is."""
    match asked:
        case ReportText():
            return "\n".join(f"{each.number} [{each.section}] {each.text}" for each in asked.sentences)
        case RewrittenReport():
            return "\n".join(f"{number} [{each.region}] {each.text}" for number, each in enumerate(asked.sentences))
        case Phrase():
            return asked.text
    raise TypeError(f"{type(asked).__name__} is no input of a stage")


@cache
def load_prompt(stage: Stage) -> Prompt:
    """Read the prompt of a stage.

    Raises:
        ModelError: its file is not of the form that this module's description gives, or names another ontology.
    """
    text = resources.files("ingest.reports.hosted").joinpath(f"prompts/{stage}.md").read_text("utf-8")
    if (match := _FACTS.fullmatch(text)) is None:
        raise ModelError(f"prompts/{stage}.md does not begin with its facts")
    facts = dict(line.split(": ", 1) for line in match["facts"].splitlines())
    known = rexgroundingct_ontology()
    if facts["stage"] != stage or facts["ontology"] != f"{known.name} {known.version}":
        raise ModelError(f"prompts/{stage}.md is of {facts['stage']} and {facts['ontology']}")
    examples = tuple(_example(stage, each) for each in _EXAMPLE.finditer(match["rest"]))
    instructions = _EXAMPLE.sub("", match["rest"]).strip()
    instructions = instructions.replace("{ontology}", ontology_lines()).replace("{vocabulary}", vocabulary_lines())
    told = json.dumps([instructions, [[written(each.asked), each.answer] for each in examples]])
    version = f"{facts['version']}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    return Prompt(stage, version, facts["ontology"], instructions, examples)


def _example(stage: Stage, match: re.Match[str]) -> Example:
    answer: Any = json.loads(match["output"])
    return Example(INPUTS[stage].model_validate_json(match["input"]), json.dumps(answer, ensure_ascii=False))


def ontology_lines() -> str:
    """Write the ontology one category a line: a parent without children has its own code, others only theirs."""
    lines = []
    for category in rexgroundingct_ontology().categories:
        if category.assignable:
            lines.append(f"{category.code} {category.name}")
        else:
            lines.append(f"({category.code}) {category.name}:")
    return "\n".join(lines)


def vocabulary_lines() -> str:
    """Write the values of descriptors that have a list of them, a kind a line, as rows of a table."""
    anatomy = load_vocabulary("anatomy")
    values = {"segment": [*anatomy["segment"], *anatomy["segment_beside"]]}
    values |= {kind: list(forms) for kind, forms in load_vocabulary("descriptors").items()}
    return "\n".join(f"| {kind} | {', '.join(each)} |" for kind, each in values.items())
