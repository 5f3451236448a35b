"""Scores an engine of reports over the labelled set: what it reads in sentences, and what it describes.

    python -m tests.ingest.reports.score --engine rules
    python -m tests.ingest.reports.score --engine openai

A sentence is read as a report of its own. What is read is paired with what is labelled by their common words, each
with one at most, and then what is left, if it is one on each side (`operated gallbladder`, `cholecystectomy`); of a
pair, whether it is present or absent must agree too. Sides, lobes, sizes and counts are those that the engine
describes in the phrases of pairs, and beside that in the labelled findings.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ingest.reports.engine import Engine
from ingest.reports.engines import NAMES, open_engine
from ingest.reports.stages import (
    Categorisation,
    Described,
    Description,
    Extracted,
    Extraction,
    Phrase,
    ReportText,
    Rewrite,
    RewrittenReport,
    SourceSentence,
    Stage,
)
from migrations.ready import ready_database
from schema.descriptor import DescriptorKind
from schema.report import EngineName, Section
from schema.settings import load_settings

FILE = Path(__file__).with_name("labelled.json")
ALIKE = 0.4
"""The least share of common words, as Dice, in a pair."""
_SMALL = frozenset(
    re.findall(r"\w+", "a an the in on at of and or with to is are was were there both lung lungs lobe segment")
)
_REASONS = {"normal_statement": "normal"}
_ALIASES = {
    "part-solid": "subsolid",
    "suspicious": "possible",
    "lingula": "left upper lobe",
    "peribronchial": "peribronchovascular",
    "multifocal": "multiple",
}


@dataclass
class Tally:
    """Things found rightly, found wrongly, and missed."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, found: Iterable[Any], labelled: Iterable[Any]) -> None:
        """Count what is in both, in the first alone, and in the second alone, as bags."""
        found, labelled = Counter(found), Counter(labelled)
        self.right += (found & labelled).total()
        self.wrong += (found - labelled).total()
        self.missed += (labelled - found).total()

    @property
    def precision(self) -> float:
        """The share of what was found that is right; 1 where nothing was found."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """The share of what is labelled that was found; 1 where nothing is."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = 2 * self.right + self.wrong + self.missed
        return 2 * self.right / both if both else 1.0


@dataclass
class Scores:
    """A tally for each thing that is scored, in the order of their first counting."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    undecided: int = 0
    unaccounted: int = 0

    def add(self, name: str, found: Iterable[Any], labelled: Iterable[Any]) -> None:
        """Count what was found beside what is labelled."""
        self.tallies.setdefault(name, Tally()).add(found, labelled)

    def f1(self, name: str) -> float:
        """Give the F1 of a thing."""
        return self.tallies[name].f1

    def lines(self) -> Iterator[str]:
        """Write a table."""
        yield f"{'':34}{'F1':>7}{'precision':>11}{'recall':>8}{'of':>6}"
        for name, tally in self.tallies.items():
            of = tally.right + tally.missed
            yield f"{name:34}{tally.f1:7.3f}{tally.precision:11.3f}{tally.recall:8.3f}{of:6}"
        yield f"undecided {self.undecided}, unaccounted for {self.unaccounted}"


def score(engine: Engine) -> Scores:
    """Score an engine over sentences and findings."""
    labelled = json.loads(FILE.read_text("utf-8"))
    scores = Scores()
    for sentence in labelled["sentences"]:
        _score_sentence(engine, sentence, scores)
    for finding in labelled["findings"]:
        _score_finding(engine, finding, scores)
    return scores


def read(engine: Engine, text: str) -> tuple[Rewrite, Extraction]:
    """Rewrite and extract a sentence as a report of its own."""
    source = SourceSentence(number=0, section=Section.FINDINGS, text=text)
    rewrite = engine.answer(Stage.REWRITE, ReportText(sentences=(source,)))
    assert isinstance(rewrite, Rewrite)
    extraction = engine.answer(Stage.EXTRACT, RewrittenReport(sentences=rewrite.sentences))
    assert isinstance(extraction, Extraction)
    return rewrite, extraction


def _score_sentence(engine: Engine, sentence: Mapping[str, Any], scores: Scores) -> None:
    rewrite, extraction = read(engine, sentence["text"])
    labels = sentence["observations"]
    pairs = pair([seen.phrase for seen in extraction.observations], [label["phrase"] for label in labels])
    for polarity in (True, False):
        _score_polarity(polarity, pairs, extraction.observations, labels, scores)
    for found, labelled in pairs.items():
        _score_pair(engine, extraction.observations[found], labels[labelled], scores)
    if not labels:
        reasons = {str(each.reason) for each in (*rewrite.dropped, *extraction.dropped)}
        scores.add("dropped with its reason", sorted(reasons), [_REASONS.get(sentence["dropped"], sentence["dropped"])])
    nothing = not extraction.observations and not rewrite.dropped and not extraction.dropped
    undecided = bool(rewrite.undecided or extraction.undecided)
    scores.undecided += nothing and undecided
    scores.unaccounted += nothing and not undecided


def _score_polarity(
    polarity: bool,
    pairs: Mapping[int, int],
    found: Sequence[Extracted],
    labels: Sequence[Mapping[str, Any]],
    scores: Scores,
) -> None:
    """Count what was found of a polarity beside what is labelled of it: a pair is one thing where both have it."""
    numbers = [pairs.get(n, f"found {n}") for n, seen in enumerate(found) if seen.present is polarity]
    scores.add(
        "present" if polarity else "absent",
        numbers,
        [n for n, each in enumerate(labels) if each["present"] is polarity],
    )


def _score_pair(engine: Engine, seen: Extracted, label: Mapping[str, Any], scores: Scores) -> None:
    described = describe(engine, seen.phrase)
    scores.add("refers to a prior", [True] * seen.refers_to_prior, [True] * label["prior"])
    _score_descriptors("sentences", described, label, label["sides"], scores)
    _score_category("sentences", engine, seen.phrase, label, scores)


def _score_finding(engine: Engine, finding: Mapping[str, Any], scores: Scores) -> None:
    described = describe(engine, finding["text"])
    _score_descriptors("findings", described, finding, finding["side"], scores)
    for kind in ("attenuation", "margin", "distribution", "change", "certainty"):
        labelled = [value.strip() for value in finding["attributes"].get(kind, "").split(",") if value]
        scores.add(f"{kind} in findings", values(described, kind), [_ALIASES.get(value, value) for value in labelled])
    _score_category("findings", engine, finding["text"], finding, scores)


def _score_descriptors(
    where: str, described: Sequence[Described], label: Mapping[str, Any], side: str | None, scores: Scores
) -> None:
    scores.add(f"side in {where}", [read_side] if (read_side := side_of(described)) else [], [side] if side else [])
    scores.add(f"lobes in {where}", values(described, "lobe"), {_ALIASES.get(lobe, lobe) for lobe in label["lobes"]})
    sizes = [each.sizes_mm for each in described if each.kind is DescriptorKind.SIZE]
    scores.add(f"sizes in {where}", sizes, [tuple(map(float, size)) for size in label["sizes_mm"]])
    counts = [each.number for each in described if each.kind is DescriptorKind.COUNT]
    scores.add(f"count in {where}", counts, [label["count"]] if label["count"] else [])


def _score_category(where: str, engine: Engine, text: str, label: Mapping[str, Any], scores: Scores) -> None:
    """Count a code as right where it is the label's, or another that the label allows."""
    answer = engine.answer(Stage.CATEGORISE, Phrase(text=text))
    assert isinstance(answer, Categorisation)
    allowed = answer.code in label["alternatives"]
    found = [label["code"] if allowed else answer.code] if answer.code else []
    scores.add(f"category in {where}", found, [label["code"]])


def describe(engine: Engine, text: str) -> Sequence[Described]:
    """Give the descriptors that an engine reads in a text."""
    answer = engine.answer(Stage.DESCRIBE, Phrase(text=text))
    assert isinstance(answer, Description)
    return answer.descriptors


def values(described: Sequence[Described], kind: str) -> set[str]:
    """Give the values of a kind, a lingula as the lobe that it belongs to."""
    return {_ALIASES.get(each.value, each.value) for each in described if each.kind == kind}


def side_of(described: Sequence[Described]) -> str | None:
    """Give the side that descriptors name together."""
    sides = values(described, "side")
    if "bilateral" in sides or {"left", "right"} <= sides:
        return "bilateral"
    return next(iter(sides), None)


def pair(found: Sequence[str], labelled: Sequence[str]) -> dict[int, int]:
    """Pair phrases by their common words, the most alike first, and then what is left where that is one on each side.

    Gives numbers of `labelled` by numbers of `found`.
    """
    alike = [(_dice(_words(a), _words(b)), i, j) for i, a in enumerate(found) for j, b in enumerate(labelled)]
    pairs: dict[int, int] = {}
    for share, i, j in sorted(alike, key=lambda item: (-item[0], item[1:])):
        if share >= ALIKE and i not in pairs and j not in pairs.values():
            pairs[i] = j
    rest_found = [i for i in range(len(found)) if i not in pairs]
    rest_labelled = [j for j in range(len(labelled)) if j not in pairs.values()]
    if len(rest_found) == len(rest_labelled) == 1:
        pairs[rest_found[0]] = rest_labelled[0]
    return pairs


def _words(text: str) -> frozenset[str]:
    """Give the stems of a phrase's words: their first six letters."""
    return frozenset(word[:6] for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _SMALL)


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0


@click.command()
@click.option("--engine", type=click.Choice(list(map(str, NAMES))), default="rules", show_default=True)
def main(engine: str) -> None:
    """Print a table of scores; requests to a language model go into the ledger of the archive of the settings."""
    settings = load_settings()
    with ready_database(settings) as database:
        for line in score(open_engine(EngineName(engine), settings, database)).lines():
            click.echo(line)


if __name__ == "__main__":
    main()
