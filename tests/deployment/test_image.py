"""What the Dockerfile promises: no root, nothing written outside a few folders, pinned versions, all that is needed."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.deployment.deployment import ROOT, TMP, image_environment, read_instructions

INSTRUCTIONS = read_instructions()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def _copied() -> list[str]:
    """What comes from the checkout, by name."""
    copies = [rest.split() for name, rest in INSTRUCTIONS if name == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def test_it_runs_as_nobody_in_particular() -> None:
    *_, (_, user) = [one for one in INSTRUCTIONS if one[0] == "USER"]
    number, _, group = user.partition(":")
    assert int(number) >= 1000
    assert group == "0"


def test_its_bases_name_no_registry() -> None:
    bases = [rest.split()[0] for name, rest in INSTRUCTIONS if name == "FROM"]
    assert bases == ["python:${PYTHON}-slim"] * 2
    assert dict(INSTRUCTIONS)["ARG"] == "PYTHON=3.12"
    assert "Programming Language :: Python :: 3.12" in PROJECT["project"]["classifiers"]


def test_every_installation_is_pinned() -> None:
    installs = [
        part for name, rest in INSTRUCTIONS if name == "RUN" for part in rest.split("&&") if "pip install" in part
    ]
    assert len(installs) == 3
    assert all(re.search("--constraint constraints.txt|--no-deps", part) for part in installs)


def test_what_is_written_lies_in_folders_that_are_mounted() -> None:
    environment = image_environment()
    assert environment["HOME"] == TMP
    assert environment["NUMBA_CACHE_DIR"].startswith(f"{TMP}/")
    assert environment["GROUNDCT_ARRAYS"] == f"{environment['GROUNDCT_HOME']}/arrays"


def test_dockerignore_lets_in_what_is_copied_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(_copied())


def test_what_is_copied_is_enough_to_build_the_project(tmp_path: Path) -> None:
    assert set(PACKAGES) <= set(_copied())
    for name in _copied():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    command = ["wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", *command, "--wheel-dir=wheel", "."], cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    built = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {
        str(path.relative_to(tmp_path)) for name in PACKAGES for path in (tmp_path / name).rglob("*") if path.is_file()
    }
    assert built == files


@pytest.mark.parametrize("name", ["groundct", "dask", "python"])
def test_programs_that_services_start_come_with_the_project(name: str) -> None:
    assert (Path(sys.executable).parent / name).exists()
