"""What of a text is found again in what was made of it: measurements, sides, codes, sentences."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.reports.rules.anatomy import find_sides
from ingest.reports.rules.measurements import find_measurements
from ingest.reports.stages import Categorisation, Extraction, ReportText, Rewrite, RewrittenReport, Strict
from schema.ontology import assignable_codes
from schema.report import LossKind


@dataclass(frozen=True)
class Violation:
    """Something of the input that the output does not have; of a code, something that the ontology does not have."""

    kind: LossKind
    what: str
    sentence: int | None = None
    """The number of the input's sentence."""

    def __str__(self) -> str:
        match self.kind:
            case LossKind.CODE:
                return f"there is no code {self.what}"
            case LossKind.SENTENCE:
                return f"sentence {self.sentence} is neither used, dropped nor undecided"
        return f"the {self.kind} {self.what} of sentence {self.sentence} is not said again"


def lengths_mm(text: str) -> frozenset[str]:
    """Give the lengths that a text names, each in millimetres: `1.2 cm` is `12 mm`."""
    return frozenset(f"{size:g} mm" for each in find_measurements(text) for size in each.sizes_mm)


def sides(text: str) -> frozenset[str]:
    """Give the sides that a text names, or that a lobe it names lies on: `left`, `right`; both of them if bilateral."""
    named = {each.value for each in find_sides(text)}
    return frozenset({"left", "right"} if "bilateral" in named else named & {"left", "right"})


def facts(text: str) -> frozenset[tuple[LossKind, str]]:
    """Give what must not be lost of a sentence."""
    measured = {(LossKind.MEASUREMENT, length) for length in lengths_mm(text)}
    return frozenset(measured | {(LossKind.SIDE, side) for side in sides(text)})


def violations(asked: Strict, output: Strict) -> tuple[Violation, ...]:
    """Name what an output lost of its input, by sentence.

    A sentence that is dropped or undecided is not compared: it stands by its reason, or is flagged.
    """
    match asked, output:
        case ReportText(), Rewrite():
            return tuple(_lost([each.text for each in asked.sentences], rewritten_by_sentence(output), output))
        case RewrittenReport(), Extraction():
            return tuple(_lost([each.text for each in asked.sentences], phrases_by_sentence(output), output))
        case _, Categorisation():
            return tuple(Violation(LossKind.CODE, code) for code in _codes(output) if code not in assignable_codes())
    return ()


def named(asked: Strict, output: Strict) -> Iterator[LossKind]:
    """Give the kind of everything in an input that `violations` looks for; what a figure of losses is a share of."""
    match asked, output:
        case (ReportText() | RewrittenReport(), Rewrite() | Extraction()):
            set_aside = left_out(output)
            for number, text in enumerate([each.text for each in asked.sentences]):
                yield LossKind.SENTENCE
                if number not in set_aside:
                    yield from (kind for kind, _ in facts(text))
        case _, Categorisation():
            yield from (LossKind.CODE for _ in _codes(output))


def rewritten_by_sentence(rewrite: Rewrite) -> dict[int, list[str]]:
    """Give, for the number of a source sentence, the rewritten texts that are linked to it."""
    return _grouped((link.sentence, each.text) for each in rewrite.sentences for link in each.sources)


def phrases_by_sentence(extraction: Extraction) -> dict[int, list[str]]:
    """Give, for the number of a rewritten sentence, the phrases that were read from it."""
    return _grouped((number, each.phrase) for each in extraction.observations for number in each.sentences)


def left_out(output: Rewrite | Extraction) -> frozenset[int]:
    """Give the numbers of the sentences that are dropped or undecided, and of which nothing else was made."""
    made = rewritten_by_sentence(output) if isinstance(output, Rewrite) else phrases_by_sentence(output)
    return frozenset({each.sentence for each in output.dropped} | set(output.undecided)) - made.keys()


def _codes(output: Categorisation) -> list[str]:
    given = [output.code] if output.code is not None else []
    return [*given, *(each.code for each in output.alternatives)]


def _grouped(pairs: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    texts: dict[int, list[str]] = {}
    for number, text in pairs:
        texts.setdefault(number, []).append(text)
    return texts


def _lost(sources: list[str], made: dict[int, list[str]], output: Rewrite | Extraction) -> Iterator[Violation]:
    set_aside = left_out(output)
    for number, source in enumerate(sources):
        if number in made:
            missing = facts(source) - facts(" \n".join(made[number]))
            yield from (Violation(kind, what, number) for kind, what in sorted(missing))
        elif number not in set_aside:
            yield Violation(LossKind.SENTENCE, source, number)
