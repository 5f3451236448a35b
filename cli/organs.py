"""The command that imports organ masks: ingest organs."""

import json
import os
from pathlib import Path

import click

from cli.output import console, counted, json_option, print_json, progress
from ingest.organs import OrganOptions, OrganReport, import_organs
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.organ import OrganScheme, organ_schemes
from schema.settings import load_settings


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--scheme", required=True, help="totalsegmentator-v2, lungs, or a name of your own with --labels.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help='JSON file of a scheme of your own: {"1": "lung", ...}.',
)
@click.option("--collection", default="ct-rate", show_default=True)
@click.option(
    "--workers", type=click.IntRange(min=1), default=min(os.cpu_count() or 1, 8), show_default="cores, up to 8"
)
@click.option("--dry-run", is_flag=True, help="Look at names and headers only, and say what would come in.")
@json_option
def organs(
    folder: Path,
    scheme: str,
    labels: Path | None,
    collection: str,
    workers: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import organ masks of scans that are here, as segmentation models write them below DIR.

    One file of labels a scan, named after it (CT-RATE's ts_seg, or flat, with endings such as _lungs), or a folder
    named after the scan with a file for each organ. Running it again changes nothing that is complete.
    """
    named = _scheme(scheme, labels)
    settings = load_settings()
    options = OrganOptions(
        folder, named, collection=collection, dry_run=dry_run, workers=workers, dask_address=settings.dask_address
    )
    with ready_database(settings) as database, progress("importing organs") as tell:
        report = import_organs(database, ArrayStore(settings.arrays_url), options, tell)
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)
    raise SystemExit(1 if report.left_out else 0)


def _scheme(name: str, labels: Path | None) -> OrganScheme:
    known = organ_schemes()
    if labels is None:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise click.UsageError(f"--scheme {name}: not one of {listed}; give its labels by --labels FILE.json")
        return known[name]
    if name in known:
        raise click.UsageError(f"--scheme {name} has its own labels; give yours another name")
    try:
        return OrganScheme.parse(name, json.loads(labels.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{labels}: {error}", param_hint="--labels") from error


def _print_report(report: OrganReport) -> None:
    for one in report.all_faults:
        place = f" [{one.path}]" if one.path else ""
        line = f"{one.severity}  {one.kind}  {one.scan or ''}: {one.message}; {one.remedy}{place}"
        console.print(line, soft_wrap=True, markup=False)
    document = report.to_json()
    scans = document["scans"]
    if scans["unknown"]:
        more = "..." if scans["unknown"] > len(document["unknown"]) else ""
        names = ", ".join(document["unknown"]) + more
        console.print(f"{counted(scans['unknown'], 'scan')} not here: {names}", soft_wrap=True, markup=False)
    said = "would be read" if report.dry_run else "in"
    console.print(
        f"organs {report.scheme}: scans {scans['new']} new, {scans['changed']} changed, {scans['unchanged']} unchanged,"
        f" {scans['left_out']} left out; {scans['new'] + scans['changed']} {said}; {report.seconds:.1f} s",
        soft_wrap=True,
        markup=False,
    )
