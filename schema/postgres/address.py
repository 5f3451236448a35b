"""Where a server is reached: a Unix socket and a database, and the URL that drivers read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

DATABASE = "groundct"
OWNER = "groundct_owner"
SUPERUSER = "postgres"
PORT = 5432
"""The number in the socket's name; nothing listens on a network."""
SOCKET = f".s.PGSQL.{PORT}"


@dataclass(frozen=True)
class Address:
    """The embedded server behind the socket in `folder`. It holds no password, because the folder's mode is the key."""

    folder: Path

    def url(self, role: str = OWNER, database: str = DATABASE) -> str:
        """The address for `role`, as libpq, psycopg and (after a change of scheme) SQLAlchemy read it."""
        host = quote(str(self.folder), safe="/")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def connect(self, role: str = OWNER, database: str = DATABASE) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect, in autocommit mode.

        Raises:
            psycopg.OperationalError: the server does not answer within two seconds.
        """
        return psycopg.connect(
            host=str(self.folder), port=PORT, user=role, dbname=database, connect_timeout=2, autocommit=True
        )
