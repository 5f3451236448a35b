"""How PostgreSQL plans every root and filter at a million findings: `python -m benchmarks.graphql.plans --home DIR`.

Prints the time of each query, and which large tables are read from end to end. A filter that most rows meet is
rightly answered by reading on; one that few meet must not be.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from api.graphql.compiler.plans import Plan
from api.graphql.execution import answer_query
from api.services import Services
from benchmarks.graphql.archive import open_archive
from schema.arrays.store import ArrayStore

LARGE = 100_000
"""Rows from which a table counts as large."""
NODES = "edges { node { id } }"
SCANS = [
    'names: ["bench_77_a_1"]',
    'patient: "bench_77"',
    'study: "bench_77_a"',
    'release: {name: "all", split: "val"}',
    "hasVolume: false",
    "hidden: true",
    'metadata: {manufacturer: "Philips", patientAgeYears: {min: 79}}',
    'finding: {text: "cyst hilum", category: "2d"}',
    "findingCount: {min: 4}",
    'and: [{finding: {text: "cyst"}}, {finding: {text: "bronchiectasis"}}]',
]
FINDINGS = [
    'scans: ["bench_77_a_1"]',
    'scan: {patient: "bench_77"}',
    'text: "cyst hilum"',
    'text: "nothing of this kind"',
    'category: "2d"',
    'categoryUnder: "2"',
    "focality: FOCAL",
    "present: false",
    "side: BILATERAL",
    "textSide: LEFT",
    'release: {name: "all", split: "val"}',
    'round: "first"',
    "policy: EXHAUSTIVE",
    "entityCount: {min: 3}",
    "entity: {volumeMl: {min: 1.377}}",
    "entity: {huMean: {min: 98}, side: LEFT}",
    "entity: {location: {lungBorderMm: {max: 0.6}}}",
    'or: [{text: "cyst hilum"}, {category: "1a"}]',
]
ENTITIES = [
    "volumeMl: {min: 1.377}",
    "volumeMl: {min: 5}",
    "maxDiameterMm: {min: 100}",
    "longAxisMm: {min: 100}",
    "huMean: {max: -700}",
    "side: MIDLINE",
    'location: {lobe: "left upper lobe"}',
    "location: {lungBorderMm: {max: 0.6}}",
    "location: {relativePosition: {min: [0, 0, 0], max: [0.01, 0.01, 0.01]}}",
    "boxLpsMm: {min: [-104, -4, -50], max: [-103, -3, -49]}",
    "boxLpsMm: {min: [900, 900, 900], max: [901, 901, 901]}",
    "near: {pointLpsMm: [-104, -4, -50], withinMm: 2}",
    'nearEntity: {entity: {side: LEFT}, withinMm: 5}, finding: {scans: ["bench_77_a_1"]}',
    'finding: {text: "cyst hilum"}',
    'round: "first"',
]
OTHERS = [
    'scan(name: "bench_77_a_1") { id findings { id entities { id } } }',
    'categories(ontology: "rexgroundingct") { code findingCount }',
    f"categories {{ code findings(first: 3) {{ {NODES} }} }}",
    f'round(name: "first") {{ findings(first: 50) {{ {NODES} }} annotations(first: 50) {{ {NODES} }} }}',
    f'release(name: "all") {{ scans(first: 50) {{ {NODES} }} splits {{ scanCount }} }}',
    f"findings(first: 50, orderBy: [{{by: TEXT}}]) {{ {NODES} }}",
    f"entities(first: 50, orderBy: [{{by: VOLUME_ML, descending: true}}]) {{ {NODES} }}",
    "findings { totalCount facet(by: CATEGORY_CODE) { value count } }",
    "entities { totalCount }",
]


def queries() -> Iterator[str]:
    """Give every root by itself, and under every filter."""
    for root, filters in (("scans", SCANS), ("findings", FINDINGS), ("entities", ENTITIES)):
        yield f"{{ {root}(first: 50) {{ {NODES} }} }}"
        for each in filters:
            yield f"{{ {root}(first: 50, where: {{{each}}}) {{ {NODES} }} }}"
    yield from (f"{{ {each} }}" for each in OTHERS)


def main() -> None:
    """Print one line a query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where the archive is, or is made")
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="queries that hold this text")
    options = parser.parse_args()
    with open_archive(options.home, options.findings) as database:
        services = Services(database, ArrayStore(str(options.home / "arrays")))
        with database.readers().connection() as connection:
            large = _large_tables(connection)
        for query in queries():
            if options.only in query:
                print(_line(services, query, large), flush=True)  # noqa: T201


def _line(services: Services, query: str, large: set[str]) -> str:
    answer_query(services, query)
    start = time.perf_counter()
    answer_query(services, query)
    took_ms = (time.perf_counter() - start) * 1000
    document = services.documents.find((query, None))
    plan = document.plan(document.coerced({})) if document else None  # type: ignore[arg-type]
    if not isinstance(plan, Plan):
        return f"{took_ms:9.1f} ms  NOT COMPILED  {query}"
    with services.database.readers().connection() as connection, psycopg.RawCursor(connection) as cursor:
        asked = f"EXPLAIN (FORMAT JSON) {plan.statement.text}".encode()
        cursor.execute(asked, list(plan.statement.values({}).values()))
        (explained,) = cursor.fetchone() or ([],)
    read = sorted({table for table in _read_whole(explained) if table in large})
    return f"{took_ms:9.1f} ms  {query}" + (f"\n              reads all of {', '.join(read)}" if read else "")


def _large_tables(connection: "psycopg.Connection[Any]") -> set[str]:
    found = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", [LARGE])
    return {name for (name,) in found}


def _read_whole(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _read_whole(each)
    elif isinstance(node, dict):
        if node.get("Node Type") == "Seq Scan":
            yield node["Relation Name"]
        for each in node.values():
            if isinstance(each, dict | list):
                yield from _read_whole(each)


if __name__ == "__main__":
    main()
