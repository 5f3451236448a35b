"""How often the rules give a labelled finding its code: `python -m tests.ingest.reports.rules.score_categories`."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from compute.embedder.embedder import open_embedder
from ingest.reports.rules.categoriser import Categoriser
from ingest.reports.rules.category_evidence import weigh_codes
from ingest.reports.rules.category_exemplars import Exemplars
from schema.ontology import rexgroundingct_ontology

FILE = Path(__file__).parents[1] / "labelled.json"
Labelled = Sequence[Mapping[str, Any]]


def labelled_findings() -> Labelled:
    """Findings with the code that a reader gave them, and the codes that would do as well."""
    found: Labelled = json.loads(FILE.read_text("utf-8"))["findings"]
    return found


def in_chest(findings: Labelled) -> Labelled:
    """Those of lungs, airways and pleura, which masks are drawn for."""
    segmented = {category.code for category in rexgroundingct_ontology().categories if category.segmented}
    return [finding for finding in findings if finding["code"] in segmented]


def accuracy(findings: Labelled, code_of: Callable[[str], str | None], *, alternatives: bool = False) -> float:
    """Share of findings that get their code, or one that would do as well."""
    wanted = [{each["code"], *(each["alternatives"] if alternatives else ())} for each in findings]
    hits = sum(code_of(each["text"]) in codes for each, codes in zip(findings, wanted, strict=True))
    return hits / len(findings)


def main() -> None:
    """Print the table of docs/categories.md, and what is mistaken for what."""
    embedder = open_embedder("all-MiniLM-L6-v2")
    categoriser, exemplars = Categoriser(lambda: embedder, embedder.name), Exemplars(embedder)
    ways: dict[str, Callable[[str], str | None]] = {
        "rules": lambda text: categoriser.categorise(text).code,
        "terms alone": lambda text: next(iter(weigh_codes(text)), None),
        "exemplars alone": lambda text: next(iter(exemplars.weigh_codes(text)), None),
    }
    everything = labelled_findings()
    chest = in_chest(everything)
    click.echo(f"{'':16} {'all':>8} {'or as good':>11} {'1 and 2':>8}   of {len(everything)} and {len(chest)}")
    for name, code_of in ways.items():
        score = partial(accuracy, code_of=code_of)
        as_good = score(everything, alternatives=True)
        click.echo(f"{name:16} {score(everything):8.3f} {as_good:11.3f} {score(chest):8.3f}")
    given = ((each["code"], categoriser.categorise(each["text"]).code) for each in everything)
    for (code, got), times in Counter(pair for pair in given if pair[0] != pair[1]).most_common():
        click.echo(f"{code} given {got}: {times}")


if __name__ == "__main__":
    main()
