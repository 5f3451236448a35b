"""Reaching the database: its two roles, engines, and transactions. Sessions are passed inwards; edges commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

import sqlalchemy as sa
from sqlmodel import Session

from schema.base import API_ROLE, HIDDEN, OPEN
from schema.errors import ServerError
from schema.postgres.server import EmbeddedServer
from schema.release import Visibility
from schema.settings import Settings

LOCK_ARRAYS = 0x61727261
"""Advisory lock: writers of arrays share it, garbage collection takes it alone."""


class Role(StrEnum):
    """Who a session is: the owner, who may do all, or the role that everything else uses."""

    API = "api"
    OWNER = "owner"


@dataclass(frozen=True)
class Database:
    """The addresses of one database by role. It may be pickled into other processes."""

    api_url: sa.URL = field(repr=False)
    owner_url: sa.URL = field(repr=False)
    embedded: bool

    def url(self, role: Role) -> sa.URL:
        """Give the address of a role, as libpq reads it."""
        return (self.api_url if role is Role.API else self.owner_url).set(drivername="postgresql")

    def engine(self, role: Role = Role.API, visibility: Visibility = Visibility.OPEN) -> sa.Engine:
        """Give the engine of a role; with HIDDEN, the same models mean the tables of the schema `hidden`."""
        engine = _engine(self.api_url if role is Role.API else self.owner_url)
        if visibility is Visibility.HIDDEN:
            return engine.execution_options(schema_translate_map={OPEN: HIDDEN})
        return engine

    @contextmanager
    def transaction(self, role: Role = Role.API, visibility: Visibility = Visibility.OPEN) -> Iterator[Session]:
        """Open a session that commits at the end of the block, or rolls back when it fails."""
        with Session(self.engine(role, visibility)) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close this process's connections."""
        for url in {self.api_url, self.owner_url}:
            _engine(url).dispose()


@cache
def _engine(url: sa.URL) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True, pool_size=4, max_overflow=12)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Reach the server that the settings name, or the embedded one, which this process then helps to keep up.

    Raises:
        ServerError: it cannot be started or reached; the message holds the remedy, never a password.
    """
    if settings.database_url is None:
        with EmbeddedServer(settings.home).lease() as address:
            database = Database(parse_url(address.url(API_ROLE)), parse_url(address.url()), embedded=True)
            try:
                yield database
            finally:
                database.dispose()
        return
    api = parse_url(settings.database_url.get_secret_value())
    owner = parse_url(settings.owner_url.get_secret_value()) if settings.owner_url else api
    database = Database(as_api_role(api), owner, embedded=False)
    _check_reachable(database)
    try:
        yield database
    finally:
        database.dispose()


def as_api_role(url: sa.URL) -> sa.URL:
    """Make an address whose sessions act as `groundct_api`, whoever logs in."""
    if url.username == API_ROLE:
        return url
    return url.update_query_dict({"options": f"-c role={API_ROLE}"})


def parse_url(url: str) -> sa.URL:
    """Read a PostgreSQL address for SQLAlchemy.

    Raises:
        ServerError: it is none.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ServerError(
            "GROUNDCT_DATABASE_URL is not an address like postgresql://user:password@host/groundct"
        ) from error
    if parsed.get_backend_name() != "postgresql":
        raise ServerError(f"GROUNDCT_DATABASE_URL names {parsed.get_backend_name()}; only PostgreSQL is used")
    return parsed.set(drivername="postgresql+psycopg")


def _check_reachable(database: Database) -> None:
    try:
        with database.engine(Role.OWNER).connect() as connection:
            version = int((connection.dialect.server_version_info or (0,))[0])
    except sa.exc.OperationalError as error:
        where = database.owner_url.render_as_string(hide_password=True)
        reason = str(error.orig).splitlines()[0]
        raise ServerError(f"{where} cannot be reached ({reason}); check GROUNDCT_DATABASE_URL") from error
    if version < 17:
        raise ServerError(f"PostgreSQL {version} is too old; 17 or newer is needed")
