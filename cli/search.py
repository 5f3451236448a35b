"""Commands about words: embed, search."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click
import sqlalchemy as sa
from rich.table import Table
from sqlmodel import Session, col

from cli.output import console, counted, errors, json_option, print_json, progress
from compute.embedder.embedder import open_embedder
from compute.jobs.embedding import embed_missing
from migrations.ready import ready_database
from schema.database import Database
from schema.errors import SettingsError
from schema.finding import Finding, FindingRevision
from schema.queries.filters import FindingFilter, InRelease
from schema.queries.search import Search, SearchHit, SearchMode, find_model, get_model
from schema.queries.search import search as find_findings
from schema.scan import Scan
from schema.settings import Settings, load_settings


@click.command()
@click.option("--model", help="all-MiniLM-L6-v2, or a folder of weights.  [default: GROUNDCT_EMBEDDING_MODEL]")
@json_option
def embed(model: str | None, as_json: bool) -> None:
    """Embed the findings that have no vector yet under a model."""
    settings = load_settings()
    with ready_database(settings) as database:
        added = embed_new(database, model or settings.embedding_model)
    if as_json:
        print_json({"model": model or settings.embedding_model, "embedded": added})
    else:
        console.print(f"{counted(added, 'finding')} embedded")


def embed_new(database: Database, model: str) -> int:
    """Embed the findings that have no vector yet, with progress on stderr."""
    with progress("embedding") as tell:
        return embed_missing(database, open_embedder(model), progress=tell)


@click.command()
@click.argument("text")
@click.option("--mode", type=click.Choice([mode.value for mode in SearchMode]), default="hybrid", show_default=True)
@click.option("--category", metavar="CODE", help="Only this category, or one below it.")
@click.option("--release", help="Only findings of this release.")
@click.option("--split", help="Only this split of the release.")
@click.option("--cohort", help="Only findings of this cohort.")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=10, show_default=True)
@json_option
def search(
    text: str,
    mode: str,
    category: str | None,
    release: str | None,
    split: str | None,
    cohort: str | None,
    count: int,
    as_json: bool,
) -> None:
    """Find findings by free TEXT: by meaning, by words, or both."""
    if split and not release:
        raise SettingsError("--split needs --release NAME: a split is a part of a release")
    settings = load_settings()
    inside = InRelease(release, split) if release else None
    where = FindingFilter(category_under=category, release=inside, cohort=cohort)
    with ready_database(settings) as database:
        results = search_findings(settings, database, text, mode=SearchMode(mode), where=where, count=count)
    if as_json:
        print_json({"query": text, "results": results})
    else:
        print_results(results)


def search_findings(
    settings: Settings, database: Database, text: str, *, mode: SearchMode, where: FindingFilter, count: int
) -> list[dict[str, Any]]:
    """Search, and give the rows that `--json` prints; without vectors, HYBRID goes by words alone and says so."""
    with database.transaction() as session:
        asked = _ask(session, settings, text, mode)
        return _rows(session, find_findings(session, asked, where=where, first=count))


def _ask(session: Session, settings: Settings, text: str, mode: SearchMode) -> Search:
    if mode is SearchMode.LEXICAL:
        return Search(text, mode)
    embedder = open_embedder(settings.embedding_model)
    if mode is SearchMode.HYBRID and find_model(session, embedder.name, embedder.version) is None:
        errors.print("no finding has a vector yet: searching by words alone; run `groundct embed`")
        return Search(text, SearchMode.LEXICAL)
    model_id = get_model(session, embedder.name, embedder.version)
    return Search(text, mode, embedder.embed([text])[0].tolist(), model_id)


def _rows(session: Session, hits: Sequence[SearchHit]) -> list[dict[str, Any]]:
    words = _words(session, [hit.finding_id for hit in hits])
    return [
        {
            "rank": rank,
            "score": hit.score,
            "semantic_score": hit.semantic_score,
            "lexical_score": hit.lexical_score,
            "terms": hit.terms,
            **words[hit.finding_id],
        }
        for rank, hit in enumerate(hits, 1)
        if hit.finding_id in words
    ]


def _words(session: Session, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    query = (
        sa.select(
            col(Finding.id),
            col(Scan.name),
            col(Finding.source_index),
            col(FindingRevision.category_code),
            col(FindingRevision.text),
        )
        .join(Scan, col(Scan.id) == col(Finding.scan_id))
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
        .where(col(Finding.id).in_(ids), col(FindingRevision.is_latest))
    )
    return {
        key: {"scan": scan, "finding": str(key), "index": index, "category": category, "text": text}
        for key, scan, index, category, text in session.execute(query)
    }


def print_results(results: Sequence[dict[str, Any]]) -> None:
    """Print results as a table, or say that there are none."""
    if not results:
        console.print("nothing found")
        return
    table = Table("", "score", "scan", "index", "category", "text", "terms", box=None, pad_edge=False)
    for one in results:
        score, category = f"{one['score']:.3f}", one["category"] or "-"
        cells = (one["rank"], score, one["scan"], one["index"], category, one["text"], ", ".join(one["terms"]))
        table.add_row(*map(str, cells))
    console.print(table)
