"""What searching costs in SQL, and whether it finds what comparing every finding finds.

    python -m benchmarks.search --home FOLDER [--findings 8000] [--findings 1000000] [--labelled]

Up to `REAL` findings are embedded as they are. More get a vector up to half the way from that of their own text to that
of another text of the archive, so that no two are the same and all lie where texts do. Queries are about what the
archive holds, in its words and in others; with --labelled, those of `tests/search`, most of which it holds nothing of.
"""

import json
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.graphql.archive import archive_home, open_archive
from compute.embedder.bank import VectorBank
from compute.embedder.embedder import Embedder, open_embedder
from compute.jobs.embedding import embed_missing, register_model
from compute.jobs.vector_index import make_index, needs_index
from schema.database import Database, Role
from schema.finding import Side
from schema.postgres.address import SUPERUSER
from schema.postgres.server import EmbeddedServer
from schema.queries import nearest
from schema.queries.filters import Between, FindingFilter, MetadataFilter, ScanFilter
from schema.queries.pages import PageRequest
from schema.queries.search import Search, SearchMode, SearchPage, search_page

REAL = 20_000
LABELLED = Path(__file__).parents[1] / "tests" / "search" / "labelled.json"
SEEN = (
    "nodule",
    "lung nodules",
    "ground-glass opacity",
    "GGO",
    "consolidation",
    "airspace disease",
    "cyst",
    "emphysema",
    "COPD changes",
    "bronchiectasis",
    "dilated bronchi",
    "atelectasis",
    "collapsed lung tissue",
)
PLACES = ("in the right upper lobe", "in the left lower lobe", "LUL", "at the apex", "near the right hilum")
MANNERS = ("", "unchanged")
FIRST = 10
BATCH = 20_000
EVERY = 7
"""Every so manyth answer of the index is held against comparing every finding, which takes seconds in a million."""


def filters(findings: int) -> dict[str, FindingFilter | None]:
    """Filters by the share of the findings that they leave, as `archive.sql` makes them: 2.5 a scan.

    Makers and categories have nothing to do with what a finding says; what words leave may be at odds with the query.
    """
    first = date(2015, 1, 1)
    return {
        "all": None,
        "50 %, maker": _scanned(manufacturer="Siemens"),
        "7 %, category": FindingFilter(category="2d"),
        "4 %, category and maker": replace(_scanned(manufacturer="Siemens"), category="2d"),
        "0.5 %, ten days": _scanned(study_date=Between(first, first + timedelta(9))),
        "0.05 %, scans": FindingFilter(scans=[f"bench_{n}_a_1" for n in range(findings // 5000)]),
        "50 %, side": FindingFilter(text_side=Side.RIGHT),
        "5 %, words": FindingFilter(text="apex unchanged"),
        "0.7 %, words": FindingFilter(text="apex unchanged nodule"),
    }


def _scanned(**parts: Any) -> FindingFilter:
    return FindingFilter(scan=ScanFilter(metadata=MetadataFilter(**parts)))


@dataclass
class Measured:
    """One mode under one filter."""

    mode: SearchMode
    share: str
    took_ms: list[float] = field(default_factory=list)
    sql_ms: list[float] = field(default_factory=list)
    """What of it passed between sending statements and having their rows."""
    recalls: list[float] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    exact: int = 0

    def line(self) -> str:
        """Write it as a row of a table."""
        p50, p95 = np.percentile(self.took_ms, [50, 95])
        sql = np.percentile(self.sql_ms, 95)
        recall = f"{np.mean(self.recalls):.4f} (worst {min(self.recalls):.1f})" if self.recalls else "-"
        cells = (self.mode, self.share, f"{p50:.1f}", f"{p95:.1f}", f"{sql:.1f}", recall, min(self.hits))
        return "| " + " | ".join(map(str, (*cells, f"{self.exact} of {len(self.took_ms)}"))) + " |"


def measure(database: Database, searches: Sequence[Search], share: str, where: FindingFilter | None) -> Measured:
    """Time searches in one mode, each in a transaction of its own, which is begun before; the first is done twice."""
    measured = Measured(searches[0].mode, share)
    for number, asked in enumerate([searches[0], *searches]):
        with database.transaction() as session:
            statements_ms = _timed_statements(session.connection())
            start = time.perf_counter()
            page = search_page(session, asked, PageRequest(FIRST), where=where)
            took_ms = 1000 * (time.perf_counter() - start)
        if number:
            measured.took_ms.append(took_ms)
            measured.sql_ms.append(sum(statements_ms))
            measured.hits.append(len(page.hits))
            measured.exact += page.exact
        if number and not page.exact and number % EVERY == 0:
            measured.recalls.append(recall(database, asked, page, where))
    return measured


def _timed_statements(connection: sa.Connection) -> list[float]:
    """Give a list that every statement of a connection adds its time to."""
    begun: list[float] = []
    took_ms: list[float] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *_: begun.append(time.perf_counter()))
    sa.event.listen(
        connection, "after_cursor_execute", lambda *_: took_ms.append(1000 * (time.perf_counter() - begun.pop()))
    )
    return took_ms


def recall(database: Database, asked: Search, page: SearchPage, where: FindingFilter | None) -> float:
    """Give the share of the best findings, of all compared, that a page holds; one as good as the last counts as it."""
    with patch.object(nearest, "EXACT_ROWS", 1 << 62), database.transaction() as session:
        truth = search_page(session, asked, PageRequest(FIRST), where=where).hits
    return sum(hit.score >= truth[-1].score - 1e-6 for hit in page.hits) / len(truth) if truth else 1.0


def fill_vectors(database: Database, embedder: Embedder, findings: int) -> int:
    """Give every finding a vector, once, and give the model's key."""
    if findings <= REAL:
        embed_missing(database, embedder)
        with database.transaction() as session:
            return register_model(session, embedder)
    between = VectorBank(f"between texts of {embedder.name}", embedder.version, embedder.dimensions, np.empty(0), {})
    with database.transaction() as session:
        model = register_model(session, between)
    address = database.url(Role.OWNER).render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        there = connection.execute("SELECT count(*) FROM embedding WHERE model_id = %s", [model]).fetchone()
        if there == (0,):
            _copy_vectors(connection, embedder, model)
            connection.commit()
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE embedding")
    return model


def _copy_vectors(connection: psycopg.Connection[Any], embedder: Embedder, model: int) -> None:
    known = [text for (text,) in connection.execute("SELECT DISTINCT text FROM finding_revision ORDER BY text")]
    vectors, row_of = embedder.embed(known), {text: row for row, text in enumerate(known)}
    found = connection.execute("SELECT id, text FROM finding_revision ORDER BY id").fetchall()
    keys, rows = [key.bytes for key, _ in found], np.array([row_of[text] for _, text in found])
    drawn = np.random.default_rng(1)
    with connection.cursor().copy("COPY embedding (revision_id, model_id, vector) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for start in range(0, len(keys), BATCH):
            own = vectors[rows[start : start + BATCH]]
            others = vectors[drawn.integers(len(known), size=len(own))]
            share = drawn.uniform(0, 0.5, size=(len(own), 1)).astype(np.float32)
            copy.write(_copied(keys[start : start + BATCH], model, own + share * (others - own)))
        copy.write(struct.pack(">h", -1))


def _copied(keys: Sequence[bytes], model: int, vectors: NDArray[np.float32]) -> bytes:
    """Rows of COPY's binary format; a halfvec is its dimension, a zero, and its numbers."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    dimensions = units.shape[1]
    number = struct.pack(">iqihh", 8, model, 4 + 2 * dimensions, dimensions, 0)
    return b"".join(
        struct.pack(">hi", 3, 16) + key + number + unit
        for key, unit in zip(keys, (row.tobytes() for row in units.astype(">f2")), strict=True)
    )


def queries(*, labelled: bool) -> list[str]:
    """Give the texts that are searched for."""
    if labelled:
        return [each["text"] for each in json.loads(LABELLED.read_text("utf-8"))["queries"]]
    return [" ".join(parts).strip() for parts in product(SEEN, PLACES, MANNERS)]


def warm(home: Path) -> None:
    """Read tables and indexes into the server's buffers, as a server has them that has run for a while."""
    with EmbeddedServer(home).lease() as address, address.connect(SUPERUSER) as superuser:
        superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        superuser.execute(
            "SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relpages > 100 "
            "AND relnamespace IN ('public'::regnamespace, 'open'::regnamespace)"
        )


def measure_archive(home: Path, findings: int, texts: Sequence[str], modes: Sequence[SearchMode]) -> Iterator[str]:
    """Give the table of one archive, row by row."""
    embedder = open_embedder("all-MiniLM-L6-v2")
    vectors = embedder.embed(texts)
    with open_archive(home, findings) as database:
        model = fill_vectors(database, embedder, findings)
        with database.transaction() as session:
            many = needs_index(session, model)
        if many:
            start = time.perf_counter()
            make_index(database, model)
            yield f"index made in {time.perf_counter() - start:.0f} s"
        warm(archive_home(home, findings))
        asked = [
            Search(text, SearchMode.SEMANTIC, each.tolist(), model) for text, each in zip(texts, vectors, strict=True)
        ]
        measure(database, asked, "all", None)  # so that the connection has seen the index, as one has that serves
        columns = ("left", "p50 ms", "p95 ms", "p95 in SQL", f"recall@{FIRST}", "fewest hits", "exact")
        yield f"| mode, {findings:,} findings | " + " | ".join(columns) + " |"
        yield "|---|---|---|---|---|---|---|---|"
        for mode in modes:
            asked = [Search(text, mode, vector.tolist(), model) for text, vector in zip(texts, vectors, strict=True)]
            for share, where in filters(findings).items():
                yield measure(database, asked, share, where).line()
        yield measure_embedding(database, embedder, model, texts)


def measure_embedding(database: Database, embedder: Embedder, model: int, texts: Sequence[str]) -> str:
    """Time SEMANTIC with embedding the text."""
    took_ms: list[float] = []
    for text in texts:
        with database.transaction() as session:
            session.connection()
            start = time.perf_counter()
            asked = Search(text, SearchMode.SEMANTIC, embedder.embed([text])[0].tolist(), model)
            search_page(session, asked, PageRequest(FIRST))
            took_ms.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(took_ms, [50, 95])
    return f"| semantic, with embedding | all | {p50:.1f} | {p95:.1f} | | | | |"


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True, help="Where the archives are, or are made.")
@click.option("--findings", type=int, multiple=True, default=(8000, 1_000_000), show_default=True)
@click.option("--mode", type=click.Choice([mode.value for mode in SearchMode]), multiple=True)
@click.option("--labelled", is_flag=True, help="Ask the queries of the labelled set.")
def main(home: Path, findings: Sequence[int], mode: Sequence[str], labelled: bool) -> None:
    """Print a table for every archive."""
    texts = queries(labelled=labelled)
    for each in findings:
        for line in measure_archive(home, each, texts, [SearchMode(name) for name in mode] or list(SearchMode)):
            click.echo(line)


if __name__ == "__main__":
    main()
