"""The command that removes a patient: withdraw."""

import click

from cli.output import console, counted, json_option, print_json
from ingest.releases.withdrawing import WithdrawalReport, withdraw_patient
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.settings import load_settings


@click.command()
@click.argument("patient")
@click.option("--reason", required=True, help="Why; kept with the date and the patient's key.")
@click.option("--collection", default="ct-rate", show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def withdraw(patient: str, reason: str, collection: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove PATIENT, rows and voxels, from everything, as the owner; PATIENT is a key like train_1741.

    Digests of releases stay, and `release verify` says how many scans were withdrawn. Backups that were made before
    still hold the patient.
    """
    settings = load_settings()
    if not (dry_run or yes):
        click.confirm(f"remove {patient} of {collection}, for ever?", abort=True, err=True)
    with ready_database(settings) as database, ArrayStore(settings.arrays_url) as store:
        report = withdraw_patient(database, store, patient, collection=collection, reason=reason, dry_run=dry_run)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report, "would go" if dry_run else "gone")


def _print(report: WithdrawalReport, done: str) -> None:
    rows = sum(report.rows.values())
    console.print(f"{report.patient}: {counted(len(report.scans), 'scan')}, {counted(rows, 'row')} and ", end="")
    console.print(f"{counted(report.arrays, 'array')} {done}")
    for name in report.releases:
        console.print(f"  stood in release {name}, whose digests stay")
