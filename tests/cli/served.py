"""`groundct serve` as a process of its own, for as long as a block lasts."""

import http.client
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.conftest import CommandLine

COUNT = "{ scans { totalCount } }"


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    port: int

    def ask(self, query: str = COUNT, path: str = "/graphql", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = json.dumps({"query": query, "operationName": None})
            connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self) -> tuple[str, str]:
        """Ask it to end, and give what it printed."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=60)


@contextmanager
def served(command_line: CommandLine, *options: str) -> Iterator[Served]:
    process = command_line.start("serve", "--port", "0", *options)
    assert process.stdout is not None
    try:
        found = re.search(r":(\d+)/graphql", process.stdout.readline())
        assert found, process.communicate(timeout=10)
        yield Served(process, int(found[1]))
    finally:
        process.kill()
        process.communicate()
