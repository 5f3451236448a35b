"""Commands that import: ingest rexgroundingct, ingest metadata; and the group that takes others."""

import os
from pathlib import Path

import click

from cli.organs import organs
from cli.output import console, counted, errors, file_size, json_option, print_faults, print_json, progress
from cli.policy import PolicyType
from cli.reasoning import reasoning
from cli.report_files import extracted, reports
from cli.returning import round_
from cli.review import reviews
from cli.search import embed_new
from compute.embedder.embedder import open_embedder
from ingest.metadata import import_metadata
from ingest.options import ImportOptions
from ingest.planning import ImportPlan, plan_import
from ingest.report import ImportReport
from ingest.rexgroundingct import import_dataset
from migrations.ready import ready_database
from schema.annotation import AnnotationPolicy
from schema.arrays.store import ArrayStore
from schema.import_run import Severity
from schema.scan import VolumeStorage
from schema.settings import Settings, load_settings

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group()
def ingest() -> None:
    """Import datasets and their tables."""


ingest.add_command(organs)
ingest.add_command(reviews)
ingest.add_command(reasoning)
ingest.add_command(reports)
ingest.add_command(extracted)
ingest.add_command(round_)


@ingest.command()
@click.argument("dataset", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--round", "round_name", required=True, help="Name of the annotation round that this is.")
@click.option("--release", help="Name of the published release that this file is; it gives scans their splits.")
@click.option("--masks", type=_FOLDER, help="Folder of masks.  [default: segmentations beside DATASET]")
@click.option("--volumes", type=_FOLDER, help="Folder of volumes, flat or as CT-RATE's.  [default: volumes beside it]")
@click.option("--hide", multiple=True, metavar="SPLIT", help="Keep the annotations of a split from the API's role.")
@click.option("--policy", type=PolicyType(), help="exhaustive, 'at_most N' or unknown.  [default: by protocol]")
@click.option("--volumes-as", type=click.Choice(["copy", "reference"]), default="copy", show_default=True)
@click.option("--terms", help="Terms of use of the volumes.")
@click.option("--collection", default="ct-rate", show_default=True)
@click.option(
    "--workers", type=click.IntRange(min=1), default=min(os.cpu_count() or 1, 8), show_default="cores, up to 8"
)
@click.option("--dry-run", is_flag=True, help="Say what would come in, what it needs, and what is missing.")
@click.option(
    "--missing", type=click.Path(path_type=Path, dir_okay=False), help="Write missing volumes as CT-RATE paths."
)
@click.option("--embed/--no-embed", default=True, show_default=True, help="Embed new findings for search.")
@json_option
def rexgroundingct(
    dataset: Path,
    round_name: str,
    release: str | None,
    masks: Path | None,
    volumes: Path | None,
    hide: tuple[str, ...],
    policy: AnnotationPolicy | None,
    volumes_as: str,
    terms: str | None,
    collection: str,
    workers: int,
    dry_run: bool,
    missing: Path | None,
    embed: bool,
    as_json: bool,
) -> None:
    """Import a dataset in the ReXGroundingCT layout: DATASET is its dataset.json.

    Running it again completes an interrupted import and changes nothing that is complete.
    """
    if hide and not release:
        raise click.UsageError("--hide needs --release NAME: a split is hidden as a part of a release")
    settings = load_settings()
    options = ImportOptions(
        dataset=dataset,
        round=round_name,
        masks=masks,
        volumes=volumes,
        release=release,
        hide=frozenset(hide),
        policy=policy,
        volumes_as=VolumeStorage(volumes_as),
        terms=terms,
        collection=collection,
        workers=workers,
        dask_address=settings.dask_address,
    )
    if missing or dry_run:
        plan = plan_import(options, Path(settings.arrays_url))
        if missing:
            missing.write_text("".join(f"{path}\n" for path in plan.missing_volumes), encoding="utf-8")
        if dry_run:
            _print_plan(plan, as_json)
            raise SystemExit(1 if plan.left_out or plan.missing_masks else 0)
    report = run_import(settings, options, embed=embed)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)
    raise SystemExit(1 if report.left_out else 0)


def run_import(settings: Settings, options: ImportOptions, *, embed: bool = True) -> ImportReport:
    """Import, then embed what is new, with progress on stderr."""
    with ready_database(settings) as database:
        with progress("importing") as tell:
            report = import_dataset(database, ArrayStore(settings.arrays_url), options, tell)
        if embed:
            report.embedded = embed_new(database, open_embedder(settings.embedding_model))
    return report


def _print_plan(plan: ImportPlan, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_json())
        return
    console.print(f"{counted(plan.scans, 'scan')} to import, {plan.left_out} cannot be")
    console.print(f"up to {file_size(plan.bytes_needed)} needed, {file_size(plan.bytes_free)} free")
    console.print(
        f"missing: {counted(len(plan.missing_volumes), 'volume')}, {counted(len(plan.missing_masks), 'mask')}"
    )
    for one in plan.faults:
        errors.print(f"{one.severity}: {one.kind}: {one.scan}: {one.message}", soft_wrap=True)


def print_report(report: ImportReport) -> None:
    """Print what came in and what was wrong, one line a fault."""
    document = report.to_json()
    print_faults(report.all_faults)
    scans, findings, entities = document["scans"], document["findings"], document["entities"]
    console.print(
        f"round {report.round}: scans {scans['new']} new, {scans['unchanged']} unchanged, {scans['left_out']} left out;"
        f" findings {findings['new']} new, {findings['unchanged']} unchanged;"
        f" entities {entities['new']} new, {entities['unchanged']} unchanged; {report.seconds:.1f} s",
        soft_wrap=True,
    )
    if report.digest:
        console.print(f"release {report.release}: digest {report.digest}", soft_wrap=True)


@ingest.command()
@click.argument("table", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--collection", default="ct-rate", show_default=True)
@json_option
def metadata(table: Path, collection: str, as_json: bool) -> None:
    """Import CT-RATE's metadata CSV or its abnormality labels: which TABLE is, its columns tell."""
    with ready_database(load_settings()) as database:
        report = import_metadata(database, table, collection)
    if as_json:
        print_json(report.to_json())
    else:
        print_faults(report.faults)
        console.print(
            f"{report.table}: {counted(report.rows, 'row')}, {report.matched} matched, "
            f"{report.unknown} about scans that are not here"
        )
    raise SystemExit(1 if any(one.severity is Severity.LEFT_OUT for one in report.faults) else 0)
