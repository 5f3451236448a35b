"""The page that goes out with a handout: what to draw, finding by finding."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ingest.files import written
from ingest.rounds.campaign import Campaign
from schema.annotation import AnnotationPolicy, Policy
from schema.ontology import rexgroundingct_ontology


@dataclass(frozen=True)
class PageRow:
    """A finding on the page."""

    scan: str
    index: int
    text: str
    category: str | None
    file: str
    shown: bool
    """Whether its file holds labels to correct."""
    volume: str
    """Where the scan's CT is."""


def write_page(path: Path, campaign: Campaign, annotator: str, rows: Sequence[PageRow]) -> None:
    """Write the page, whole or not at all; it needs no other file."""
    scans = [(scan, list(each)) for scan, each in groupby(rows, key=lambda row: row.scan)]
    page = _template().render(
        campaign=campaign,
        annotator=annotator,
        scans=scans,
        findings=len(rows),
        asked=what_is_asked(campaign.policy),
        names={node.code: node.name for node in rexgroundingct_ontology().categories},
    )
    with written(path) as partial:
        partial.write_text(page, encoding="utf-8")


def what_is_asked(policy: AnnotationPolicy) -> str:
    """Say in words what a policy asks of who draws."""
    if policy.kind is Policy.EXHAUSTIVE:
        return "Draw everything that the words mean: what you leave out counts as not there."
    if policy.kind is Policy.AT_MOST:
        entities = "entity" if policy.limit == 1 else "entities"
        return f"Draw up to {policy.limit} {entities} of each finding; where there are more, the clearest ones."
    return "Draw what the words mean. Nobody will take what you leave out for absent."


@cache
def _template() -> Template:
    loader = PackageLoader("ingest.rounds", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("handout.html")
