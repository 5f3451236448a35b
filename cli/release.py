"""Commands about releases: list, show."""

from typing import Any

import click
import sqlalchemy as sa
from sqlmodel import Session, col, select

from cli.output import console, json_option, print_json
from migrations.ready import ready_database
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
