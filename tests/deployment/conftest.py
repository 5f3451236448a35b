"""The services of docker-compose.yml on this machine, where no container is needed to run them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.deployment import ROOT, Deployment, read_compose
from tests.deployment.tcp_server import run_tcp_server

PASSWORDS = {"GROUNDCT_OWNER_PASSWORD": "owner-pass", "GROUNDCT_API_PASSWORD": "api-pass"}


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The database as its image makes it; nothing else runs yet."""
    services = read_compose(PASSWORDS)["services"]
    database = services["database"]
    program, *options = database["command"]
    assert program == "postgres"
    with run_tcp_server(
        superuser_password=database["environment"]["POSTGRES_PASSWORD"],
        initdb=database["environment"]["POSTGRES_INITDB_ARGS"].split(),
        options=options,
    ) as server:
        for script in _first_scripts(database["volumes"]):
            server.run_script(script, database["environment"])
        deployment = Deployment(tmp_path_factory.mktemp("deployment"), server, services)
        try:
            yield deployment
        finally:
            deployment.stop()


def _first_scripts(volumes: list[str]) -> list[Path]:
    """Give the scripts that the image runs when it makes a database, in its order."""
    mounts = [volume.split(":") for volume in volumes]
    scripts = {target: source for source, target, *_ in mounts if target.startswith("/docker-entrypoint-initdb.d/")}
    return [ROOT / scripts[target] for target in sorted(scripts)]
