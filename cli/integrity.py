"""Commands that hold rows and arrays against each other: verify, gc."""

from datetime import timedelta

import click

from cli.output import console, counted, file_size, json_option, print_json, progress
from migrations.ready import ready_database
from schema import integrity
from schema.arrays.store import ArrayStore
from schema.settings import load_settings


@click.command()
@json_option
def verify(as_json: bool) -> None:
    """Check every stored array and release against its digest; exit 1 when something does not hold."""
    settings = load_settings()
    with ready_database(settings) as database, progress("verifying") as tell:
        found = integrity.verify(database, ArrayStore(settings.arrays_url), tell)
    if as_json:
        print_json(
            {
                "arrays": found.arrays,
                "annotations": found.annotations,
                "releases": found.releases,
                "withdrawn": found.withdrawn,
                "problems": list(found.problems),
            }
        )
    else:
        for problem in found.problems:
            console.print(problem, soft_wrap=True)
        checked = f"{counted(found.arrays, 'array')}, {counted(found.annotations, 'annotation')}"
        verdict = "all hold" if not found.problems else counted(len(found.problems), "problem")
        gone = f" with {found.withdrawn} withdrawn" if found.withdrawn else ""
        console.print(f"{checked} and {counted(found.releases, 'release')} checked{gone}: {verdict}")
    raise SystemExit(1 if found.problems else 0)


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--grace-minutes", type=click.IntRange(min=0), default=60, show_default=True)
@json_option
def gc(dry_run: bool, grace_minutes: int, as_json: bool) -> None:
    """Remove arrays that no row names and that are older than the grace time."""
    settings = load_settings()
    grace = timedelta(minutes=grace_minutes)
    with ready_database(settings) as database:
        found = integrity.collect_garbage(database, ArrayStore(settings.arrays_url), grace=grace, dry_run=dry_run)
    if as_json:
        print_json(
            {
                "removed" if not dry_run else "removable": [f"{one.area}/{one.digest}" for one in found.removable],
                "in_grace": [f"{one.area}/{one.digest}" for one in found.in_grace],
                "bytes": found.stored_bytes,
            }
        )
        return
    done = "would remove" if dry_run else "removed"
    kept = f"; {counted(len(found.in_grace), 'array')} within the grace time" if found.in_grace else ""
    console.print(f"{done} {counted(len(found.removable), 'array')}, {file_size(found.stored_bytes)}{kept}")
