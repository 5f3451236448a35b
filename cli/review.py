"""Commands about reviews: review list, sheet, accept, reject, correct; ingest reviews."""

from pathlib import Path
from typing import Any
from uuid import UUID

import click
from rich.table import Table

from cli.output import console, counted, json_option, print_json, progress
from compute.jobs.pending import role_of
from ingest.reviews.queue import QueuedAnnotation, by_scan, review_queue
from ingest.reviews.sheets import write_sheet
from ingest.reviews.verdicts import VerdictDraft, give_verdict, ingest_verdicts
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.integrity import LABEL_AREAS
from schema.release import Visibility
from schema.review import ReviewTarget, Verdict
from schema.settings import load_settings

adjudication_option = click.option("--adjudication", is_flag=True, help="Only what an adjudicator decides.")
hidden_option = click.option("--hidden", is_flag=True, help="Those of hidden splits, as the owner.")


def _visibility(hidden: bool) -> Visibility:
    return Visibility.HIDDEN if hidden else Visibility.OPEN


@click.group()
def review() -> None:
    """What should be looked at, and verdicts on it."""


@review.command("list")
@click.option("--round", "round_name", help="Only annotations of this round.")
@click.option("--scan", help="Only this scan.")
@click.option("-n", "count", type=click.IntRange(1), default=30, show_default=True, help="How many; --json: all.")
@adjudication_option
@hidden_option
@json_option
def list_queue(
    round_name: str | None, scan: str | None, count: int, adjudication: bool, hidden: bool, as_json: bool
) -> None:
    """List what waits for a verdict and what contradicts its words, the most urgent scan first."""
    visibility = _visibility(hidden)
    with (
        ready_database(load_settings()) as database,
        database.transaction(role_of(visibility), visibility) as session,
    ):
        queue = review_queue(session, round_name=round_name, scan=scan, adjudication=adjudication)
    if as_json:
        print_json([each.to_json() for each in queue])
    else:
        _print(queue, count)


def _print(queue: list[QueuedAnnotation], count: int) -> None:
    table = Table("scan", "finding", "state", "urgency", "why", "text", "annotation", box=None, pad_edge=False)
    for each in queue[:count]:
        why = [check.name for check in each.checks]
        why += [f"readers differ by {each.disagreement:.2f}"] if each.disagreement else []
        why += ["for an adjudicator"] if each.adjudication else []
        cells = (each.scan, each.finding, each.state, f"{each.urgency:.2f}", ", ".join(why), each.text, each.id)
        table.add_row(*map(str, cells))
    console.print(table if queue else "nothing waits")
    if len(queue) > count:
        console.print(f"and {len(queue) - count} more; -n shows more of them")


@review.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A folder.")
@click.option("--round", "round_name", help="Only annotations of this round.")
@click.option("--scan", help="Only this scan.")
@click.option("--scans", type=click.IntRange(1), default=20, show_default=True, help="How many pages at most.")
@adjudication_option
@hidden_option
@json_option
def sheet(
    out: Path, round_name: str | None, scan: str | None, scans: int, adjudication: bool, hidden: bool, as_json: bool
) -> None:
    """Write a page a scan to review it in a browser.

    Keys 1 to 6 decide; what a page saves comes in by `ingest reviews`.
    """
    visibility, settings = _visibility(hidden), load_settings()
    with (
        ready_database(settings) as database,
        ArrayStore(settings.arrays_url) as store,
        database.transaction(role_of(visibility), visibility) as session,
        progress("drawing") as tell,
    ):
        queue = review_queue(session, round_name=round_name, scan=scan, adjudication=adjudication)
        pages = list(by_scan(queue))[:scans]
        paths = []
        for n, (_, queued) in enumerate(pages, 1):
            paths.append(write_sheet(session, store, queued, out, LABEL_AREAS[visibility]))
            tell(n, len(pages))
    if as_json:
        print_json([str(path) for path in paths])
    else:
        console.print(f"{counted(len(paths), 'page')} in {out}" if paths else "nothing waits", soft_wrap=True)


def _verdict_command(verdict: Verdict, text: str) -> click.Command:
    @click.argument("annotation", type=click.UUID)
    @click.option("--reviewer", required=True, help="The reviewer's pseudonym.")
    @click.option(
        "--target", type=click.Choice([each.value for each in ReviewTarget]), default="mask", show_default=True
    )
    @click.option("--entity", type=int, help="The label, where the target is an entity.")
    @click.option("--reason", help="A code of the list; a wrong one shows the list.")
    @click.option("--words", help="In your words.")
    @click.option("--correction", help="New words, a code or a side.")
    @hidden_option
    def give(annotation: UUID, hidden: bool, **said: Any) -> None:
        visibility = _visibility(hidden)
        draft = VerdictDraft(annotation, **{**said, "target": ReviewTarget(said["target"])}, verdict=verdict)
        with (
            ready_database(load_settings()) as database,
            database.transaction(role_of(visibility), visibility) as session,
        ):
            give_verdict(session, draft)
        console.print(f"{annotation}: {draft.target} {verdict}")

    return click.command(verdict.value, help=text)(give)


review.add_command(_verdict_command(Verdict.ACCEPT, "Accept ANNOTATION; it supersedes what held for its finding."))
review.add_command(_verdict_command(Verdict.REJECT, "Reject ANNOTATION, or say what of it is wrong."))
review.add_command(_verdict_command(Verdict.CORRECT, "Correct the words, category or side of ANNOTATION's finding."))


@click.command()
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@hidden_option
@json_option
def reviews(table: Path, hidden: bool, as_json: bool) -> None:
    """Take a CSV of verdicts, as a review page saves it; a row that came before changes nothing."""
    with ready_database(load_settings()) as database:
        report = ingest_verdicts(database, table, _visibility(hidden))
    if as_json:
        print_json(report.to_json())
    else:
        for problem in report.problems:
            console.print(problem, soft_wrap=True, markup=False)
        console.print(
            f"{counted(report.new, 'verdict')} new, {report.unchanged} unchanged, {len(report.problems)} not taken"
        )
    raise SystemExit(1 if report.problems else 0)
