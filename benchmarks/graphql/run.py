"""The same query on the same database, asked of our server, of variants of it, and of PostGraphile, in turns.

`python -m benchmarks.graphql.run --home DIR --node PATH --node-modules DIR`; see `make bench-api`.
"""

import argparse
import json
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.graphql.archive import open_archive
from benchmarks.graphql.load import Load, put_load
from benchmarks.graphql.servers import Contender, serve_ours, serve_postgraphile, serve_variant
from schema.database import Database

CLIENTS = 16
PROMISES = {"PostGraphile": 1.5, "fields": 12.0}
"""How many times as many answers a second ours gives."""
LONGEST_P99_MS = 80.0
FLAT = 1.3
"""How many times as long a query of 100 findings may take among a million."""
NESTED = """{ scans(first: 1000) { edges { node { name
  findings { text category { code } entities { label volumeMl } }
} } } }"""
"""A thousand scans; with 2.5 findings a scan and 2 entities a finding over 10,000 objects."""
NESTED_S = 0.5


def main() -> int:
    """Measure, print, and give 1 where a promise does not hold."""
    options = _options()
    with open_archive(options.home, options.findings) as database, ExitStack() as stack:
        contenders = list(_contenders(options, database, stack))
        rounds = [[_ask(each, options.seconds) for each in contenders] for _ in range(options.rounds)]
        nested_s = min(put_load(contenders[0].port, "/graphql", {"query": NESTED}, clients=1, seconds=5).took_ms) / 1000
    small_ms = _alone_ms(options, options.findings)
    large_ms = _alone_ms(options, options.large) if options.large else None
    found = _summary(contenders, rounds, nested_s, small_ms, large_ms)
    print("\n".join(found["lines"]))  # noqa: T201
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return int(not all(found["holds"].values()))


def _contenders(options: argparse.Namespace, database: Database, stack: ExitStack) -> Iterator[Contender]:
    home = options.home / f"findings-{options.findings}"
    yield stack.enter_context(serve_ours(home))
    for variant in ("no-log", "no-role", "no-limits", "fields"):
        yield stack.enter_context(serve_variant(home, variant))
    if options.node is not None:
        yield stack.enter_context(serve_postgraphile(database, options.node_modules, options.node))


def _ask(contender: Contender, seconds: float) -> Load:
    body = {"query": contender.query, "variables": {"first": 100}}
    put_load(contender.port, contender.path, body, clients=CLIENTS, seconds=1)
    return put_load(contender.port, contender.path, body, clients=CLIENTS, seconds=seconds)


def _alone_ms(options: argparse.Namespace, findings: int) -> float:
    with open_archive(options.home, findings), serve_ours(options.home / f"findings-{findings}") as ours:
        body = {"query": ours.query, "variables": {"first": 100}}
        put_load(ours.port, ours.path, body, clients=1, seconds=2)
        return statistics.median(put_load(ours.port, ours.path, body, clients=1, seconds=options.seconds).took_ms)


def _summary(
    contenders: list[Contender], rounds: list[list[Load]], nested_s: float, small_ms: float, large_ms: float | None
) -> dict[str, Any]:
    lines, holds = [f"{CLIENTS} clients, 100 findings with scan, category and entities each:"], {}
    for n, contender in enumerate(contenders):
        loads = [each[n] for each in rounds]
        rate = statistics.median(load.a_second for load in loads)
        p50, p99 = (statistics.median(load.percentile_ms(p) for load in loads) for p in (50, 99))
        ratio = statistics.median(each[0].a_second / each[n].a_second for each in rounds)
        took = f"p50 {p50:6.1f} ms, p99 {p99:6.1f} ms"
        lines.append(f"  {contender.name:13} {rate:7.0f} a second, {took}, ours {ratio:5.2f} x")
        if contender.name in PROMISES:
            holds[f"{PROMISES[contender.name]} x {contender.name}"] = ratio >= PROMISES[contender.name]
        if n == 0:
            holds[f"p99 under {LONGEST_P99_MS} ms"] = p99 < LONGEST_P99_MS
    lines.append(f"over 10,000 nested objects in one answer: {nested_s:.2f} s")
    holds[f"nested under {NESTED_S} s"] = nested_s < NESTED_S
    lines.append(f"one client: {small_ms:.2f} ms")
    if large_ms is not None:
        lines.append(f"one client, in the large archive: {large_ms:.2f} ms, {large_ms / small_ms:.2f} x")
        holds[f"large within {FLAT} x"] = large_ms / small_ms <= FLAT
    lines += [f"{'holds' if kept else 'DOES NOT HOLD'}: {promise}" for promise, kept in holds.items()]
    return {"lines": lines, "holds": holds}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="where the archives are, or are made")
    parser.add_argument("--findings", type=int, default=8000)
    parser.add_argument("--large", type=int, default=0, help="findings of a larger archive, 1000000 for the promise")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--node", type=Path, help="Node.js 22 or newer, for PostGraphile")
    parser.add_argument("--node-modules", type=Path, help="the folder that `npm install` ran in")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
