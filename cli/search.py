"""Commands about words: embed, search."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import sqlalchemy as sa
from rich.table import Table
from sqlmodel import Session, col

from cli.output import console, counted, errors, json_option, print_json, progress
from compute.embedder.bank import open_bank
from compute.embedder.embedder import Embedder, open_embedder
from compute.jobs.embedding import count_missing, embed_missing, register_model
from compute.jobs.vector_index import make_index, needs_index
from migrations.ready import ready_database
from schema.database import Database
from schema.errors import SettingsError
from schema.finding import Finding, FindingRevision
from schema.queries.cursors import ScoreCursor
from schema.queries.filters import FindingFilter, InRelease
from schema.queries.pages import PageRequest
from schema.queries.search import Search, SearchHit, SearchMode, find_model, get_model, search_page
from schema.scan import Scan
from schema.settings import Settings, load_settings

bank_option = click.option(
    "--from",
    "bank",
    metavar="BANK.npz",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take vectors from a file: `texts` and `vectors`, a row each, up to 4,000 dimensions.",
)
model_option = click.option(
    "--model",
    help="all-MiniLM-L6-v2, or a folder of weights; with --from, the name of the bank's model.  "
    "[default: GROUNDCT_EMBEDDING_MODEL; the bank's file name]",
)


@click.command()
@bank_option
@model_option
@json_option
def embed(bank: Path | None, model: str | None, as_json: bool) -> None:
    """Embed the findings that have no vector yet under a model.

    With --from, every finding whose words stand in the bank, to the letter, gets their vector. Several models stand
    side by side.
    """
    settings = load_settings()
    embedder = _open(settings, bank, model)
    with ready_database(settings) as database:
        added = embed_new(database, embedder)
        with database.transaction() as session:
            unknown = count_missing(session, register_model(session, embedder)) if bank else 0
    if as_json:
        print_json({"model": embedder.name, "version": embedder.version, "embedded": added, "not_in_bank": unknown})
        return
    console.print(f"{counted(added, 'finding')} embedded by {embedder.name}", soft_wrap=True)
    if unknown:
        console.print(f"{counted(unknown, 'finding')} without a vector of it: their words are not in {bank}")


def _open(settings: Settings, bank: Path | None, model: str | None) -> Embedder:
    return open_bank(bank, model) if bank else open_embedder(model or settings.embedding_model)


def embed_new(database: Database, embedder: Embedder) -> int:
    """Embed the findings that have no vector yet, and index what has become many; progress on stderr."""
    with progress("embedding") as tell:
        added = embed_missing(database, embedder, progress=tell)
    with database.transaction() as session:
        model = register_model(session, embedder)
        many = needs_index(session, model)
    if many:
        _index(database, model, embedder.name)
    return added


def _index(database: Database, model: int, name: str) -> None:
    errors.print(f"making the index of {name}, some minutes for a million vectors", soft_wrap=True)
    try:
        if not make_index(database, model):
            errors.print("another run is making it")
    except SettingsError as error:
        errors.print(f"no index was made, so searches by {name} are slow: run the same again ({error})", soft_wrap=True)


@click.command()
@click.argument("text")
@click.option("--mode", type=click.Choice([mode.value for mode in SearchMode]), default="hybrid", show_default=True)
@click.option("--category", metavar="CODE", help="Only this category, or one below it.")
@click.option("--release", help="Only findings of this release.")
@click.option("--split", help="Only this split of the release.")
@click.option("--cohort", help="Only findings of this cohort.")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--after", metavar="CURSOR", help="Go on after a page: what it said of the next one.")
@bank_option
@model_option
@json_option
def search(
    text: str,
    mode: str,
    category: str | None,
    release: str | None,
    split: str | None,
    cohort: str | None,
    count: int,
    after: str | None,
    bank: Path | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Find findings by free TEXT: by meaning, by words, or both.

    With --from, the vector of TEXT is looked up in the bank, so it must stand there.
    """
    if split and not release:
        raise SettingsError("--split needs --release NAME: a split is a part of a release")
    settings = load_settings()
    inside = InRelease(release, split) if release else None
    where = FindingFilter(category_under=category, release=inside, cohort=cohort)
    with ready_database(settings) as database, database.transaction() as session:
        asked = ask(session, text, SearchMode(mode), lambda: _open(settings, bank, model))
        found = read_page(session, asked, PageRequest(count, after), where)
    if as_json:
        print_json(found)
        return
    print_results(found["results"])
    if found["next"]:
        errors.print(f"more: --after {found['next']}", soft_wrap=True)


def ask(session: Session, text: str, mode: SearchMode, embedder: Callable[[], Embedder]) -> Search:
    """Make the question; without vectors of the embedder's model, HYBRID becomes LEXICAL, which is said."""
    plain = Search(text, SearchMode.LEXICAL)
    if mode is SearchMode.LEXICAL:
        return plain
    opened = embedder()
    if mode is SearchMode.HYBRID and find_model(session, opened.name, opened.version) is None:
        errors.print(f"no finding has a vector of {opened.name}: searching by words alone; run `groundct embed`")
        return plain
    model_id = get_model(session, opened.name, opened.version)
    return Search(text, mode, opened.embed([text])[0].tolist(), model_id)


def read_page(session: Session, asked: Search, request: PageRequest, where: FindingFilter) -> dict[str, Any]:
    """Give a page as `--json` prints it; `next` is what `--after` takes, or null at the end."""
    page = search_page(session, asked, request, where=where)
    return {
        "query": asked.text,
        "mode": asked.mode,
        "exact": page.exact,
        "results": _rows(session, page.hits),
        "next": page.hits[-1].cursor if page.has_next and page.hits else None,
    }


def _rows(session: Session, hits: Sequence[SearchHit]) -> list[dict[str, Any]]:
    words = _words(session, [hit.finding_id for hit in hits])
    return [
        {
            "rank": ScoreCursor.parse(hit.cursor).seen,
            "score": hit.score,
            "semantic_score": hit.semantic_score,
            "lexical_score": hit.lexical_score,
            "terms": hit.terms,
            **words[hit.finding_id],
        }
        for hit in hits
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
