"""A PostgreSQL server like one that somebody else runs: reached over TCP, by passwords, with roles of its own."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from schema.postgres.binaries import Binaries, find_binaries
from schema.postgres.commands import run_server_program

SUPERUSER = "postgres"


@dataclass(frozen=True)
class TcpServer:
    """It runs. Its socket is the administrator's; everybody else comes over TCP, with a password (SCRAM)."""

    folder: Path
    port: int
    binaries: Binaries

    def url(self, user: str, password: str, database: str = "groundct") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def administer(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
        """Connect as the superuser, through the socket."""
        return psycopg.connect(host=str(self.folder), port=self.port, user=SUPERUSER, dbname=database, autocommit=True)

    def run_script(self, script: Path, environment: dict[str, str]) -> None:
        """Run a file as the superuser in psql, as the image of PostgreSQL runs it when it makes a database."""
        address = [f"--host={self.folder}", f"--port={self.port}", f"--username={SUPERUSER}", "--dbname=postgres"]
        options = ["--set=ON_ERROR_STOP=1", "--no-password", "--no-psqlrc", "--quiet"]
        command = [self.binaries.program("psql"), *options, *address, f"--file={script}"]
        subprocess.run(command, env=os.environ | environment, check=True)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def run_tcp_server(
    *, superuser_password: str, initdb: Sequence[str] = (), options: Sequence[str] = ()
) -> Iterator[TcpServer]:
    """Make a server as its image does: trust on the socket, passwords elsewhere. It logs every statement."""
    folder = Path(tempfile.mkdtemp(prefix="groundct-tcp-"))  # a socket's path must be short
    server = TcpServer(folder, free_port(), find_binaries())
    (folder / "password").write_text(superuser_password)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "log_statement": "all",
        "shared_buffers": "64MB",
    }
    given = [*options, *(f"--{name}={value}" for name, value in settings.items())]
    accounts = [f"--username={SUPERUSER}", "--pwfile=password", "--auth-local=trust", "--auth-host=scram-sha-256"]
    try:
        _run(server, "initdb", *accounts, "--no-sync", *initdb)
        _run(server, "pg_ctl", "start", "--wait", "--silent", "--log=log", "--options", " ".join(given))
        try:
            yield server
        finally:
            _run(server, "pg_ctl", "stop", "--mode=immediate", "--silent")
    finally:
        shutil.rmtree(folder)


def _run(server: TcpServer, program: str, *arguments: str) -> None:
    command = [server.binaries.program(program), *arguments]
    done = run_server_program(command, folder=server.folder, data=server.folder / "data")
    assert done.returncode == 0, done.stdout + done.stderr


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
