"""Scores search over the labelled set: nDCG@10 of each mode, by kind of query.

    python -m tests.search.score

Runs a PostgreSQL server of its own in a temporary folder.
"""

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import click

from compute.embedder.embedder import Embedder, open_embedder
from compute.jobs.embedding import embed_missing
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.identity import finding_id
from schema.queries.pages import PageRequest
from schema.queries.search import Search, SearchMode, get_model, search_page
from schema.settings import Settings
from tests.api.archive import COLLECTION, Archive, Said

FILE = Path(__file__).with_name("labelled.json")
SCAN = "train_1_a_1"
DEPTH = 10


@dataclass(frozen=True)
class Query:
    """A query, of which kind it is, and the grades above 0 by finding."""

    text: str
    kind: str
    grades: Mapping[UUID, int]


def labelled_texts() -> list[str]:
    """Give the texts of the findings."""
    return [finding["text"] for finding in json.loads(FILE.read_text())["findings"]]


def labelled_queries() -> list[Query]:
    """Give the queries; the findings are those that `fill` makes."""
    return [
        Query(each["text"], each["kind"], {_key(int(n)): grade for n, grade in each["relevant"].items()})
        for each in json.loads(FILE.read_text())["queries"]
    ]


def _key(number: int) -> UUID:
    return finding_id(COLLECTION, SCAN, number)


def fill(database: Database, arrays: ArrayStore, embedder: Embedder) -> None:
    """Put the findings into an empty archive, without categories, and embed them."""
    archive = Archive(database, arrays)
    archive.add_collection()
    archive.add_scan(SCAN, [Said(text, None) for text in labelled_texts()])
    embed_missing(database, embedder)


Find = Callable[[str, SearchMode], Sequence[UUID]]


def finder(database: Database, embedder: Embedder) -> Find:
    """Give a function that searches."""

    def find(text: str, mode: SearchMode) -> Sequence[UUID]:
        with database.transaction() as session:
            model = get_model(session, embedder.name, embedder.version)
            asked = Search(text, mode, embedder.embed([text])[0].tolist(), model)
            return [hit.finding_id for hit in search_page(session, asked, PageRequest(DEPTH)).hits]

    return find


def ndcg(found: Sequence[UUID], grades: Mapping[UUID, int]) -> float:
    """Normalised discounted cumulative gain of the first ten, gains 2^grade - 1; 0 where nothing is found."""
    best = _gain(sorted(grades.values(), reverse=True)[:DEPTH])
    return _gain([grades.get(key, 0) for key in found[:DEPTH]]) / best


def _gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades))


def mean_ndcg(find: Find, mode: SearchMode, queries: Sequence[Query]) -> float:
    """Give the mean over queries."""
    return sum(ndcg(find(query.text, mode), query.grades) for query in queries) / len(queries)


@contextmanager
def _temporary(embedder: Embedder) -> Iterator[Find]:
    with TemporaryDirectory() as folder, ready_database(Settings(home=Path(folder))) as database:
        with ArrayStore(str(Path(folder) / "arrays")) as arrays:
            fill(database, arrays, embedder)
        yield finder(database, embedder)


@click.command()
@click.option("--worst", type=int, default=0, help="Also print so many of the worst queries of HYBRID.")
def main(worst: int) -> None:
    """Print nDCG@10 of lexical, semantic and hybrid search over the labelled set."""
    queries = labelled_queries()
    kinds = ["all", *dict.fromkeys(query.kind for query in queries)]
    with _temporary(open_embedder("all-MiniLM-L6-v2")) as find:
        click.echo(" " * 10 + "".join(f"{kind:>10}" for kind in kinds))
        for mode in SearchMode:
            scores = [mean_ndcg(find, mode, [q for q in queries if kind in {"all", q.kind}]) for kind in kinds]
            click.echo(f"{mode.name:10}" + "".join(f"{score:10.3f}" for score in scores))
        hybrid = partial(find, mode=SearchMode.HYBRID)
        ranked = sorted((ndcg(hybrid(query.text), query.grades), query.text) for query in queries)
        for score, text in ranked[:worst]:
            click.echo(f"{score:.3f} {text}")


if __name__ == "__main__":
    sys.exit(main())
