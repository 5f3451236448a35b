"""The house itself: what is installed, and that documents name every command, setting and fault."""

import importlib.metadata
import re
from pathlib import Path

import click
import pytest

from cli.main import groundct
from ingest.faults import RULES
from schema.import_run import FaultKind, Severity
from schema.limits import Limits
from schema.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
FAULTS = (ROOT / "docs" / "faults.md").read_text("utf-8")
SERVING = (ROOT / "docs" / "serving.md").read_text("utf-8")
PACKAGES = ("schema", "compute", "ingest", "api", "cli", "migrations")


def commands(group: click.Group, path: str) -> list[str]:
    context = click.Context(group)
    names = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            names += commands(command, f"{path} {name}")
        else:
            names.append(f"{path} {name}")
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_the_flat_packages_belong_to_this_project_alone(package: str) -> None:
    assert set(importlib.metadata.packages_distributions()[package]) == {"groundct"}


def test_nobody_can_upload_it_by_mistake() -> None:
    assert "Private :: Do Not Upload" in importlib.metadata.metadata("groundct").get_all("Classifier", [])


@pytest.mark.parametrize("command", commands(groundct, "groundct"))
def test_the_readme_names_every_command(command: str) -> None:
    assert command in README or command.replace("groundct ", "`", 1) in README


@pytest.mark.parametrize("setting", [name for name in Settings.model_fields if name != "limits"])
def test_the_readme_names_every_setting(setting: str) -> None:
    variable = Settings.model_fields[setting].validation_alias or f"GROUNDCT_{setting.upper()}"
    assert f"`{variable}`" in README


@pytest.mark.parametrize("limit", Limits.model_fields)
def test_the_documents_name_every_limit_and_what_it_is(limit: str) -> None:
    row = next(line for line in SERVING.splitlines() if line.startswith(f"| `{limit}`"))
    assert f"{Limits.model_fields[limit].default:,}" in row


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_fault_has_a_rule_and_a_line_in_the_documents(kind: FaultKind) -> None:
    row = next(line for line in FAULTS.splitlines() if re.search(rf"\b{kind.value}\b", line))
    severity, remedy = RULES[kind]
    assert remedy
    assert {Severity.LEFT_OUT: "left out", Severity.WARNING: "warning"}[severity] in row


def test_no_registry_host_or_machine_path_is_pinned() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin) for pin in pins)
