"""A database that is ready to use: reached, migrated, with the ontology in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from migrations.run import current, head, require_migrated, upgrade
from schema.base import API_ROLE
from schema.database import Database, Role, check_reachable, first_line, open_database
from schema.errors import NotMigrated, ServerError
from schema.ontology import rexgroundingct_ontology, save_ontology
from schema.settings import Settings


def prepare(database: Database) -> None:
    """Run the migrations that are missing, add the ontology, and let the API's role in, as the owner.

    Raises:
        SettingsError: the owner is not known.
        ServerError: the owner lacks a right; the message holds the SQL for an administrator.
    """
    with database.engine(Role.OWNER).connect() as connection:
        try:
            upgrade(connection)
        except sa.exc.ProgrammingError as error:
            if isinstance(error.orig, InsufficientPrivilege):
                raise _not_the_owner(database, error) from error
            raise
    with database.transaction(Role.OWNER) as session:
        save_ontology(session, rexgroundingct_ontology())
    if not database.embedded:
        _let_api_role_in(database)


def _not_the_owner(database: Database, error: sa.exc.DBAPIError) -> ServerError:
    url = database.url(Role.OWNER)
    statement = sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
        sql.Identifier(url.database or ""), sql.Identifier(url.username or "")
    )
    return ServerError(f"{first_line(error)}: ask an administrator to run {statement.as_string()};")


def _let_api_role_in(database: Database) -> None:
    """Give the API's role the password by which GROUNDCT_DATABASE_URL logs in, and try it."""
    login = database.url(Role.API)
    if login.username == API_ROLE and login.password:
        try:
            _set_api_password(database, str(login.password))
        except sa.exc.ProgrammingError as error:
            _require_login(database, error)
    check_reachable(database, Role.API)


def _set_api_password(database: Database, password: str) -> None:
    """Set it as the verifier that libpq makes of it here: the server, and so its log, never sees the password."""
    with database.engine(Role.OWNER).begin() as connection:
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        verifier = driver.pgconn.encrypt_password(password.encode(), API_ROLE.encode(), b"scram-sha-256").decode()
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(API_ROLE), sql.Literal(verifier))
        connection.exec_driver_sql(statement.as_string())


def _require_login(database: Database, refused: sa.exc.ProgrammingError) -> None:
    """An administrator may have set the password that the owner may not set."""
    try:
        check_reachable(database, Role.API)
    except ServerError as error:
        raise ServerError(
            f"{error}; the owner may not set its password ({first_line(refused)}): "
            f"ask an administrator to run \\password {API_ROLE} in psql"
        ) from error


@contextmanager
def ready_database(settings: Settings) -> Iterator[Database]:
    """Reach a database that is ready; an embedded one is prepared when it is not, another one is left as it is.

    Only the API's role is needed.

    Raises:
        ServerError: it cannot be reached.
        NotMigrated: it is not embedded, and not at this software's migration.
    """
    with open_database(settings) as database:
        if database.embedded:
            _prepare_unless_ready(database)
        else:
            _require_ready(database)
        yield database


def _prepare_unless_ready(database: Database) -> None:
    with database.engine(Role.OWNER).connect() as connection:
        if current(connection) != head():
            prepare(database)


def _require_ready(database: Database) -> None:
    """Ask the owner first where it is known: before the first migration nobody can act as the API's role."""
    for role in (Role.API,) if database.owner_url is None else (Role.OWNER, Role.API):
        check_reachable(database, role)
        try:
            with database.engine(role).connect() as connection:
                require_migrated(connection)
        except sa.exc.ProgrammingError as error:  # grants come with the last migration
            raise NotMigrated(f"{first_line(error)}; run `groundct migrate`, as the owner") from error
