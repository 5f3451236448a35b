"""The command that takes back what annotators drew: ingest round."""

import os
from dataclasses import asdict
from pathlib import Path

import click

from cli.output import console, counted, errors, json_option, print_faults, print_json, progress
from ingest.rounds.checking import SidecarRefused
from ingest.rounds.returning import ReturnOptions, ReturnReport, take_back
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.settings import load_settings

SHOWN_PROBLEMS = 50


@click.command("round")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--sidecar",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The table: scan, finding, label, annotator, status, and perhaps file.",
)
@click.option("--round", "round_name", required=True, help="The round that it belongs to.")
@click.option("--annotator", help="Who drew it; without it the column says so.")
@click.option("--as-drawn", is_flag=True, help="Take labels that look mirrored, swapped or shifted as they are.")
@click.option("--workers", type=click.IntRange(min=1), default=min(os.cpu_count() or 1, 8), show_default="cores, to 8")
@click.option("--dry-run", is_flag=True, help="Check everything, and say what would come in.")
@json_option
def round_(
    folder: Path,
    sidecar: Path,
    round_name: str,
    annotator: str | None,
    as_drawn: bool,
    workers: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take back the files of labels in DIR that a round handed out, or that were drawn for it elsewhere.

    A sidecar that does not fit is refused whole. Running it again changes nothing that is in already.
    """
    settings = load_settings()
    options = ReturnOptions(
        folder,
        sidecar,
        round_name,
        annotator=annotator,
        as_drawn=as_drawn,
        dry_run=dry_run,
        workers=workers,
        dask_address=settings.dask_address,
    )
    with ready_database(settings) as database, progress("taking back") as tell:
        try:
            report = take_back(database, ArrayStore(settings.arrays_url), options, tell)
        except SidecarRefused as error:
            _print_refusal(error, round_name, as_json)
            raise SystemExit(1) from None
    print_json(report.to_json()) if as_json else _print_report(report)
    raise SystemExit(1 if report.imported.left_out else 0)


def _print_refusal(error: SidecarRefused, round_name: str, as_json: bool) -> None:
    if as_json:
        print_json({"round": round_name, "refused": [asdict(problem) for problem in error.problems]})
    for problem in error.problems[:SHOWN_PROBLEMS]:
        errors.print(f"refused: {problem}", soft_wrap=True, markup=False)
    if len(error.problems) > SHOWN_PROBLEMS:
        errors.print(f"and {len(error.problems) - SHOWN_PROBLEMS} more (--json lists them)")
    errors.print(f"{counted(len(error.problems), 'problem')}: nothing was taken", markup=False)


def _print_report(report: ReturnReport) -> None:
    print_faults(report.imported.all_faults)
    would = "would be " if report.dry_run else ""
    counts = ", ".join(f"{count} {would}{name.replace('_', ' ')}" for name, count in report.counts.items())
    console.print(f"round {report.round}: {counts}; {report.seconds:.1f} s", soft_wrap=True, markup=False)
