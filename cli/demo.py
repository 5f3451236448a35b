"""The demo: a phantom dataset through the whole path, and what can be asked of it."""

import json
import time
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from api.graphql.execution import execute_query
from api.services import Services
from cli.ingest import print_report, run_import
from cli.output import console, counted, progress
from cli.search import ask, print_results, read_page
from cli.show import draw_scan
from compute.jobs.geometry import compute_geometry
from ingest.metadata import import_metadata
from ingest.options import ImportOptions
from ingest.phantoms import (
    ABNORMALITIES_NAME,
    EXPECTED_NAME,
    JSON_NAME,
    METADATA_NAME,
    REPORTS_NAME,
    SCANS,
    SECOND_JSON_NAME,
    SECOND_MASKS,
    make_dataset,
)
from ingest.report import ImportReport
from ingest.reports.files import ReportDefaults
from ingest.reports.importing import ReportOptions, import_reports
from migrations.ready import ready_database
from schema.queries.filters import FindingFilter
from schema.queries.pages import PageRequest
from schema.queries.search import SearchMode
from schema.settings import Settings, load_settings

_SEARCH = "cloudy area on the left"
_QUERY = """{
  findings(first: 1, where: {categoryUnder: "2d", side: LEFT}, asOf: "phantom-base") {
    totalCount
    edges { node {
      text category { code name } side scan { name spacingMm }
      sentences { section startChar endChar text }
      annotations { policy { kind limit } }
      entities { label volumeMl centroidLpsMm side huMean }
    } }
  }
}"""


@click.command()
@click.option(
    "--scans", type=click.IntRange(1), default=SCANS, show_default=True, help="Clean scans; the faulty come on top."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def demo(scans: int, seed: int) -> None:
    """Make a phantom dataset in HOME/demo, import it, compute, embed, and show what can be asked.

    A second run finds everything in place.
    """
    start = time.perf_counter()
    settings = load_settings()
    folder = settings.home / "demo"
    made = _make(folder, scans, seed)
    console.print(f"[bold]1. A phantom dataset[/bold] in {folder}: {made}", soft_wrap=True)
    collection = "phantom" if seed == 0 else f"phantom-{seed}"
    report = _import(settings, folder, collection)
    _show_faults(folder, report)
    with ready_database(settings) as database:
        services = Services.of_settings(database, settings)
        _import_reports(services, folder, collection)
        _compute(services, folder, collection)
        _show_findings(services)
        console.print(f"\n[bold]5. Search[/bold] groundct search {_SEARCH!r}")
        with database.transaction() as session:
            asked = ask(session, _SEARCH, SearchMode.HYBRID, services.vectors.embedder)
            print_results(read_page(session, asked, PageRequest(5), FindingFilter())["results"])
        console.print("\n[bold]6. GraphQL[/bold] groundct query '...'")
        click.echo(_QUERY)
        click.echo(json.dumps(execute_query(services, _QUERY, {}), indent=1))
        _show_picture(services, folder)
    console.print(f"\nDone in {time.perf_counter() - start:.0f} s. Ask more: groundct search, groundct query, or")
    console.print("[bold]groundct serve[/bold], and open the address that it prints.")


def _make(folder: Path, scans: int, seed: int) -> str:
    marker = folder / "made.json"
    wanted = {"scans": scans, "seed": seed}
    if marker.exists() and json.loads(marker.read_text()) == wanted:
        return "there already"
    marker.unlink(missing_ok=True)
    with progress("making phantoms") as tell:
        names: list[str] = []

        def on_scan(name: str) -> None:
            names.append(name)
            tell(len(names), max(len(names), scans))

        folder.mkdir(parents=True, exist_ok=True)
        make_dataset(folder, scans=scans, seed=seed, on_scan=on_scan)
    marker.write_text(json.dumps(wanted))
    return f"{counted(len(names), 'scan')} made"


def _import(settings: Settings, folder: Path, collection: str) -> ImportReport:
    console.print(f"\n[bold]2. Import[/bold] groundct ingest rexgroundingct {JSON_NAME} --hide test ...")
    options = ImportOptions(
        folder / JSON_NAME,
        round=f"{collection}-round-1",
        release=f"{collection}-base",
        hide=frozenset({"test"}),
        collection=collection,
    )
    report = run_import(settings, options)
    print_report(report)
    console.print(f"\n   and a second release that shares its scans: {SECOND_JSON_NAME}")
    second = ImportOptions(
        folder / SECOND_JSON_NAME,
        round=f"{collection}-round-2",
        release=f"{collection}-challenge",
        masks=folder / SECOND_MASKS,
        hide=frozenset({"test"}),
        collection=collection,
    )
    print_report(run_import(settings, second))
    return report


def _import_reports(services: Services, folder: Path, collection: str) -> None:
    options = ReportOptions(folder / REPORTS_NAME, collection, ReportDefaults("en", machine_translated=True))
    told = import_reports(services.database, options)
    links = told.links if told.sentences else None
    said = f", findings with a sentence: {links.linked} of {links.findings}" if links else ", there already"
    console.print(f"\n   and the reports: {counted(told.sentences, 'new sentence')}{said}")


def _show_faults(folder: Path, report: ImportReport) -> None:
    planted = {
        (one["kind"], one["scan"].removesuffix(".nii.gz"), one["finding"])
        for one in json.loads((folder / EXPECTED_NAME).read_text())["faults"]
    }
    reported = {(str(one.kind), one.scan or "", one.finding) for one in report.all_faults}
    found, others = len(planted & reported), len(reported - planted)
    console.print(
        f"\n[bold]3. Faults[/bold] {len(planted)} were planted: {found} reported, {len(planted) - found} missed, "
        f"{others} beside them"
    )


def _compute(services: Services, folder: Path, collection: str) -> None:
    for table in (METADATA_NAME, ABNORMALITIES_NAME):
        import_metadata(services.database, folder / table, collection)
    with progress("measuring") as tell:
        done = compute_geometry(services.database, services.arrays, progress=tell)
    left = f"{done.computed} still to measure after the import"
    console.print(f"\n[bold]4. Geometry[/bold] {counted(done.entities, 'entity')}, {left}")


def _show_findings(services: Services) -> None:
    query = """{ findings(first: 8, asOf: "phantom-base", where: {entityCount: {min: 1}}) { edges { node {
      text side category { code } scan { name } annotations { policy { kind limit } } entities { volumeMl huMean }
    } } } }"""
    table = Table("scan", "category", "side", "entities", "ml", "HU", "policy", "text", box=None, pad_edge=False)
    for node in _nodes(execute_query(services, query, {})):
        entities = node["entities"]
        policy = node["annotations"][0]["policy"] if node["annotations"] else {"kind": "-", "limit": None}
        table.add_row(
            node["scan"]["name"],
            node["category"]["code"] if node["category"] else "-",
            node["side"] or "-",
            str(len(entities)),
            f"{sum(one['volumeMl'] or 0 for one in entities):.2f}",
            ", ".join("-" if one["huMean"] is None else f"{one['huMean']:.0f}" for one in entities[:3]),
            f"{policy['kind']} {policy['limit'] or ''}".strip(),
            node["text"],
        )
    console.print(table)


def _nodes(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [edge["node"] for edge in answer["data"]["findings"]["edges"]]


def _show_picture(services: Services, folder: Path) -> None:
    where = '{categoryUnder: "2d", entityCount: {min: 2}}'
    query = f"{{ findings(first: 1, where: {where}) {{ edges {{ node {{ scan {{ name }} }} }} }} }}"
    scan = _nodes(execute_query(services, query, {}))[0]["scan"]["name"]
    picture = folder / f"{scan}.png"
    draw_scan(services.database, services.arrays, scan, picture)
    console.print(f"\n[bold]7. A picture[/bold] groundct show {scan} --out ...: {picture}", soft_wrap=True)
