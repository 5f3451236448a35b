"""What docker-compose.yml promises: its form, who may write what, who knows which password, what can be reached."""

import re
import subprocess
import sys
from typing import Any

import pytest

from schema.settings import Settings
from tests.deployment.conftest import PASSWORDS
from tests.deployment.deployment import COMPOSE, ROOT, TMP, VariableMissing, read_compose

DOCUMENT = read_compose(PASSWORDS)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
LASTING = {"database", "api", "dask-scheduler", "dask-worker"}
ONE_SHOT = {"migrate", "groundct"}

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_services() -> None:
    assert set(SERVICES) == LASTING | ONE_SHOT


@pytest.mark.parametrize(
    "command",
    [
        ("check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
        (
            "yamllint",
            "--strict",
            "--config-data",
            "{extends: default, rules: {line-length: {max: 120}, document-start: disable}}",
        ),
    ],
    ids=["the specification of compose", "yamllint"],
)
def test_form(command: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *command, str(COMPOSE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@every_service
def test_it_may_do_little(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] in ("postgres", "10001:0")
    assert TMP in [mount.partition(":")[0] for mount in service["tmpfs"]]


@pytest.mark.parametrize("name", SERVICES)
def test_restarts_and_health(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("unless-stopped" if name in LASTING else "no")
    assert ("healthcheck" in service) == (name in LASTING)
    for needed, how in service.get("depends_on", {}).items():
        lasting = needed in LASTING
        assert how == {"condition": "service_healthy" if lasting else "service_completed_successfully"}


@pytest.mark.parametrize("missing", PASSWORDS)
def test_there_is_no_default_password(missing: str) -> None:
    with pytest.raises(VariableMissing, match=rf"{missing}: set it in .env"):
        read_compose({name: value for name, value in PASSWORDS.items() if name != missing})


def test_every_password_is_a_variable() -> None:
    lines = [line for line in COMPOSE.read_text().splitlines() if not line.lstrip().startswith("#")]
    given = [line for line in lines if re.search(r"password|:[^/ ]+@", line, re.IGNORECASE)]
    assert len(given) >= 4
    for line in given:
        assert re.search(r"\$\{GROUNDCT_(OWNER|API)_PASSWORD:\?set it in \.env\}|create-database\.sql", line), line


def test_only_the_api_is_published_and_on_loopback_alone() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    assert SERVICES["api"]["ports"] == ["127.0.0.1:8000:8000"]
    assert [name for name, service in SERVICES.items() if "front" in service["networks"]] == ["api"]
    assert {name for name, network in DOCUMENT["networks"].items() if network == {"internal": True}} == {
        "storage",
        "cluster",
    }


@pytest.mark.parametrize("name", ["api", "dask-scheduler", "dask-worker"])
def test_services_that_last_know_nothing_of_the_owner(name: str) -> None:
    assert PASSWORDS["GROUNDCT_OWNER_PASSWORD"] not in str(SERVICES[name])


def test_the_api_finds_no_labels_of_hidden_splits() -> None:
    (arrays,) = SERVICES["api"]["volumes"]
    assert arrays == "arrays:/var/lib/groundct/arrays:ro"
    covered = [mount.partition(":")[0] for mount in SERVICES["api"]["tmpfs"]]
    assert {"/var/lib/groundct/arrays/hidden", "/var/lib/groundct/arrays/scratch"} <= set(covered)


def test_the_data_of_postgresql_18_lie_in_the_volume() -> None:
    assert SERVICES["database"]["image"] == "pgvector/pgvector:pg18"
    assert "database:/var/lib/postgresql" in SERVICES["database"]["volumes"]
    assert "PGDATA" not in SERVICES["database"]["environment"]


@every_service
def test_what_is_mounted_is_there(service: dict[str, Any]) -> None:
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        assert source in DOCUMENT["volumes"] or source == "./data" or (ROOT / source).is_file()


def test_workers_can_be_many() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["dask-worker"])


@every_service
def test_every_variable_is_a_setting(service: dict[str, Any]) -> None:
    known = {f"GROUNDCT_{name}".upper() for name in Settings.model_fields}
    given = {name for name in service.get("environment", {}) if name.startswith("GROUNDCT_")}
    assert given - {"GROUNDCT_OWNER_PASSWORD"} <= known
