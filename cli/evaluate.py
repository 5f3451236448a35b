"""Scoring predictions: evaluate."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from cli.output import console, counted, errors, json_option, print_json, progress
from compute.evaluation.comparison import compare as compare_results
from compute.evaluation.report.page import extremes, write_comparison, write_report
from compute.evaluation.settings import RANKS, SETTINGS, EvaluatorSettings, settings_named
from compute.jobs.selection import scans_of_cohort
from ingest.predictions.pictures import draw_findings
from ingest.predictions.running import EvaluationOptions, Source, evaluate_predictions, plan_evaluation, read_result
from ingest.predictions.spacing import Spacings, read_spacing_table
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.errors import SourceError
from schema.settings import load_settings

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--dataset_json", "--dataset-json", "dataset", type=_FILE, help="The dataset's JSON file.")
@click.option("--gt_dir", "--gt-dir", "truths", type=_FOLDER, help="The folder of masks.")
@click.option("--pred_dir", "--pred-dir", "predictions", type=_FOLDER, help="The folder of predictions.")
@click.option("--release", help="Score against this release of the database, instead of --dataset_json and --gt_dir.")
@click.option("--output_json", "--output-json", "output", type=_FILE, help="Where the result goes.")
@click.option("--split", default="test", show_default=True, help="Which split of the JSON file.")
@click.option("--cohort", help="Only the scans of this cohort of the database.")
@click.option(
    "--settings",
    "settings_name",
    type=click.Choice(list(SETTINGS)),
    default="groundct",
    show_default=True,
    help="rexrank equals the published script, its oddities included.",
)
@click.option("--global_only", "--global-only", is_flag=True, help="Only Dice and hits of whole findings.")
@click.option("--min_size", "--min-size", type=click.IntRange(0), help="Voxels of a predicted instance.  [default: 10]")
@click.option(
    "--cc_connectivity",
    "--cc-connectivity",
    type=click.Choice(["1", "2", "3"]),
    help="Neighbourhood of 6, 18 or 26 voxels.  [default: 2]",
)
@click.option(
    "--policy",
    type=click.Choice(["exhaustive", "labelled_only"]),
    help="How to judge predictions where a mask is partial; without it precision is not told there.",
)
@click.option("--volumes", type=_FOLDER, help="The CTs, for millimetres.  [default: volumes/ beside the JSON file]")
@click.option("--metadata", type=_FILE, help="A CSV with VolumeName, XYSpacing, ZSpacing, where CTs are not at hand.")
@click.option(
    "--num_workers",
    "--num-workers",
    "workers",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="cores",
)
@click.option("--report", type=_FOLDER, help="Write report.html with tables, curves and pictures into this folder.")
@click.option(
    "--compare", nargs=2, type=_FILE, help="Compare two results instead: what the second has above the first."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be scored.")
@click.option("--force", is_flag=True, help="Score again what is scored.")
@json_option
def evaluate(
    dataset: Path | None,
    truths: Path | None,
    predictions: Path | None,
    release: str | None,
    output: Path | None,
    split: str,
    cohort: str | None,
    settings_name: str,
    global_only: bool,
    min_size: int | None,
    cc_connectivity: str | None,
    policy: str | None,
    volumes: Path | None,
    metadata: Path | None,
    workers: int,
    report: Path | None,
    compare: tuple[Path, Path] | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Score predictions against masks: Dice, hits, instances, distances.

    Masks and predictions are files (finding, i, j, k) under the same names. Nothing is scored twice: run the same
    command again to go on, or after some predictions have changed. Ends with 1 where a case could not be scored as it
    should.
    """
    if compare is not None:
        _compare(*compare, report, as_json=as_json)
        return
    if predictions is None or output is None:
        raise click.UsageError("give --pred_dir and --output_json, or --compare A.json B.json")
    if policy is not None and settings_name == "rexrank":
        raise click.UsageError("--policy does not go with --settings rexrank, which takes every mask as exhaustive")
    settings = _settings(settings_name, global_only, min_size, cc_connectivity, policy)
    options = EvaluationOptions(
        _source(dataset, truths, release, split),
        predictions,
        output,
        only=_scans(cohort),
        spacings=Spacings(volumes or _beside(dataset), read_spacing_table(metadata) if metadata else {}),
        workers=workers,
        address=load_settings().dask_address,
        again=force,
    )
    if dry_run:
        _show_plan(plan_evaluation(options), as_json=as_json)
        return
    with progress("scoring") as tell:
        result = evaluate_predictions(options, settings, tell)
    if report:
        best, worst = (draw_findings(rows, options, settings) for rows in extremes(result))
        _write_page(report / "report.html", write_report(result, best, worst))
    if as_json:
        print_json({"summary": result["summary"], "groundct": _brief(result["groundct"])})
    else:
        _show(result, output)
    raise SystemExit(1 if result["groundct"]["faults"] else 0)


def _show_plan(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    console.print(f"{counted(plan['cases'], 'case')} would be scored")
    for name in ("missing_predictions", "missing_truths", "without_mask", "unused"):
        if plan[name]:
            listed = ", ".join(plan[name][:5]) + (", ..." if len(plan[name]) > 5 else "")
            console.print(f"{name.replace('_', ' ')}: {len(plan[name])} ({listed})", soft_wrap=True)
    for fault in plan["faults"]:
        errors.print(f"{fault['file']}: {fault['message']}; {fault['remedy']}", soft_wrap=True)


def _compare(first: Path, second: Path, report: Path | None, *, as_json: bool) -> None:
    comparison = compare_results(read_result(first), read_result(second))
    if report:
        _write_page(report / "comparison.html", write_comparison(comparison, first.stem, second.stem))
    if as_json:
        print_json(comparison)
        return
    table = Table("", first.stem, second.stem, "difference", "95% interval", "p, corrected", box=None)
    for name, title in comparison["metrics"].items():
        cell = comparison["overall"]["metrics"][name]
        ends = "" if cell["low"] is None else f"{cell['low']:+.4f} to {cell['high']:+.4f}"
        told = ["-" if cell[key] is None else f"{cell[key]:.4f}" for key in ("first", "second", "difference", "p_holm")]
        table.add_row(title, *told[:3], ends, told[3])
    console.print(table)
    console.print(f"{counted(comparison['findings'], 'finding')} of both results; --json has every group")


def _write_page(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{path}: cannot be written ({error.strerror or error})") from error
    errors.print(f"{path}", soft_wrap=True)


def _source(dataset: Path | None, truths: Path | None, release: str | None, split: str) -> Source:
    if release is not None:
        settings = load_settings()
        with ready_database(settings) as database:
            return Source.of_release(database, ArrayStore(settings.arrays_url), release, split)
    if dataset is None or truths is None:
        raise click.UsageError("give --dataset_json and --gt_dir, or --release")
    return Source.of_files(dataset, truths, split)


def _beside(dataset: Path | None) -> Path | None:
    """The folder of CTs that lies beside a dataset's file."""
    beside = dataset.parent / "volumes" if dataset else None
    return beside if beside and beside.is_dir() else None


def _settings(
    name: str, global_only: bool, min_size: int | None, connectivity: str | None, policy: str | None
) -> EvaluatorSettings:
    changes: dict[str, Any] = {"global_only": global_only}
    if min_size is not None:
        changes["min_voxels"] = min_size
    if connectivity is not None:
        changes["connectivity"] = {rank: voxels for voxels, rank in RANKS.items()}[int(connectivity)]
    if policy is not None:
        changes["partial_truth"] = policy
    return replace(settings_named(name), **changes)


def _scans(cohort: str | None) -> frozenset[str] | None:
    if cohort is None:
        return None
    with ready_database(load_settings()) as database:
        return scans_of_cohort(database, cohort)


def _brief(ours: dict[str, Any]) -> dict[str, Any]:
    """What is ours, without a row for every case."""
    return {name: value for name, value in ours.items() if name != "inputs"}


def _show(result: dict[str, Any], output: Path) -> None:
    ours, summary = result["groundct"], result["summary"]
    for fault in ours["faults"]:
        errors.print(f"{fault['file']}: {fault['message']}; {fault['remedy']}", soft_wrap=True)
    for one in ours["suspicions"]:
        errors.print(
            f"{one['file']}: fits far better with {one['arrangement']} (Dice {one['dice']:.2f} against "
            f"{one['stored_dice']:.2f} as stored); look at it, it was scored as stored",
            soft_wrap=True,
        )
    if ours["unused"]:
        errors.print(f"{counted(len(ours['unused']), 'file')} of no case: {', '.join(ours['unused'][:5])}")
    table = Table(box=None, show_header=False)
    for name, value in _figures(summary):
        table.add_row(name, value)
    console.print(table)
    settings = ours["settings"]
    console.print(f"{output}: settings {settings['name']} {settings['version']}, split {ours['dataset']['split']}")


def _figures(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures that people look at first; those of instances where there are any."""
    shown = [
        ("cases, findings", f"{summary['total_cases']:,}, {summary['total_findings']:,}"),
        ("Dice, mean over findings", _number(summary["mean_global_dice_per_finding"])),
        ("hit rate (Dice >= 0.1)", _number(summary["hit_rate"])),
    ]
    shown += [
        (f"instance {name}", _number(summary[f"overall_instance_{name}"]))
        for name in ("precision", "recall", "f1")
        if f"overall_instance_{name}" in summary
    ]
    return shown


def _number(value: float | None) -> str:
    return "not told: the truth is partial (see --policy)" if value is None else f"{value:.4f}"
