"""The data folder: made whole or not at all, checked, and given what every GroundCT database needs."""

import os
import shutil
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import Connection, sql

from schema.errors import ServerError, WrongMajorVersion
from schema.postgres.address import DATABASE, OWNER, SUPERUSER, Address
from schema.postgres.binaries import Binaries
from schema.postgres.commands import one_line, run_server_program
from schema.postgres.configuration import include_configuration
from schema.postgres.folders import Folders

_INITDB = (
    f"--username={SUPERUSER}",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
)


def create_cluster(folders: Folders, binaries: Binaries) -> None:
    """Make the data folder beside its place and rename it, so that a cut leaves nothing half.

    Raises:
        ServerError: `initdb` failed, for want of space for instance; nothing of its work is left.
    """
    shutil.rmtree(folders.unfinished, ignore_errors=True)
    try:
        command = [binaries.program("initdb"), *_INITDB, f"--pgdata={folders.unfinished.name}"]
        done = run_server_program(command, folder=folders.root, data=folders.unfinished)
        if done.returncode:
            raise ServerError(_failure(folders, one_line(done.stderr or done.stdout)))
        include_configuration(folders.unfinished)
        folders.unfinished.rename(folders.data)
        _sync(folders.root)
    finally:
        shutil.rmtree(folders.unfinished, ignore_errors=True)


def check_cluster(folders: Folders, binaries: Binaries) -> None:
    """Check that the data folder is of the programs' major version.

    Raises:
        WrongMajorVersion: another major version made it.
        ServerError: it is not PostgreSQL's.
    """
    made_by = _version(folders.data)
    if made_by != str(binaries.major):
        raise WrongMajorVersion(
            f"{folders.data} was made by PostgreSQL {made_by} and this is PostgreSQL {binaries.major}: "
            "`groundct backup` with the old software, then `groundct restore` here into another GROUNDCT_HOME"
        )


def is_complete(address: Address) -> bool:
    """Whether the server holds the database, which is the last thing that `complete_cluster` makes.

    Raises:
        psycopg.OperationalError: the server does not answer.
    """
    with address.connect(SUPERUSER, "postgres") as connection:
        return _has(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE)


def complete_cluster(address: Address) -> None:
    """Make what is missing of the extension, the owner and the database, in this order.

    `vector` is not a trusted extension, so the superuser puts it into the template of all databases made later.

    Raises:
        ServerError: one of them cannot be made, because the disk is full for instance.
    """
    try:
        _complete(address)
    except psycopg.Error as error:
        raise ServerError(f"the database in {address.folder} cannot be completed: {one_line(str(error))}") from error


def _complete(address: Address) -> None:
    with address.connect(SUPERUSER, "template1") as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    with address.connect(SUPERUSER, "postgres") as connection:
        owner, database = sql.Identifier(OWNER), sql.Identifier(DATABASE)
        if not _has(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", OWNER):
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(owner))
        if not _has(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))


def _has(connection: Connection[tuple[object, ...]], query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None


def _version(data: Path) -> str:
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise ServerError(f"{data} is not a data folder of PostgreSQL: move it away, or set GROUNDCT_HOME") from error


def _failure(folders: Folders, reason: str) -> str:
    space = shutil.disk_usage(folders.root).free >> 20
    place = f"{folders.root} ({reason}; {space} MB free there)"
    return f"the database cannot be made in {place}: make room, or set GROUNDCT_HOME to another folder"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
