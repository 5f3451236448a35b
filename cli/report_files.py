"""Commands that import reports: ingest reports, ingest extracted."""

import re
from pathlib import Path

import click

from cli.output import console, counted, json_option, print_faults, print_json, progress
from ingest.reports.extracted import ExtractedImport, import_extracted
from ingest.reports.files import LANGUAGE, ReportDefaults
from ingest.reports.importing import ReportOptions, ReportsReport, import_reports
from migrations.ready import ready_database
from schema.settings import load_settings


def _read_language(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(LANGUAGE, value) or value == "und":
        raise click.BadParameter(f"{value!r} is not a language's tag such as en, tr or pt-BR")
    return value


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--collection", default="ct-rate", show_default=True)
@click.option("--language", default="en", show_default=True, callback=_read_language, help="What the texts are in.")
@click.option("--translated/--original", default=None, help="Whether a machine translated them.  [default: unknown]")
@click.option("--dry-run", is_flag=True, help="Do it all, say what it was, and take it back.")
@json_option
def reports(file: Path, collection: str, language: str, translated: bool | None, dry_run: bool, as_json: bool) -> None:
    """Import reports: FILE is CT-RATE's CSV, or lines of JSON, gzipped or not.

    Sentences keep the characters that they stand in; those of an original stand beside those of its translation.
    Running it again changes nothing.
    """
    options = ReportOptions(file, collection, ReportDefaults(language, translated), dry_run)
    with ready_database(load_settings()) as database, progress("importing reports") as tell:
        report = import_reports(database, options, tell)
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)
    raise SystemExit(1 if report.left_out else 0)


def _print_report(report: ReportsReport) -> None:
    print_faults(report.faults)
    counts = ", ".join(f"{number:,} {what}" for what, number in report.reports.items() if number) or "none"
    would = "would come in: " if report.dry_run else ""
    console.print(
        f"{would}reports: {counts}; {counted(report.sentences, 'new sentence')}, {report.aligned:,} aligned;"
        f" findings with a sentence: {report.links.linked:,} of {report.links.findings:,}; {report.seconds:.1f} s",
        soft_wrap=True,
    )


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--collection", default="ct-rate", show_default=True)
@json_option
def extracted(files: tuple[Path, ...], collection: str, as_json: bool) -> None:
    """Import reports that were read elsewhere: FILES are reports_dataset.json, or what its pipeline leaves behind.

    Rewritten reports, extractions, positives and categories of one study may stand in several files: name them all.
    Running it again changes nothing.
    """
    with ready_database(load_settings()) as database, progress("importing extracted reports") as tell:
        told = import_extracted(database, files, collection, tell)
    if as_json:
        print_json(told.to_json())
    else:
        _print_extracted(told)
    raise SystemExit(1 if told.left_out else 0)


def _print_extracted(told: ExtractedImport) -> None:
    print_faults(told.faults)
    counts = ", ".join(f"{number:,} {what}" for what, number in told.studies.items() if number) or "none"
    console.print(
        f"studies: {counts}; {counted(told.observations, 'observation')};"
        f" rewritten sentences with a source: {told.linked:,} of {told.rewritten:,};"
        f" findings with an observation: {told.links.observed:,} of {told.links.findings:,}; {told.seconds:.1f} s",
        soft_wrap=True,
    )
