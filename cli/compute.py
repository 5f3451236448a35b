"""Commands that compute: compute geometry, compute checks, compute reasoning."""

import os
from collections.abc import Callable
from typing import Any

import click

from cli.output import console, errors, json_option, print_json, progress
from compute.geometry import DEFAULTS
from compute.jobs.checking import compute_checks
from compute.jobs.geometry import compute_geometry
from compute.jobs.reasoning import compute_reasoning
from compute.jobs.selection import Selection
from compute.kernels.cuda.devices import NoDevice, open_device
from compute.quantities import GeometrySettings
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.errors import SettingsError
from schema.settings import load_settings


@click.group()
def compute() -> None:
    """Compute what is derived from voxels and words."""


_SELECTED = (
    click.option("--round", "round_name", help="Only this round's annotations."),
    click.option("--release", help="Only the annotations that this release gives."),
    click.option("--cohort", help="Only the findings of this cohort."),
)
_RUN = (
    click.option(
        "--workers", type=click.IntRange(min=1), default=min(os.cpu_count() or 1, 8), show_default="cores, up to 8"
    ),
    json_option,
)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Give a command several options, in this order."""

    def decorated(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


@compute.command()
@_options(*_SELECTED)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    help="auto is the CPU in this version.  [default: GROUNDCT_DEVICE, or auto]",
)
@click.option("--shell-mm", type=click.FloatRange(0, 50, min_open=True), default=DEFAULTS.shell_mm, show_default=True)
@click.option("--entropy-bin-hu", type=click.IntRange(1, 1000), default=DEFAULTS.entropy_bin_hu, show_default=True)
@click.option("--force", is_flag=True, help="Measure again what is measured.")
@_options(*_RUN)
def geometry(
    round_name: str | None,
    release: str | None,
    cohort: str | None,
    device: str | None,
    shell_mm: float,
    entropy_bin_hu: int,
    force: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Measure the entities that have no geometry yet, or a stale one."""
    settings = load_settings()
    on_gpu = (device or settings.device) == "gpu"
    if on_gpu and settings.dask_address is None:
        _require_gpu()
    with ready_database(settings) as database, progress("measuring") as tell:
        report = compute_geometry(
            database,
            ArrayStore(settings.arrays_url),
            selection=Selection(round_name, release, cohort),
            announce=lambda link: errors.print(f"Dask's dashboard: {link}"),
            settings=GeometrySettings(shell_mm, entropy_bin_hu),
            force=force,
            on_gpu=on_gpu,
            workers=workers,
            address=settings.dask_address,
            progress=tell,
        )
    if as_json:
        print_json(report.to_json())
    else:
        for key, reason in report.failed.items():
            errors.print(f"{key}: {reason}", soft_wrap=True)
        console.print(
            f"{report.computed:,} of {report.entities:,} entities measured on the {report.device} in "
            f"{report.seconds:.1f} s, {report.located:,} places among organs, {len(report.failed)} annotations failed"
        )
    raise SystemExit(1 if report.failed else 0)


@compute.command()
@_options(*_SELECTED)
@click.option("--force", is_flag=True, help="Check again what is checked.")
@_options(*_RUN)
def checks(
    round_name: str | None, release: str | None, cohort: str | None, force: bool, workers: int, as_json: bool
) -> None:
    """Check the words of findings against their masks, where that is not done or stale."""
    report = _run("checking", compute_checks, Selection(round_name, release, cohort), force=force, workers=workers)
    if as_json:
        print_json(report.to_json())
    else:
        for name, reason in {**report.noted, **report.failed}.items():
            errors.print(f"{name}: {reason}", soft_wrap=True, markup=False)
        for name, found in report.outcomes.items():
            console.print(
                f"{name:<18} {found['contradicts']:>9,} contradict {found['holds']:>9,} hold "
                f"{found['unknown']:>9,} unknown"
            )
        console.print(
            f"{report.checked:,} of {report.annotations:,} annotations checked in {report.seconds:.1f} s, "
            f"{len(report.failed)} failed"
        )
    raise SystemExit(1 if report.failed else 0)


@compute.command()
@_options(*_SELECTED)
@click.option("--force", is_flag=True, help="Make again what is made.")
@_options(*_RUN)
def reasoning(
    round_name: str | None, release: str | None, cohort: str | None, force: bool, workers: int, as_json: bool
) -> None:
    """Make chains of thought from scan to lesion, each step held against the masks, where missing or stale."""
    report = _run("reasoning", compute_reasoning, Selection(round_name, release, cohort), force=force, workers=workers)
    if as_json:
        print_json(report.to_json())
    else:
        for name, reason in report.failed.items():
            errors.print(f"{name}: {reason}", soft_wrap=True, markup=False)
        wrong = ", ".join(f"{number:,} {level}" for level, number in report.contradictions.items() if number)
        console.print(
            f"{report.made:,} of {report.findings:,} chains made in {report.seconds:.1f} s, {report.steps:,} steps; "
            f"contradictions: {wrong or 'none'}; {len(report.failed)} failed"
        )
    raise SystemExit(1 if report.failed else 0)


def _run(what: str, job: Callable[..., Any], selection: Selection, *, force: bool, workers: int) -> Any:
    """Run a job over a selection with progress on stderr, and give its report."""
    settings = load_settings()
    with ready_database(settings) as database, progress(what) as tell:
        return job(
            database,
            ArrayStore(settings.arrays_url),
            selection=selection,
            force=force,
            workers=workers,
            address=settings.dask_address,
            progress=tell,
            announce=lambda link: errors.print(f"Dask's dashboard: {link}"),
        )


def _require_gpu() -> None:
    try:
        open_device()
    except NoDevice as error:
        raise SettingsError(f"{error} (or use --device cpu)") from error
