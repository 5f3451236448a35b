"""Every service's command and health check, run as docker-compose.yml writes them, in the order of its conditions."""

import http.client
import json
from typing import Any

import psycopg
import pytest
from distributed import Client
from psycopg.errors import InsufficientPrivilege

from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from tests.deployment.conftest import PASSWORDS
from tests.deployment.deployment import Deployment

HIDDEN_SPLIT = "val"


@pytest.fixture(scope="module")
def up(deployment: Deployment) -> Deployment:
    """All services that run for long, healthy, after the migration."""
    for service in ("api", "dask-worker"):
        deployment.up(service)
    return deployment


@pytest.fixture(scope="module")
def imported(up: Deployment) -> dict[str, Any]:
    """The report of an import on the scheduler and its worker; one of two splits is hidden."""
    make_dataset(up.folder / "data", scans=2, faults=False, second=False)
    options = ["--round", "first", "--release", "first", "--hide", HIDDEN_SPLIT, "--json"]
    done = up.run("groundct", "ingest", "rexgroundingct", str(up.folder / "data/dataset.json"), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _ask(up: Deployment, query: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", int(up.here("8000")), timeout=30)
    body = json.dumps({"query": query})
    connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert "errors" not in answer, answer
    return answer["data"]


def test_the_import_ran_on_the_worker(up: Deployment, imported: dict[str, Any]) -> None:
    assert imported["scans"] == {"new": 2, "unchanged": 0, "left_out": 0}
    address = up.here(up.services["groundct"]["environment"]["GROUNDCT_DASK_ADDRESS"])
    with Client(address, timeout="30s", set_as_default=False) as client:
        assert list(client.run(eval, f"{import_dataset.__module__!r} in __import__('sys').modules").values()) == [True]


def test_the_api_answers_over_http_without_the_hidden_split(up: Deployment, imported: dict[str, Any]) -> None:
    scans = _ask(up, "{ scans(first: 10) { edges { node { name findings { entities { label } } } } } }")["scans"]
    entities = [
        entity for edge in scans["edges"] for finding in edge["node"]["findings"] for entity in finding["entities"]
    ]
    assert len(scans["edges"]) == 2
    assert 0 < len(entities) < imported["entities"]["new"]


def test_the_login_of_the_api_cannot_read_what_is_hidden(up: Deployment, imported: dict[str, Any]) -> None:
    url = up.here(up.services["api"]["environment"]["GROUNDCT_DATABASE_URL"])
    with psycopg.connect(url) as connection:
        for statement in ("SELECT FROM hidden.annotation", "SET ROLE groundct_owner", "CREATE TABLE mine ()"):
            with pytest.raises(InsufficientPrivilege), connection.transaction():
                connection.execute(statement.encode())


def test_the_process_of_the_api_is_told_nothing_of_the_owner(up: Deployment, imported: dict[str, Any]) -> None:
    document = json.loads(up.run("api", "groundct", "status", "--json").stdout)
    assert document["hidden"] == {"entities": None, "mask_bytes": None}
    assert document["counts"]["scans"] == 2
    with_owner = json.loads(up.run("groundct", "status", "--json").stdout)
    shown = with_owner["counts"]["entities"], with_owner["hidden"]["entities"]
    assert sum(shown) == imported["entities"]["new"]
    assert all(shown)


@pytest.mark.parametrize(
    "command",
    [("migrate",), ("verify",), ("backup", "file")],
    ids=" ".join,
)
def test_commands_that_need_the_owner_say_so(up: Deployment, command: tuple[str, ...]) -> None:
    done = up.run("api", "groundct", *command)
    assert done.returncode == 2
    assert done.stderr == "error: this needs the owner: set GROUNDCT_OWNER_URL\n"


def test_commands_that_do_not_need_the_owner_work_without(up: Deployment, imported: dict[str, Any]) -> None:
    for command in (("query", "{ scans { totalCount } }"), ("search", "nodule", "--json"), ("release", "list")):
        done = up.run("api", "groundct", *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_password_of_the_api_reaches_the_servers_log(up: Deployment) -> None:
    assert "ALTER ROLE" in up.server.log
    assert PASSWORDS["GROUNDCT_API_PASSWORD"] not in up.server.log


def test_a_wrong_password_is_one_line_without_it(up: Deployment) -> None:
    up.services["wrong"] = up.services["api"] | {
        "environment": {"GROUNDCT_DATABASE_URL": "postgresql://groundct_api:mistaken@database/groundct"}
    }
    done = up.run("wrong", "groundct", "status")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "check GROUNDCT_DATABASE_URL" in done.stderr
    assert "mistaken" not in done.stderr


def test_a_backup_by_the_service_restores_into_another_database(up: Deployment, imported: dict[str, Any]) -> None:
    file = str(up.folder / "groundct.dump")
    assert up.run("groundct", "backup", file).returncode == 0
    up.server.administer("CREATE DATABASE another OWNER groundct_owner")
    up.server.administer("CREATE EXTENSION vector", database="another")
    urls = {name: f"{url}/another" for name, url in _without_database(up.services["groundct"]["environment"]).items()}
    up.services["another"] = up.services["groundct"] | {"environment": urls}
    restored = up.run("another", "restore", file)
    assert restored.returncode == 0, restored.stderr
    document = json.loads(up.run("another", "status", "--json").stdout)
    assert document["counts"]["scans"] == 2
    assert document["counts"]["entities"] + document["hidden"]["entities"] == imported["entities"]["new"]


def _without_database(environment: dict[str, str]) -> dict[str, str]:
    return {name: value.removesuffix("/groundct") for name, value in environment.items() if name.endswith("_URL")}
