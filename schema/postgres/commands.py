"""Running the programs that PostgreSQL refuses to run as root, and what they say when they fail."""

import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path

from schema.errors import ServerError

_ANOTHER_WAY = "run GroundCT as an ordinary user, or set GROUNDCT_DATABASE_URL to a server of your own"


def run_server_program(command: list[str], *, folder: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Run `initdb` or `pg_ctl` in `folder`, in a session of its own, so that Ctrl-C does not reach the server.

    Raises:
        ServerError: this user is one that PostgreSQL refuses, and there is no namespace in which to be another.
    """
    try:
        done = subprocess.run(
            [*_prefix(), *command],
            cwd=folder,
            env=_environment(data),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ServerError(f"{error.filename} is not there: install it (util-linux), or {_ANOTHER_WAY}") from error
    if done.stderr.startswith("unshare: "):
        raise ServerError(f"PostgreSQL does not run as this user, and {one_line(done.stderr)}: {_ANOTHER_WAY}")
    return done


def one_line(output: str) -> str:
    """The line of a program's output that tells the most: its first error, or else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "rror: " in line or "ERROR: " in line or "FATAL: " in line]
    return (errors or lines[-1:] or ["it said nothing"])[0]


def _prefix() -> list[str]:
    """PostgreSQL refuses root, and `initdb` a user without a name: either gets a namespace with a name in it."""
    if os.geteuid() and _has_name(os.geteuid()):
        return []
    number = next((entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid), None)
    if number is None:
        raise ServerError(f"PostgreSQL does not run as this user, and /etc/passwd names no other: {_ANOTHER_WAY}")
    return ["unshare", "--user", f"--map-user={number}", f"--map-group={number}"]


def _has_name(user: int) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwuid(user))
    return False


def _environment(data: Path) -> dict[str, str]:
    """Nothing of the caller's PG* variables. The data folder goes this way because `pg_ctl` pastes -D into a shell."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return mine | {"PGDATA": str(data), "LC_ALL": "C"}
