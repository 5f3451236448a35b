"""The four stages that read a report, each with the types of what goes in and what comes out.

rewrite:    the report's sentences -> sentences sorted into regions, each linked to those it says
extract:    rewritten sentences    -> observations, present or absent, each linked to its sentences
describe:   one text               -> descriptors, each with the characters that it was read from
categorise: one text               -> a code of an ontology, and other codes with scores

Every stage accounts for what it was given: a sentence is used, dropped with a reason, or left undecided. Numbers of
sentences count from 0 in the order of the input.
"""

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schema.descriptor import DescriptorKind
from schema.report import DropReason, Region, Section

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Number: TypeAlias = Annotated[int, Field(ge=0)]


class Stage(StrEnum):
    """A step from report to findings."""

    REWRITE = "rewrite"
    EXTRACT = "extract"
    DESCRIBE = "describe"
    CATEGORISE = "categorise"


class Strict(BaseModel):
    """A frozen value without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSentence(Strict):
    """A sentence of the report as it came."""

    number: Number
    section: Section
    text: str


class ReportText(Strict):
    """What rewriting is given: every sentence of findings and impression."""

    sentences: tuple[SourceSentence, ...]


class SourceLink(Strict):
    """A source sentence that a rewritten one says, and how surely."""

    sentence: Number
    score: Share = 1.0


class RewrittenSentence(Strict):
    """A sentence in American radiology language, every measurement kept, in its region."""

    text: str = Field(min_length=1)
    region: Region
    sources: tuple[SourceLink, ...] = Field(min_length=1)


class Dropped(Strict):
    """A sentence that gives nothing to the next stage, and why."""

    sentence: Number
    reason: DropReason


class Rewrite(Strict):
    """A rewritten report; sentences that are neither linked, dropped nor undecided are lost, which is a fault."""

    sentences: tuple[RewrittenSentence, ...]
    dropped: tuple[Dropped, ...] = ()
    undecided: tuple[Number, ...] = ()


class RewrittenReport(Strict):
    """What extraction is given."""

    sentences: tuple[RewrittenSentence, ...]


class Extracted(Strict):
    """One thing that is said to be there or not; `sentences` number the rewritten report's."""

    phrase: str = Field(min_length=1)
    present: bool
    refers_to_prior: bool = False
    sentences: tuple[Number, ...] = Field(min_length=1)


class Extraction(Strict):
    """The observations of a rewritten report; compounds are split; what is dropped or undecided is named."""

    observations: tuple[Extracted, ...]
    dropped: tuple[Dropped, ...] = ()
    undecided: tuple[Number, ...] = ()


class Phrase(Strict):
    """What describing and categorising are given: the words of a finding or an observation."""

    text: str


class Described(Strict):
    """One descriptor: `text[start:end]` says it."""

    kind: DescriptorKind
    value: str = Field(min_length=1)
    sizes_mm: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(default=None, min_length=1, max_length=3)
    """One to three lengths in the order of the words, where `kind` is SIZE."""
    number: Number | None = None
    """How many, where `kind` is COUNT."""
    start: Number
    end: Number

    @model_validator(mode="after")
    def _sizes_and_counts_only(self) -> Self:
        check_values(self.kind, self.sizes_mm, self.number)
        return self


def check_values(kind: DescriptorKind, sizes_mm: tuple[float, ...] | None, number: int | None) -> None:
    """See that sizes, and only they, have lengths, and counts, and only they, a number.

    Raises:
        ValueError: they do not.
    """
    if (kind is DescriptorKind.SIZE) != (sizes_mm is not None):
        raise ValueError("`sizes_mm` is given where `kind` is size, and only there")
    if (kind is DescriptorKind.COUNT) != (number is not None):
        raise ValueError("`number` is given where `kind` is count, and only there")


class Description(Strict):
    """The descriptors of a text, in the order of its words."""

    descriptors: tuple[Described, ...]


class ScoredCode(Strict):
    """A code of the ontology with a score; greater is surer."""

    code: str
    score: Share


class Categorisation(Strict):
    """The code of a text; None where none is decided. Alternatives come best first, without the code itself."""

    code: str | None
    score: Share | None = None
    alternatives: tuple[ScoredCode, ...] = ()


INPUTS: dict[Stage, type[Strict]] = {
    Stage.REWRITE: ReportText,
    Stage.EXTRACT: RewrittenReport,
    Stage.DESCRIBE: Phrase,
    Stage.CATEGORISE: Phrase,
}
OUTPUTS: dict[Stage, type[Strict]] = {
    Stage.REWRITE: Rewrite,
    Stage.EXTRACT: Extraction,
    Stage.DESCRIBE: Description,
    Stage.CATEGORISE: Categorisation,
}
SCHEMA_VERSIONS: dict[Stage, str] = dict.fromkeys(Stage, "1")
"""A change of a stage's types raises its version, and so asks for everything anew."""


def canonical_json(value: Strict) -> str:
    """Write a value so that equal values are equal texts."""
    plain: Any = value.model_dump(mode="json")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def input_digest(value: Strict) -> str:
    """Give the sha256 of an input, in lower-case hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def misfits(asked: Strict, output: Strict) -> list[str]:
    """Name what an output says of things that its input does not have; nothing can be made of such an output."""
    match asked, output:
        case ReportText(), Rewrite():
            linked = [link.sentence for each in output.sentences for link in each.sources]
            return _beyond(_left_out(output) + linked, len(asked.sentences))
        case RewrittenReport(), Extraction():
            linked = [number for each in output.observations for number in each.sentences]
            return _beyond(_left_out(output) + linked, len(asked.sentences))
        case Phrase(), Description():
            inside = (0 <= each.start < each.end <= len(asked.text) for each in output.descriptors)
            return [] if all(inside) else ["a descriptor's characters are not in the text"]
        case Phrase(), Categorisation():
            return []
    raise TypeError(f"{type(output).__name__} is no answer to {type(asked).__name__}")


def _left_out(output: Rewrite | Extraction) -> list[int]:
    return [each.sentence for each in output.dropped] + list(output.undecided)


def _beyond(numbers: Iterable[int], count: int) -> list[str]:
    return [f"there is no sentence {number}" for number in sorted(set(numbers)) if number >= count]
