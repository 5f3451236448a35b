"""Commands about reports: process, cost, show, losses, correct."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from cli.output import console, counted, json_option, print_json, progress
from ingest.reports.corrections import correct as keep_correction
from ingest.reports.corrections import read_corrections, standing
from ingest.reports.engines import NAMES, open_engine
from ingest.reports.hosted.estimate import estimate
from ingest.reports.ledger import spending
from ingest.reports.pipeline import process as run_process
from ingest.reports.run import ProcessReport
from ingest.reports.stages import Stage
from ingest.reports.work import Work
from migrations.ready import ready_database
from schema.queries.readings import latest_readings, waiting
from schema.report import EngineName
from schema.settings import load_settings

engine_option = click.option(
    "--engine", type=click.Choice([str(name) for name in NAMES]), default=str(NAMES[0]), show_default=True
)


@click.group()
def reports() -> None:
    """Read reports: sentences into regions, observations, descriptors and categories."""


@reports.command()
@engine_option
@click.option(
    "--stage",
    type=click.Choice([*map(str, Stage), "all"]),
    default="all",
    show_default=True,
    help="End after this stage; only `all` writes readings.",
)
@click.option("--limit", type=click.IntRange(1), help="Read so many reports at most, and no findings.")
@click.option("--study", metavar="NAME", help="Only the reports and findings of this study.")
@click.option("--budget", type=click.FloatRange(0), metavar="USD", help="End before this run costs more.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it may cost, and ask nothing.")
@click.option("--workers", type=click.IntRange(1, 64), help="Requests at a time.  [default: GROUNDCT_LLM_PARALLEL]")
@json_option
def process(
    engine: str,
    stage: str,
    limit: int | None,
    study: str | None,
    budget: float | None,
    dry_run: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Read the reports that this engine has not read yet, and the words of findings.

    Every answer is kept, so a run that ends anywhere goes on from there, and a second run asks nothing.
    """
    settings, work = load_settings(), Work(None if stage == "all" else Stage(stage), study, limit)
    budget_usd = None if budget is None else Decimal(str(budget))
    with ready_database(settings) as database:
        opened = open_engine(EngineName(engine), settings, database, parallel=workers, budget_usd=budget_usd)
        if dry_run:
            ahead = estimate(database, opened, work)
            print_json(ahead) if as_json else _print_estimate(ahead)
            return
        with progress("reading reports") as tell:
            report = run_process(database, opened, work, tell)
    _end(report, as_json)


def _end(report: ProcessReport, as_json: bool) -> None:
    print_json(report.to_json()) if as_json else _print_report(report)
    if report.stopped:
        click.echo(f"stopped: {report.stopped}", err=True)
    raise SystemExit(0 if report.complete else 1)


def _print_estimate(ahead: dict[str, Any]) -> None:
    console.print(f"{counted(ahead['reports'], 'report')} to read by {ahead['model'] or ahead['engine']}")
    for stage, each in ahead["stages"].items():
        tokens = f"about {each['tokens_in']:,} tokens in, {each['tokens_out']:,} out"
        console.print(f"{stage}: {counted(each['calls'], 'request')}, {tokens}")
    known = ahead["cost_usd"] is not None
    console.print(f"about {ahead['cost_usd']} USD" if known else f"the price of {ahead['model']} is unknown")


def _print_report(report: ProcessReport) -> None:
    facts = report.to_json()
    read, told = facts["reports"], facts["sentences"]
    console.print(
        f"reports: {read['read']} read, {read['unchanged']} unchanged, {read['failed']} failed; "
        f"sentences: {told['used']} used, {told['dropped']} dropped, {told['flagged']} flagged; "
        f"{counted(report.observations, 'observation')}; {report.seconds:.1f} s",
        soft_wrap=True,
    )
    for kind, each in facts["losses"].items():
        if each["of"]:
            console.print(f"{kind}: {each['lost']} of {each['of']} lost, {each['repaired']} repaired")
    links = report.links
    console.print(
        f"findings: {report.described} described, {report.categorised} categorised; of {links.findings} in these "
        f"reports {links.observed} observed, {links.linked} said in a sentence",
        soft_wrap=True,
    )
    if report.calls:
        console.print(f"{counted(report.calls, 'request')} to {', '.join(report.models_answered)}: {_cost(facts)}")
    for each in report.failures:
        console.print(
            f"failed: {each.get('study') or each.get('revision')}: {each['why']}", soft_wrap=True, markup=False
        )


def _cost(facts: dict[str, Any]) -> str:
    unpriced = f"{facts['unpriced_calls']} without a known price" if facts["unpriced_calls"] else ""
    return ", ".join(part for part in (facts["cost_usd"] and f"{facts['cost_usd']} USD", unpriced) if part) or "0 USD"


@reports.command()
@json_option
def cost(as_json: bool) -> None:
    """Show what requests to language models cost, by stage, prompt and model."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        rows = spending(session)
    costs = [each["cost_usd"] for each in rows if each["cost_usd"] is not None]
    total = {
        name: sum(each[name] for each in rows) for name in ("calls", "failed", "tokens_in", "tokens_out", "unpriced")
    }
    whole = {**total, "cost_usd": str(sum(costs, Decimal(0))) if costs else None}
    if as_json:
        each = [{**row, "cost_usd": None if row["cost_usd"] is None else str(row["cost_usd"])} for row in rows]
        print_json({"total": whole, "by": each})
        return
    table = Table("stage", "prompt", "model", "answered by", "calls", "failed", "tokens in", "out", "USD", box=None)
    for row in rows:
        usd = "unknown" if row["unpriced"] else str(row["cost_usd"] or "0")
        names = (row["stage"], row["prompt_version"], row["model"], row["model_answered"] or "-")
        numbers = (row[name] for name in ("calls", "failed", "tokens_in", "tokens_out"))
        table.add_row(*names, *map(str, numbers), usd)
    console.print(table if rows else "nothing was asked yet")
    if whole["unpriced"]:
        console.print(f"{counted(whole['unpriced'], 'request')} without a known price: name one in GROUNDCT_LLM_PRICES")


@reports.command()
@click.argument("study")
@click.option(
    "--stage",
    type=click.Choice([*map(str, Stage)]),
    help="Print what stands in a stage, for `reports correct`.",
)
@engine_option
@json_option
def show(study: str, stage: str | None, engine: str, as_json: bool) -> None:
    """Show the latest reading of the report of STUDY; or, with --stage, the answers of an engine to correct."""
    settings = load_settings()
    with ready_database(settings) as database, database.transaction() as session:
        if stage:
            opened = open_engine(EngineName(engine), settings, database)
            print_json([each.model_dump(mode="json") for each in standing(session, opened, study, Stage(stage))])
            return
        readings = latest_readings(session, study)
    if as_json:
        print_json([{**each, "created_at": each["created_at"].isoformat()} for each in readings])
        return
    for each in readings:
        _print_reading(each)


def _print_reading(reading: dict[str, Any]) -> None:
    console.print(f"{reading['language']}: read by {reading['engine']} ({reading['engine_version']})", markup=False)
    for each in reading["source"]:
        became = f"{each['use']} ({each['reason']})" if each["reason"] else each["use"]
        console.print(f"  {became}: {each['text']}", soft_wrap=True, markup=False)
    for each in reading["rewritten"]:
        console.print(f"{each['region']}: {each['text']}", soft_wrap=True, markup=False)
    for each in reading["observations"]:
        sign, code = "+" if each["present"] else "-", each["category_code"] or "-"
        said = [one["value"] for one in reading["descriptors"] if one["position"] == each["position"]]
        console.print(f"{sign} {code} {each['phrase']}  ({', '.join(said)})", soft_wrap=True, markup=False)
    for each in reading["losses"]:
        console.print(f"{'repaired' if each['repaired'] else 'lost'}: {each['kind']} {each['what']}", markup=False)


@reports.command()
@json_option
def losses(as_json: bool) -> None:
    """List what waits for a person: losses that asking again did not repair, and sentences left undecided."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = waiting(session)
    if as_json:
        print_json(found)
        return
    for each in found:
        line = f"{each['study']}: {each['kind']} {each['what']}"
        console.print(line if each["sentence"] in (None, each["what"]) else f"{line}: {each['sentence']}", markup=False)
    console.print(f"{counted(len(found), 'thing')} to see to" if found else "nothing waits")


@reports.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@engine_option
@json_option
def correct(file: Path, engine: str, as_json: bool) -> None:
    """Take a person's corrections: FILE is what `show --stage` printed, with other outputs.

    They stand before what any engine says, and the reports that they are about are read anew.
    """
    settings, given = load_settings(), read_corrections(file)
    with ready_database(settings) as database:
        opened = open_engine(EngineName(engine), settings, database)
        with database.transaction() as session:
            again = sorted({report for each in given for report in keep_correction(session, opened, each)})
        with progress("reading reports") as tell:
            report = run_process(database, opened, Work(again=again), tell)
    _end(report, as_json)
