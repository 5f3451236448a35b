"""Commands about releases: list, show, create, verify, diff."""

from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from sqlmodel import Session, col, select

from cli.output import console, counted, errors, json_option, print_json, progress
from ingest.releases.comparing import ReleaseDifference, compare_releases
from ingest.releases.making import LeakRefused, ReleaseOptions, ReleaseReport, make_release
from ingest.releases.verifying import verify_release
from migrations.ready import ready_database
from schema.arrays.store import ArrayStore
from schema.errors import NotFound
from schema.release import Release, ReleaseScan, ReleaseSplit
from schema.settings import load_settings


@click.group()
def release() -> None:
    """Releases and their digests."""


@release.command("list")
@json_option
def list_releases(as_json: bool) -> None:
    """List the releases."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = [_describe(session, one) for one in session.exec(select(Release).order_by(Release.name))]
    if as_json:
        print_json(found)
    else:
        for one in found:
            _print(one)


@release.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a release: its splits and digests."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        row = session.exec(select(Release).where(Release.name == name)).one_or_none()
        if row is None:
            known = ", ".join(session.exec(select(Release.name).order_by(Release.name))) or "none"
            raise NotFound(f"there is no release {name!r}; there are: {known}")
        found = _describe(session, row)
    if as_json:
        print_json(found)
    else:
        _print(found)


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@release.command()
@click.argument("name")
@click.option("--rounds", metavar="NAME,NAME", help="Take annotations of these rounds, first choice first.")
@click.option("--splits", type=_FILE, help="Which scan stands where: JSON {split: [scan, ...]}, or CSV scan,split.")
@click.option("--like", metavar="RELEASE", help="Take splits, protocols, indices and hiding from a release.")
@click.option("--hide", multiple=True, metavar="SPLIT", help="Keep the annotations of a split from the API's role.")
@click.option("--waive", type=_FILE, help="JSON list of leaks to have knowingly: {kind, one, other, reason}.")
@click.option("--notes", help="What is new; part of what is shown and exported.")
@click.option("--collection", default="ct-rate", show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what it would hold, and make nothing.")
@json_option
def create(
    name: str,
    rounds: str | None,
    splits: Path | None,
    like: str | None,
    hide: tuple[str, ...],
    waive: Path | None,
    notes: str | None,
    collection: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a release: freeze scans, words and annotations under digests that never change.

    A patient, the same voxels or the same report in two splits is refused, unless --waive names it.
    """
    settings = load_settings()
    options = ReleaseOptions(
        name=name,
        rounds=tuple(filter(None, (rounds or "").split(","))),
        splits=splits,
        like=like,
        hide=frozenset(hide),
        waivers=waive,
        collection=collection,
        notes=notes,
    )
    with ready_database(settings) as database:
        try:
            report = make_release(database, ArrayStore(settings.arrays_url), options, dry_run=dry_run)
        except LeakRefused as error:
            if as_json:
                leaks = [
                    {"kind": leak.kind, "one": leak.one, "other": leak.other, "what": leak.what} for leak in error.leaks
                ]
                print_json({"name": name, "refused": leaks})
            errors.print(str(error), soft_wrap=True, markup=False)
            raise SystemExit(1) from None
    if as_json:
        print_json(report.to_json())
    else:
        _print_made(report, dry_run)


def _print_made(report: ReleaseReport, dry_run: bool) -> None:
    would = "would hold" if dry_run else "holds"
    drawn = f"{counted(report.annotations, 'annotation')}, {counted(report.entities, 'entity')}"
    console.print(
        f"{report.name} {would} {counted(report.scans, 'scan')}, {counted(report.findings, 'finding')}, {drawn}"
    )
    for one in report.undrawn[:10]:
        console.print(f"  not in it, nothing is drawn: finding {one}")
    if len(report.undrawn) > 10:
        console.print(f"  and {len(report.undrawn) - 10} more that nothing is drawn for (--json lists them)")
    for leak in report.waived:
        console.print(f"  waived: {leak.kind}: {leak.one} and {leak.other}")
    for waiver in report.unused_waivers:
        console.print(f"  this waiver names no leak: {waiver.kind}: {waiver.one} and {waiver.other}")
    for near in report.near_reports:
        console.print(f"  warning: the reports of {near.one} and {near.other} are {near.alike:.0%} the same")
    console.print(f"  digest {report.digest}\n  storage digest {report.storage_digest}")


@release.command()
@click.argument("name")
@json_option
def verify(name: str, as_json: bool) -> None:
    """Hold a release's rows and stored bytes against its digests; exit 1 when something is not as it was."""
    settings = load_settings()
    with ready_database(settings) as database, progress("verifying") as tell:
        found = verify_release(database, ArrayStore(settings.arrays_url), name, tell)
    if as_json:
        print_json({"name": name, **found.to_json()})
    else:
        for problem in found.problems:
            console.print(problem, soft_wrap=True, markup=False)
        gone = f" with {found.withdrawn} withdrawn" if found.withdrawn else ""
        verdict = f"verified{gone}" if not found.problems else counted(len(found.problems), "problem")
        console.print(f"{name}: {counted(found.arrays, 'array')} read: {verdict}")
    raise SystemExit(1 if found.problems else 0)


@release.command()
@click.argument("before")
@click.argument("after")
@json_option
def diff(before: str, after: str, as_json: bool) -> None:
    """Say what a release changed: a changelog from BEFORE to AFTER."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = compare_releases(session, before, after)
    if as_json:
        print_json(found.to_json())
    else:
        _print_difference(found)


def _print_difference(found: ReleaseDifference) -> None:
    for line in found.changelog():
        console.print(line, soft_wrap=True, markup=False)


def _describe(session: Session, row: Release) -> dict[str, Any]:
    scans = sa.func.count(col(ReleaseScan.scan_id))
    query = (
        select(ReleaseSplit.name, ReleaseSplit.visibility, scans)
        .outerjoin(
            ReleaseScan,
            sa.and_(
                col(ReleaseScan.release_id) == col(ReleaseSplit.release_id),
                col(ReleaseScan.split) == col(ReleaseSplit.name),
            ),
        )
        .where(ReleaseSplit.release_id == row.id)
        .group_by(col(ReleaseSplit.name), col(ReleaseSplit.visibility))
        .order_by(ReleaseSplit.name)
    )
    splits = [{"name": name, "visibility": visibility, "scans": n} for name, visibility, n in session.execute(query)]
    return {
        "name": row.name,
        "kind": row.kind,
        "rounds": row.rounds,
        "notes": row.notes,
        "digest": row.digest,
        "storageDigest": row.storage_digest,
        "splits": splits,
    }


def _print(found: dict[str, Any]) -> None:
    console.print(f"{found['name']} ({found['kind']})")
    for split in found["splits"]:
        console.print(f"  {split['name']}: {split['scans']} scans, {split['visibility']}")
    console.print(f"  digest {found['digest'] or 'not yet complete'}")
    console.print(f"  storage digest {found['storageDigest'] or 'not yet complete'}")
