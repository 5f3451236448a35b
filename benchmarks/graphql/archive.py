"""An archive of any number of findings, in an embedded server of its own: written by SQL, since only rows matter."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import psycopg

from migrations.ready import ready_database
from schema.database import Database, Role
from schema.settings import Settings

ENTITIES_A_FINDING = 2


def archive_home(folder: Path, findings: int) -> Path:
    """Give the home of the archive of so many findings below a folder."""
    return folder / f"findings-{findings}"


@contextmanager
def open_archive(home: Path, findings: int) -> Iterator[Database]:
    """Open the archive of so many findings below a folder; it is made the first time, which a million takes minutes."""
    with ready_database(Settings(home=archive_home(home, findings))) as database:
        with psycopg.connect(database.url(Role.OWNER).render_as_string(hide_password=False)) as connection:
            (there,) = connection.execute("SELECT count(*) FROM finding").fetchone() or (0,)
            if there != findings:
                connection.execute(_text(findings))
        with psycopg.connect(
            database.url(Role.OWNER).render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute("ANALYZE")
        yield database


def _text(findings: int) -> bytes:
    text = resources.files("benchmarks.graphql").joinpath("archive.sql").read_text("utf-8")
    return text.replace(":findings", str(findings)).replace(":entities", str(ENTITIES_A_FINDING)).encode()
