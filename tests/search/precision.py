"""Scores search over real reports: how many of the first five findings are of the category of the one that is asked.

    python -m tests.search.precision --reports validation_reports.csv.gz

Reads the reports by rules into an archive of its own, makes a finding of everything that is seen in lungs and pleura,
once however often it is said, and asks for other findings by the text of each of some. The categories are those that
the rules gave, which no person checked and which look at terms and at the model too: the figures tell modes apart, not
how good they are for a radiologist. Takes a few minutes.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np

from compute.embedder.embedder import Embedder, open_embedder
from compute.jobs.embedding import embed_missing
from migrations.ready import ready_database
from schema.database import Database, Role
from schema.queries.pages import PageRequest
from schema.queries.search import Search, SearchMode, get_model, search_page
from schema.settings import Settings

DEPTH = 5
MODEL = "all-MiniLM-L6-v2"
MAKE_FINDINGS = (
    "INSERT INTO scan (id, collection_id, study_id, name, shape_vox) "
    "SELECT md5('s' || name)::uuid, collection_id, id, name || '_1', '{512,512,300}' FROM study",
    "CREATE TEMP TABLE said AS "
    "SELECT DISTINCT ON (o.phrase) o.phrase, o.category_code AS code, md5('s' || s.name)::uuid AS scan "
    "FROM reading r JOIN observation o ON o.reading_id = r.id JOIN report p ON p.id = r.report_id "
    "JOIN study s ON s.id = p.study_id WHERE r.is_latest AND o.present AND o.category_code ~ '^(1[a-f]|2[a-h])$' "
    "ORDER BY o.phrase, s.name",
    "INSERT INTO finding (id, scan_id, source_index) "
    "SELECT md5('f' || phrase)::uuid, scan, row_number() OVER (PARTITION BY scan ORDER BY phrase) - 1 FROM said",
    "INSERT INTO finding_revision (id, finding_id, revision, is_latest, text, category_code, present, source) "
    "SELECT md5('r' || phrase)::uuid, md5('f' || phrase)::uuid, 1, true, phrase, code, true, 'import' FROM said",
    "ANALYZE",
)
FINDINGS = 'SELECT finding_id, text, category_code FROM finding_revision ORDER BY text COLLATE "C"'


@contextmanager
def _archive(reports: Path, embedder: Embedder) -> Iterator[Database]:
    groundct = str(Path(sys.executable).with_name("groundct"))
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "GROUNDCT_HOME": folder}
        for arguments in (["ingest", "reports", str(reports), "--translated"], ["reports", "process"]):
            subprocess.run([groundct, *arguments], env=environment, check=True, stdout=sys.stderr)
        with ready_database(Settings(home=Path(folder))) as database:
            with database.transaction(Role.OWNER) as session:
                for statement in MAKE_FINDINGS:
                    session.connection().exec_driver_sql(statement)
            embed_missing(database, embedder)
            yield database


def _line(database: Database, embedder: Embedder, mode: SearchMode, asked: Sequence[Any], codes: Any) -> str:
    """Give the mean share of the first findings, without the asked one, that are of its category, and times."""
    alike, took_ms = 0, []
    for each in asked:
        with database.transaction() as session:
            model = get_model(session, embedder.name, embedder.version)
            vector = embedder.embed([each.text])[0].tolist()
            start = time.perf_counter()
            search = Search(each.text, mode, vector, model, besides=each.finding_id)
            hits = search_page(session, search, PageRequest(DEPTH)).hits
            took_ms.append(1000 * (time.perf_counter() - start))
        alike += sum(codes[hit.finding_id] == each.category_code for hit in hits)
    p50, p95 = np.percentile(took_ms, [50, 95])
    return f"{mode.name:10}{alike / (DEPTH * len(asked)):8.3f}{p50:8.1f}{p95:8.1f}"


@click.command()
@click.option("--reports", type=click.Path(exists=True, path_type=Path), required=True, help="As of `ingest reports`.")
@click.option("--queries", default=1200, show_default=True, help="Findings that are asked for.")
def main(reports: Path, queries: int) -> None:
    """Print precision@5 of each mode, and the median and 95th percentile of the milliseconds."""
    embedder = open_embedder(MODEL)
    with _archive(reports, embedder) as database:
        with database.transaction() as session:
            found = session.connection().exec_driver_sql(FINDINGS).all()
        codes = {row.finding_id: row.category_code for row in found}
        asked = random.Random(5).sample(found, min(queries, len(found)))  # noqa: S311 - a fixed sample
        click.echo(f"{len(found):,} findings, {len(asked):,} asked for")
        for mode in SearchMode:
            click.echo(_line(database, embedder, mode, asked, codes))


if __name__ == "__main__":
    main()
