"""Reaching the database: its two roles, engines, and transactions. Sessions are passed inwards; edges commit."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from threading import Lock
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from psycopg_pool import ConnectionPool
from sqlmodel import Session

from schema.base import API_ROLE, EDITOR_ROLE, HIDDEN, OPEN
from schema.errors import ServerError, SettingsError
from schema.limits import Limits
from schema.postgres.server import EmbeddedServer
from schema.release import Visibility
from schema.settings import Settings

LOGIN_NEEDED = f"behind a pooler let GROUNDCT_DATABASE_URL log in as {API_ROLE}, and GROUNDCT_OWNER_URL go past it"
OWNER_NEEDED = "this needs the owner: set GROUNDCT_OWNER_URL"
PLANNING = {"jit": "off", "join_collapse_limit": "12", "from_collapse_limit": "12"}
"""For statements that read: compiling costs more than it gives, and a filter that is joined late reads too much."""
LONGEST_WAIT_S = 5.0
"""How long one waits for a connection that reads."""
STATEMENTS_KEPT = 200
"""Statements that SQLAlchemy remembers compiled, of some 50 kB each."""
LOCK_ARRAYS = 0x61727261
"""Advisory lock: writers of arrays share it, garbage collection takes it alone."""
LOCK_READINGS = 0x72656164
"""Advisory lock: one run reads reports at a time."""


_MAKING = Lock()
"""Held while a pool is looked up: two that are made at a time would both be there, and one of them nobody's."""

# It warns of what it ignores when a connection is lost; the loss itself is raised, and told once.
logging.getLogger("psycopg").setLevel(logging.ERROR)


class Role(StrEnum):
    """Who a session is: the owner, who may do all, or the role that everything else uses."""

    API = "api"
    OWNER = "owner"


@dataclass(frozen=True)
class Database:
    """The addresses of one database by role. It may be pickled into other processes."""

    api_url: sa.URL = field(repr=False)
    owner_url: sa.URL | None = field(repr=False)
    """None where only the API's role is known, as in the process that serves."""
    embedded: bool
    pooled: bool = False
    """Whether a pooler stands between, which gives each transaction any session, so that nothing outlasts one."""
    limits: Limits = field(default_factory=Limits)
    editing: bool = False
    """Whether transactions act as the editor, each statement no longer than the limits allow."""

    def as_editor(self) -> "Database":
        """Give the same database to who changes it over the network: as the editor, never as the owner."""
        return replace(self, owner_url=None, editing=True)

    def url(self, role: Role) -> sa.URL:
        """Give the address of a role, as libpq reads it.

        Raises:
            SettingsError: it is the owner's, which is not known.
        """
        return self._url(role).set(drivername="postgresql")

    def engine(self, role: Role = Role.API, visibility: Visibility = Visibility.OPEN) -> sa.Engine:
        """Give the engine of a role; with HIDDEN, the same models mean the tables of the schema `hidden`.

        Raises:
            SettingsError: it is the owner's, which is not known.
        """
        with _MAKING:
            engine = _engine(self._url(role), self.pooled, self.limits.at_a_time)
        if visibility is Visibility.HIDDEN:
            return engine.execution_options(schema_translate_map={OPEN: HIDDEN})
        return engine

    @contextmanager
    def transaction(self, role: Role = Role.API, visibility: Visibility = Visibility.OPEN) -> Iterator[Session]:
        """Open a session that commits at the end of the block, or rolls back when it fails.

        Raises:
            SettingsError: it needs the owner, which is not known, or who logs in is not the owner.
        """
        with _privileged(role), Session(self.engine(role, visibility)) as session, session.begin():
            if self.editing:
                _act_as_editor(session, self.limits)
            yield session

    @contextmanager
    def upkeep(self) -> Iterator[sa.Connection]:
        """Open a connection of the owner that commits every statement; what it sets and locks ends with the block.

        Raises:
            SettingsError: the owner is not known, or who logs in is not the owner.
        """
        engine = self.engine(Role.OWNER).execution_options(isolation_level="AUTOCOMMIT")
        with _privileged(Role.OWNER), engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.invalidate()

    @contextmanager
    def reader(self) -> Iterator[psycopg.Connection[Any]]:
        """Take a connection for one statement that reads, as the API's role, for no longer than the limits allow."""
        with self.readers().connection() as connection:
            if self.pooled:
                with _within_transaction(connection, self.limits):
                    yield connection
            else:
                yield connection

    def readers(self) -> ConnectionPool[psycopg.Connection[Any]]:
        """Give the pool of the connections that only read."""
        with _MAKING:
            return _readers(self.url(Role.API), self.pooled, self.limits)

    def connections_in_use(self) -> int:
        """Count the connections of the API's role that are in use by this process."""
        readers, pool = self.readers().get_stats(), self.engine().pool
        others = pool.checkedout() if isinstance(pool, sa.QueuePool) else 0
        return readers["pool_size"] - readers["pool_available"] + others

    def dispose(self) -> None:
        """Close this process's connections."""
        for role in (Role.API, Role.OWNER) if self.owner_url is not None else (Role.API,):
            self.engine(role).dispose()
        self.readers().close()
        _readers.cache_clear()

    def _url(self, role: Role) -> sa.URL:
        if role is Role.API:
            return self.api_url
        if self.owner_url is None:
            raise SettingsError(OWNER_NEEDED)
        return self.owner_url


def _act_as_editor(session: Session, limits: Limits) -> None:
    settings = {"role": EDITOR_ROLE, "statement_timeout": str(limits.statement_ms)}
    session.execute(sa.select(*(sa.func.set_config(name, value, True) for name, value in settings.items())))


@contextmanager
def _privileged(role: Role) -> Iterator[None]:
    """Say what is needed where who should be the owner is not."""
    try:
        yield
    except sa.exc.ProgrammingError as error:
        if role is Role.OWNER and isinstance(error.orig, InsufficientPrivilege):
            raise SettingsError(f"{OWNER_NEEDED} ({first_line(error)})") from error
        raise


@cache
def _engine(url: sa.URL, pooled: bool, most: int) -> sa.Engine:
    given: dict[str, Any] = {"client_encoding": "utf8"}  # whatever the environment says
    if pooled:
        given["prepare_threshold"] = None
    return sa.create_engine(
        url,
        connect_args=given,
        hide_parameters=True,  # what is asked for, or written, is not for logs
        query_cache_size=STATEMENTS_KEPT,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=max(most, 8) + 4,
    )


@cache
def _readers(url: sa.URL, pooled: bool, limits: Limits) -> ConnectionPool[psycopg.Connection[Any]]:
    """Make the pool; settings that a pooler would drop or refuse are sent with each transaction instead."""
    kwargs: dict[str, Any] = {"autocommit": True, "client_encoding": "utf8"}
    if pooled:
        kwargs["prepare_threshold"] = None
    else:
        given = tuple(url.normalized_query.get("options", ()))
        settings = {"statement_timeout": str(limits.statement_ms), "default_transaction_read_only": "on", **PLANNING}
        given += tuple(f"-c {name}={value}" for name, value in settings.items())
        kwargs["options"] = " ".join(given)
        url = url.difference_update_query(["options"])
    return ConnectionPool(
        url.render_as_string(hide_password=False),
        kwargs=kwargs,
        min_size=0,
        max_size=limits.at_a_time,
        timeout=LONGEST_WAIT_S,
        open=True,
    )


@contextmanager
def _within_transaction(connection: psycopg.Connection[Any], limits: Limits) -> Iterator[None]:
    """Send the settings before the statement and the end of the transaction after it, all in one go."""
    with connection.pipeline():
        connection.execute("BEGIN READ ONLY")
        settings = {"statement_timeout": str(limits.statement_ms), **PLANNING}
        each = sql.SQL(", ").join(sql.SQL("set_config({}, {}, true)").format(*pair) for pair in settings.items())
        connection.execute(sql.SQL("SELECT {}").format(each))
        yield
        connection.execute("COMMIT")


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Reach the server that the settings name, or the embedded one, which this process then helps to keep up.

    Raises:
        ServerError: it cannot be started or reached; the message holds the remedy, never a password.
    """
    if settings.database_url is None:
        with EmbeddedServer(settings.home).lease() as address:
            database = Database(
                parse_url(address.url(API_ROLE)), parse_url(address.url()), embedded=True, limits=settings.limits
            )
            with _in_use(database):
                yield database
        return
    login = parse_url(settings.database_url.get_secret_value())
    owner = None if login.username == API_ROLE else login
    if settings.owner_url is not None:
        owner = parse_url(settings.owner_url.get_secret_value(), "GROUNDCT_OWNER_URL")
    api_url = as_api_role(login)
    database = Database(api_url, owner, embedded=False, pooled=_is_pooled(api_url), limits=settings.limits)
    check_reachable(database, Role.API if owner is None else Role.OWNER)
    with _in_use(database):
        yield database


@contextmanager
def _in_use(database: Database) -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        raise ServerError(f"the database went away ({first_line(error)}): run the same command again") from error
    finally:
        database.dispose()


def _is_pooled(url: sa.URL) -> bool:
    """Tell whether a pooler answers: the process that it names at login is not the one that serves a statement."""
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(address, prepare_threshold=None) as connection:
            return connection.execute("SELECT pg_backend_pid()").fetchone() != (connection.info.backend_pid,)
    except psycopg.OperationalError:
        return False  # who cannot log in is told so where a session is needed


def as_api_role(url: sa.URL) -> sa.URL:
    """Make an address whose sessions act as `groundct_api`, whoever logs in."""
    if url.username == API_ROLE:
        return url
    given = url.normalized_query.get("options", ())
    return url.update_query_dict({"options": " ".join([*given, f"--role={API_ROLE}"])})


def parse_url(url: str, setting: str = "GROUNDCT_DATABASE_URL") -> sa.URL:
    """Read a PostgreSQL address for SQLAlchemy.

    Raises:
        ServerError: it is none; the message names the setting.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a ValueError names pieces of the address, the password's among them
        raise ServerError(
            f"{setting} is not an address like postgresql://user:password@host/groundct; percent-encode what is special"
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise ServerError(f"{setting} names {parsed.get_backend_name()}; only PostgreSQL is used")
    return parsed.set(drivername="postgresql+psycopg")


def check_reachable(database: Database, role: Role) -> None:
    """Log in once.

    Raises:
        ServerError: that does not work, the server is too old, or the database is not one of UTF-8.
    """
    try:
        with database.engine(role).connect() as connection:
            version = int((connection.dialect.server_version_info or (0,))[0])
            encoding = connection.scalar(sa.text("SHOW server_encoding"))
            acting = connection.scalar(sa.text("SELECT current_user"))
    except sa.exc.OperationalError as error:
        raise _unreachable(database, role, first_line(error)) from error
    if version < 17:
        raise ServerError(f"PostgreSQL {version} is too old; 17 or newer is needed")
    if role is Role.API and acting != API_ROLE:
        raise ServerError(f"sessions act as {acting}: {LOGIN_NEEDED}")
    if encoding != "UTF8":
        name = database.url(role).database
        raise ServerError(f"the database {name} holds {encoding}: make one with ENCODING 'UTF8' TEMPLATE template0")


def first_line(error: sa.exc.DBAPIError) -> str:
    """Give what PostgreSQL said, without the statement and its details."""
    return (str(error.orig).strip().splitlines() or ["it gave no reason"])[0]


def _unreachable(database: Database, role: Role, reason: str) -> ServerError:
    url = database.url(role)
    if "permission denied to set role" in reason:
        return ServerError(
            f"{url.username} may not act as {API_ROLE}: ask an administrator to run "
            f"GRANT {API_ROLE} TO {sql.Identifier(url.username or '').as_string()};"
        )
    if "unsupported startup parameter" in reason:
        return ServerError(f"{reason}: {LOGIN_NEEDED}")
    by_itself = role is Role.OWNER and as_api_role(database.url(role)) != database.url(Role.API)
    setting = "GROUNDCT_OWNER_URL" if by_itself else "GROUNDCT_DATABASE_URL"
    where = url.difference_update_query(["options"]).render_as_string(hide_password=True)
    return ServerError(f"{where} cannot be reached ({reason}); check {setting}")
