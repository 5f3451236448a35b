"""docker-compose.yml and Dockerfile, read; and their services as plain processes of this machine."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.tcp_server import TcpServer, free_port

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"

TMP = "/tmp"  # noqa: S108 - a container's own
PORTS = ("8000", "8786", "8787", "8789")
"""The containers' ports; each becomes a free one here."""

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[?-])(?P<rest>[^}]*))?\}")


class VariableMissing(LookupError):
    """A variable that docker-compose.yml asks for is not set."""


def read_compose(variables: dict[str, str]) -> dict[str, Any]:
    """Read docker-compose.yml with the variables put in, by the rules of compose: `${A}`, `${A:?}`, `${A:-b}`."""
    document: dict[str, Any] = _interpolated(yaml.safe_load(COMPOSE.read_text()), variables)
    return document


def _interpolated(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(one, variables) for one in value]
    return _VARIABLE.sub(lambda found: _value(found, variables), value) if isinstance(value, str) else value


def _value(found: re.Match[str], variables: dict[str, str]) -> str:
    given = variables.get(found["name"])
    if given or found["how"] is None:
        return given or ""
    if found["how"] == "?":
        raise VariableMissing(f"{found['name']}: {found['rest']}")
    return str(found["rest"])


def read_instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile's instructions with their arguments, continued lines joined, comments left out."""
    lines = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    joined = lines.replace("\\\n", " ").splitlines()
    return [(name.upper(), rest.strip()) for name, _, rest in (line.partition(" ") for line in joined if line)]


def image_environment() -> dict[str, str]:
    """Give what the image's last stage sets with ENV."""
    instructions = read_instructions()
    last = max(n for n, (name, _) in enumerate(instructions) if name == "FROM")
    given = " ".join(rest for name, rest in instructions[last:] if name == "ENV")
    return dict(re.findall(r"(\w+)=(\S+)", given))


@dataclass
class Deployment:
    """The services as processes. Names, ports and paths of the containers become this machine's, and nothing else."""

    folder: Path
    server: TcpServer
    services: dict[str, dict[str, Any]]
    started: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _ready: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in ("tmp", "data"):
            (self.folder / name).mkdir()
        (self.folder / "groundct/arrays").mkdir(parents=True)
        self._here = {
            "@database/": f"@127.0.0.1:{self.server.port}/",
            "5432": str(self.server.port),
            "dask-scheduler": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - here, nobody else is to reach it
            "/opt/groundct/bin": str(Path(sys.executable).parent),
            "/var/lib/groundct": str(self.folder / "groundct"),
            TMP: str(self.folder / "tmp"),
            **{port: str(free_port()) for port in PORTS},
        }
        self._theirs = re.compile("|".join(rf"(?<!\d){re.escape(one)}(?!\d)" for one in self._here))

    def here(self, text: str) -> str:
        """Translate what a container says into what it means on this machine."""
        return self._theirs.sub(lambda found: self._here[found[0]], text)

    def run(self, service: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a service to its end, as `docker compose run` does; arguments replace its command."""
        command = [*self._entrypoint(service), *(arguments or map(self.here, self.services[service]["command"]))]
        return self._run(command, service)

    def up(self, service: str) -> None:
        """Bring a service up after those that it depends on, each in the condition that it asks for."""
        for needed, how in self.services[service].get("depends_on", {}).items():
            if needed not in self._ready:
                self.up(needed)
            assert ("healthcheck" in self.services[needed]) == (how["condition"] == "service_healthy")
        if "healthcheck" in self.services[service]:
            self._start(service)
        else:
            done = self.run(service)
            assert done.returncode == 0, done.stdout + done.stderr
        self._ready.add(service)

    def _start(self, service: str) -> None:
        if service != "database":  # that one runs already
            command = [*self._entrypoint(service), *map(self.here, self.services[service]["command"])]
            with (self.folder / f"{service}.log").open("wb") as log:
                self.started[service] = subprocess.Popen(
                    command,
                    env=self._environment(service),
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        end = time.monotonic() + 60
        while (check := self.check_health(service)).returncode:
            assert service not in self.started or self.started[service].poll() is None, self.log(service)
            assert time.monotonic() < end, f"{service} is not healthy: {check.stderr} {self.log(service)}"
            time.sleep(0.2)

    def check_health(self, service: str) -> "subprocess.CompletedProcess[str]":
        """Run a service's health check once."""
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self._run([self.here(part) for part in command], service)

    def log(self, service: str) -> str:
        """Give what a started service has printed."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def stop(self) -> None:
        """End what was started, as compose does: SIGTERM first."""
        for process in reversed(self.started.values()):
            process.terminate()
        for process in self.started.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _entrypoint(self, service: str) -> list[str]:
        return [self.here(part) for part in self.services[service].get("entrypoint", [])]

    def _run(self, command: list[str], service: str) -> "subprocess.CompletedProcess[str]":
        environment = self._environment(service)
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )

    def _environment(self, service: str) -> dict[str, str]:
        """A container's alone, nothing of this process's; but what numba has compiled already may stay."""
        given = {name: self.here(value) for name, value in self.services[service].get("environment", {}).items()}
        mine = {name: self.here(value) for name, value in image_environment().items()}
        mine["PATH"] += f"{os.pathsep}{self.server.binaries.folder}"
        kept = {name: os.environ[name] for name in ("NUMBA_CACHE_DIR",) if name in os.environ}
        return mine | given | kept
