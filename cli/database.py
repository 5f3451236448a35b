"""Commands about the database itself: init, migrate, status, stop, backup, restore, db url."""

from pathlib import Path

import click

from cli.output import console, counted, file_size, json_option, print_json
from migrations.ready import prepare, ready_database
from migrations.run import head
from schema.arrays.store import ArrayStore
from schema.database import Database, Role, open_database
from schema.errors import SettingsError
from schema.postgres import backup as backups
from schema.postgres.binaries import find_binaries
from schema.postgres.server import EmbeddedServer
from schema.queries.status import ArchiveStatus, archive_status
from schema.release import Visibility
from schema.settings import Settings, load_settings


@click.command()
def init() -> None:
    """Make the home ready: server, tables, ontology. Running it again changes nothing."""
    settings = load_settings()
    with open_database(settings) as database:
        prepare(database)
    ArrayStore(settings.arrays_url).prepare()
    console.print(f"ready: {_where(settings)}, arrays in {settings.arrays_url}")


def _where(settings: Settings) -> str:
    return "the server of GROUNDCT_DATABASE_URL" if settings.database_url else f"embedded server in {settings.home}"


@click.command()
def migrate() -> None:
    """Bring the database to this software's tables, as its owner."""
    settings = load_settings()
    with open_database(settings) as database:
        prepare(database)
    console.print(f"{_where(settings)} is at migration {head()}")


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the database, its counts, and the array store."""
    settings = load_settings()
    with ready_database(settings) as database:
        with database.transaction() as session:
            found = archive_status(session)
        hidden = _hidden_status(database)
    mask_bytes = found.mask_bytes + (hidden.mask_bytes if hidden else 0)
    document = {
        "database": {"version": found.version, "embedded": database.embedded, "migration": head()},
        "counts": {name: getattr(found, name) for name in ("scans", "findings", "entities", "reports", "sentences")},
        "hidden": {name: getattr(hidden, name, None) for name in ("entities", "mask_bytes")},
        "arrays": {
            "url": settings.arrays_url,
            "volume_bytes": found.volume_bytes,
            "mask_bytes": mask_bytes,
        },
        "home": str(settings.home),
    }
    if as_json:
        print_json(document)
        return
    console.print(f"PostgreSQL {found.version}, {_where(settings)}, migration {head()}")
    aside = f" (and {hidden.entities:,} hidden)" if hidden else ""
    console.print(
        f"{counted(found.scans, 'scan')}, {counted(found.findings, 'finding')}, {counted(found.entities, 'entity')}"
        f"{aside}, {counted(found.reports, 'report')} with text"
    )
    sizes = f"volumes {file_size(found.volume_bytes)}, masks {file_size(mask_bytes)}"
    console.print(f"arrays in {settings.arrays_url}: {sizes}")


def _hidden_status(database: Database) -> ArchiveStatus | None:
    """Count what is hidden; None for who may not see it."""
    try:
        with database.transaction(Role.OWNER, Visibility.HIDDEN) as session:
            return archive_status(session)
    except SettingsError:
        return None


@click.command()
def stop() -> None:
    """Stop the embedded server, whoever uses it."""
    stopped = EmbeddedServer(load_settings().home).stop()
    console.print("stopped" if stopped else "no embedded server was running")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Write the database into FILE. Arrays are files that never change: copy their folder beside it."""
    settings = load_settings()
    with open_database(settings) as database:
        url = database.url(Role.OWNER).render_as_string(hide_password=False)
        backups.backup(url, file, binaries=find_binaries())
    console.print(f"{file}: {file_size(file.stat().st_size)}; the arrays are in {settings.arrays_url}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace what the database holds; without it, it must be empty.")
def restore(file: Path, replace: bool) -> None:
    """Read the database from a FILE of `groundct backup`: wholly, or not at all."""
    settings = load_settings()
    with open_database(settings) as database:
        url = database.url(Role.OWNER).render_as_string(hide_password=False)
        backups.restore(url, file, binaries=find_binaries(), replace=replace)
        prepare(database)
    console.print(f"restored from {file}; `groundct verify` checks the arrays")


@click.group()
def db() -> None:
    """Addresses of the database."""


@db.command("url")
@click.option("--role", type=click.Choice(["api", "owner"]), default="api", show_default=True)
def db_url(role: str) -> None:
    """Print the address of the database for a role, password included, and keep an embedded server up."""
    settings = load_settings()
    with ready_database(settings) as database:
        url = database.url(Role(role)).render_as_string(hide_password=False)
        if database.embedded:
            EmbeddedServer(settings.home).attach(keep=True)
    click.echo(url)
