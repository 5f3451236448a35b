"""The database's part of a backup: one file out, one file in, whole or not at all, from and to any PostgreSQL server.

Roles are the server's and not the database's, so they are in no such file: `restore` makes those it is told of.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schema.base import API_ROLE, EDITOR_ROLE
from schema.errors import ServerError
from schema.postgres.binaries import Binaries
from schema.postgres.commands import one_line

_LEFT_ALONE = re.compile(rb"\d+; \d+ \d+ (EXTENSION - |COMMENT - EXTENSION |(COMMENT - )?SCHEMA (- )?public )")
"""Entries that belong to an administrator on many servers; the target has them before a restore begins."""

_OBJECTS = """
SELECT replace(object.type, ' object', '') AS kind, object.identity
FROM pg_depend AS dependency
JOIN pg_namespace AS namespace
  ON dependency.refclassid = 'pg_namespace'::regclass AND dependency.refobjid = namespace.oid
CROSS JOIN LATERAL pg_identify_object(dependency.classid, dependency.objid, 0) AS object
WHERE dependency.deptype = 'n' AND namespace.nspname !~ '^pg_' AND namespace.nspname <> 'information_schema'
  AND dependency.classid <> 'pg_extension'::regclass
  AND NOT EXISTS (
    SELECT FROM pg_depend AS member
    WHERE member.classid = dependency.classid AND member.objid = dependency.objid AND member.deptype IN ('e', 'i')
  )
"""
"""What users have put into the database's schemas; what belongs to an extension, or to another object, is not in it."""

_SCHEMAS = """
SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS identity
FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  AND oid NOT IN (SELECT extnamespace FROM pg_extension)
"""

_EDITOR = (
    (f"CREATE ROLE {EDITOR_ROLE} NOLOGIN", f"SELECT FROM pg_roles WHERE rolname = '{EDITOR_ROLE}'"),
    (
        f"GRANT {EDITOR_ROLE} TO {API_ROLE} WITH INHERIT FALSE, SET TRUE",
        f"SELECT FROM pg_roles WHERE rolname = '{API_ROLE}' AND pg_has_role(oid, '{EDITOR_ROLE}', 'SET')",
    ),
)
"""Statements that make who changes things over the network, and what is true once they are done."""

_BEGIN = "BEGIN; SET LOCAL lock_timeout = '60s'; SET LOCAL client_min_messages = warning;\n"

_EMPTY = f"""
DO $$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY(
    SELECT format('DROP %s IF EXISTS %s CASCADE', kind, identity) FROM ({_OBJECTS} UNION ALL {_SCHEMAS}) AS found
  ) LOOP
    EXECUTE statement;
  END LOOP;
END
$$;
"""  # noqa: S608 - made of the constants above

_END = "COMMIT;\n\\set ON_ERROR_STOP off\nSET client_min_messages = error; ANALYZE;\n"
"""What comes after the COMMIT can no longer fail the restore."""


@dataclass(frozen=True)
class _Target:
    """A server's address whose password goes by the environment, where other users do not see it."""

    conninfo: str
    password: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        mine = os.environ | {"LC_ALL": "C"}
        return mine | {"PGPASSWORD": self.password} if self.password else mine

    def connect(self) -> Connection[tuple[Any, ...]]:
        try:
            return psycopg.connect(self.conninfo, password=self.password or None, autocommit=True)
        except psycopg.OperationalError as error:
            raise self.failure(f"the server does not answer: {one_line(str(error))}") from None

    def failure(self, message: str) -> ServerError:
        """An error without the password."""
        return ServerError(message.replace(self.password, "***") if self.password else message)


def backup(url: str, file: Path, *, binaries: Binaries) -> None:
    """Write the database at `url` to `file`, which a finished backup replaces and a failed one leaves alone.

    Only this user can read it: it holds what is hidden from the other roles.

    Raises:
        ServerError: the server cannot be reached, is newer than `pg_dump`, or the file cannot be written.
    """
    target = _parse_target(url)
    _check_version(target, binaries)
    unfinished = file.absolute().with_name(f".{file.name}.part")
    try:
        dump = [binaries.program("pg_dump"), "--format=custom", f"--file={unfinished}", f"--dbname={target.conninfo}"]
        _run(dump, target, f"no backup in {file}")
        unfinished.replace(file)
    except OSError as error:
        raise ServerError(f"no backup in {file} ({error.strerror}): choose another place") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def restore(
    url: str, file: Path, *, binaries: Binaries, roles: Sequence[str] = (API_ROLE,), replace: bool = False
) -> None:
    """Put what `file` holds into the database at `url`, in one transaction: a failure leaves the database as it was.

    All of it will belong to the role that `url` names. `roles`, whom the file may grant rights, are made when absent,
    with login and nothing else; so is the editor, without login, as whom the API's role may act. With `replace`, what
    the database held goes in the same transaction.

    Raises:
        ServerError: the file is not a backup, the database is in use or (without `replace`) not empty, or the role of
            `url` lacks a right; the message then holds the SQL for an administrator.
    """
    target = _parse_target(url)
    entries = _entries(file, binaries, target)
    with target.connect() as connection:
        if not replace and not is_empty(connection):
            raise ServerError("the database is not empty: restore into an empty one, or ask for it to be replaced")
        _prepare(connection, roles)
    with tempfile.NamedTemporaryFile() as selection:
        selection.write(entries)
        selection.flush()
        script = [binaries.program("pg_restore"), "--no-owner", f"--use-list={selection.name}", "--file=-", str(file)]
        _replay(script, target, binaries, begin=_BEGIN + (_EMPTY if replace else ""))


def is_empty(connection: Connection[tuple[Any, ...]]) -> bool:
    """Whether no user has put anything into the database; extensions do not count."""
    return connection.execute(f"SELECT FROM ({_OBJECTS} UNION ALL {_SCHEMAS}) AS found LIMIT 1").fetchone() is None


def _parse_target(url: str) -> _Target:
    try:
        parts = conninfo_to_dict(re.sub(r"^postgresql\+\w+:", "postgresql:", url))
    except psycopg.ProgrammingError:  # its text holds pieces of the address, the password's among them
        raise ServerError("the database's address cannot be read: percent-encode what is special in it") from None
    password = str(parts.pop("password", None) or "")
    return _Target(make_conninfo("", **{"connect_timeout": 10, **parts}), password)


def _check_version(target: _Target, binaries: Binaries) -> None:
    with target.connect() as connection:
        major = connection.info.server_version // 10_000
    if major > binaries.major:
        raise ServerError(
            f"the server is PostgreSQL {major} and {binaries.folder}/pg_dump is {binaries.major}: "
            f"put the programs of PostgreSQL {major} on PATH"
        )


def _entries(file: Path, binaries: Binaries, target: _Target) -> bytes:
    """The backup's table of contents, without the entries that are left alone."""
    listing = _run([binaries.program("pg_restore"), "--list", str(file)], target, f"{file} cannot be restored")
    return b"".join(line for line in listing.splitlines(keepends=True) if not _LEFT_ALONE.match(line))


def _prepare(connection: Connection[tuple[Any, ...]], roles: Sequence[str]) -> None:
    if not connection.execute("SELECT FROM pg_extension WHERE extname = 'vector'").fetchall():
        _administer(connection, sql.SQL("CREATE EXTENSION vector"))
    for role in roles:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchall():
            _administer(connection, sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    for statement, is_done in _EDITOR:
        if not connection.execute(is_done).fetchall():
            _administer(connection, sql.SQL(statement))


def _administer(connection: Connection[tuple[Any, ...]], statement: sql.SQL | sql.Composed) -> None:
    try:
        connection.execute(statement)
    except psycopg.Error as error:
        text = f"{statement.as_string()}; in the database {connection.info.dbname}"
        raise ServerError(f"{one_line(str(error))}: ask an administrator to run {text}, then restore again") from error


def _run(command: list[str], target: _Target, trouble: str) -> bytes:
    done = subprocess.run(
        command, env=target.environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, umask=0o077
    )
    if done.returncode:
        raise target.failure(f"{trouble}: {one_line(done.stderr.decode(errors='replace'))}")
    return done.stdout


def _replay(script: list[str], target: _Target, binaries: Binaries, *, begin: str) -> None:
    with tempfile.TemporaryFile() as errors:
        with _open_psql(target, binaries, errors) as psql:
            complete = _feed(cast("IO[bytes]", psql.stdin), script, target, begin=begin, errors=errors)
        errors.seek(0)
        if psql.returncode or not complete:
            raise target.failure(f"not restored, all is as it was: {one_line(errors.read().decode(errors='replace'))}")


def _feed(entry: IO[bytes], script: list[str], target: _Target, *, begin: str, errors: IO[bytes]) -> bool:
    """Write the script between `begin` and a COMMIT, which goes out only when all of the script came."""
    with suppress(BrokenPipeError), entry:
        entry.write(begin.encode())
        entry.flush()
        came = subprocess.run(script, env=target.environment, stdout=entry, stderr=errors, check=False)
        complete = came.returncode == 0
        entry.write(_END.encode() if complete else b"")
        return complete
    return False


def _open_psql(target: _Target, binaries: Binaries, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [binaries.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={target.conninfo}"]
    return subprocess.Popen(
        command, env=target.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
    )
