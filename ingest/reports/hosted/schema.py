"""What a language model is to answer: the stage's own type, or one whose values it can know, and its JSON schema.

The schema holds only what every server of the protocol understands, OpenAI's strict mode, vLLM and Ollama among them:
types, properties that are all required, items, enumerations, alternatives. Whatever else the type demands (lengths,
ranges) is checked when the answer comes.
"""

import re
from typing import Any

from pydantic import ValidationError, model_validator
from pydantic_core import from_json

from ingest.reports.hosted.faults import Fault, FaultName
from ingest.reports.stages import (
    OUTPUTS,
    Described,
    Description,
    Number,
    Phrase,
    Stage,
    Strict,
    check_values,
    misfits,
)
from schema.descriptor import DescriptorKind
from schema.ontology import assignable_codes

_KEPT = ("type", "enum")
MOST_FAULTS = 5
"""How many faults of a type a model is told of."""


class Quoted(Strict):
    """One descriptor, with the words that say it."""

    kind: DescriptorKind
    value: str
    sizes_mm: tuple[float, ...] | None
    number: Number | None
    quote: str

    @model_validator(mode="after")
    def _sizes_and_counts_only(self) -> "Quoted":
        check_values(self.kind, self.sizes_mm, self.number)
        return self


class Quotes(Strict):
    """The descriptors of a text, in the order of its words."""

    descriptors: tuple[Quoted, ...]


ANSWERS: dict[Stage, type[Strict]] = {**OUTPUTS, Stage.DESCRIBE: Quotes}
"""What is asked for: a model cannot count characters, so it quotes, and the characters are found here."""


def strict_schema(stage: Stage) -> dict[str, Any]:
    """Give the JSON schema of what a model answers in a stage, without references."""
    full = ANSWERS[stage].model_json_schema()
    plain = _plain(full, full.get("$defs", {}))
    if stage is Stage.CATEGORISE:
        codes = {"type": "string", "enum": sorted(assignable_codes(), key=_by_number)}
        plain["properties"]["code"] = {"anyOf": [codes, {"type": "null"}]}
        plain["properties"]["alternatives"]["items"]["properties"]["code"] = codes
    return plain


def _by_number(code: str) -> tuple[int, str]:
    number = code.rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(number), code


def _plain(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    plain = {name: node[name] for name in _KEPT if name in node}
    if "anyOf" in node:
        plain["anyOf"] = [_plain(each, definitions) for each in node["anyOf"]]
    if "items" in node:
        plain["items"] = _plain(node["items"], definitions)
    if "properties" in node:
        plain["properties"] = {name: _plain(each, definitions) for name, each in node["properties"].items()}
        plain |= {"required": list(plain["properties"]), "additionalProperties": False}
    return plain


def read_answer(stage: Stage, asked: Strict, content: str) -> Strict:
    """Read what a model answered.

    Raises:
        Fault: it is no JSON, not of the stage's type, or says what the input does not have.
    """
    try:
        answer = ANSWERS[stage].model_validate(from_json(content))
        output = found_in(asked, answer) if isinstance(answer, Quotes) and isinstance(asked, Phrase) else answer
    except ValidationError as error:
        raise _wrong_type(error) from error
    except ValueError as error:
        raise Fault(FaultName.NOT_JSON, advice="The answer was not JSON.") from error
    if wrong := misfits(asked, output):
        raise Fault(FaultName.WRONG_TYPE, wrong[0], advice="; ".join(wrong[:MOST_FAULTS]))
    return output


def _wrong_type(error: ValidationError) -> Fault:
    each = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}" for one in each[:MOST_FAULTS]]
    return Fault(FaultName.WRONG_TYPE, each[0]["type"], advice="; ".join(told))


def found_in(asked: Phrase, quotes: Quotes) -> Description:
    """Find the characters of what was quoted, each quotation after the one before where it is said more than once.

    Raises:
        Fault: a quotation is not in the text.
    """
    found, end = [], 0
    for each in quotes.descriptors:
        words = re.compile(re.escape(each.quote), re.IGNORECASE)
        place = words.search(asked.text, end) or words.search(asked.text)
        if place is None or not each.quote:
            told = f"{each.quote!r} is not in the text: quote its words to the letter"
            raise Fault(FaultName.NOT_IN_TEXT, advice=told)
        end = place.end()
        found.append(Described(**each.model_dump(exclude={"quote"}), start=place.start(), end=end))
    return Description(descriptors=tuple(sorted(found, key=lambda one: (one.start, one.end))))
