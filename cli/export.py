"""The command that sends releases out: export."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from cli.output import console, counted, errors, json_option, print_json, progress
from ingest.exports.cohort import read_cohort
from ingest.exports.folder import about_of
from ingest.exports.nnunet import export_nnunet
from ingest.exports.parquet import export_parquet
from ingest.exports.released import Publication, Released, read_released
from ingest.exports.rexgroundingct import export_rexgroundingct
from ingest.exports.terms import require_passing_on
from ingest.exports.training import export_training
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.settings import load_settings

FORMS = ("rexgroundingct", "nnunet", "parquet", "training")
Export = Callable[[Released, Path, Callable[[int, int], None]], None]


@click.command()
@click.argument("form", type=click.Choice(FORMS))
@click.option("--release", help="The release that goes out.")
@click.option("--cohort", help="Only the scans that this cohort has a finding of; without --release as they hold now.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
@click.option("--url", help="Where it is to be found; croissant.json and CITATION.cff say so.")
@click.option("--creator", "creators", multiple=True, help="Who made it, for its citation; may be said several times.")
@click.option("--with-hidden", is_flag=True, help="What is drawn for hidden splits too; needs the owner.")
@click.option("--recipient-holds-terms", is_flag=True, help="Who gets it has agreed to terms that forbid passing on.")
@json_option
def export(
    form: str,
    release: str | None,
    cohort: str | None,
    out: Path,
    url: str | None,
    creators: tuple[str, ...],
    with_hidden: bool,
    recipient_holds_terms: bool,
    as_json: bool,
) -> None:
    """Write a release, or a cohort as it holds now, as FORM into a folder; an interrupted one goes on when run again.

    rexgroundingct: dataset.json and segmentations/, which others read and `ingest rexgroundingct` takes in again.
    nnunet: a raw dataset of nnU-Net v2 with an ignore label. parquet: tables with a dictionary of their columns.
    training: a line for each finding with the addresses of its arrays, to be read without a server or a database.
    """
    settings = load_settings()
    with ready_database(settings) as database, ArrayStore(settings.arrays_url) as store:
        released = _read(database, form, release, cohort, with_hidden=with_hidden)
        released = replace(released, publication=Publication(url, creators))
        require_passing_on(released.terms, held=recipient_holds_terms)
        if released.terms.unclear:
            errors.print("warning: the terms of some assets are not known, or not understood; see groundct.json")
        if release is None:
            errors.print(f"warning: this is no release: cohort {cohort} as it holds now, not frozen and not guarded")
        elif url is None:
            errors.print("warning: croissant.json has no url, which Croissant asks for; --url says where it is found")
        with progress("exporting") as tell:
            _exports(database, store)[form](released, out, tell)
    if as_json:
        print_json(about_of(released, form) | {"out": str(out), "scans": len(released.scans)})
    else:
        console.print(f"{counted(len(released.scans), 'scan')} of {released.what} written to {out}", soft_wrap=True)


def _read(database: Database, form: str, release: str | None, cohort: str | None, *, with_hidden: bool) -> Released:
    if release is not None:
        return read_released(database, release, cohort=cohort, with_hidden=with_hidden)
    if cohort is None:
        raise click.UsageError("say --release NAME, --cohort NAME, or both")
    if form == "parquet":
        raise click.UsageError("tables are those of a release: say --release, or make one by `groundct release create`")
    return read_cohort(database, cohort, with_hidden=with_hidden)


def _exports(database: Database, store: ArrayStore) -> dict[str, Export]:
    return {
        "rexgroundingct": lambda released, out, tell: export_rexgroundingct(released, store, out, tell),
        "nnunet": lambda released, out, tell: export_nnunet(released, store, out, tell),
        "parquet": partial(export_parquet, database),
        "training": lambda released, out, tell: export_training(released, store, out, tell),
    }
