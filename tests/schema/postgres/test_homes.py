"""Homes of every kind: long, oddly named, not writable, full, of another version, another user's."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from schema.errors import ServerError, WrongMajorVersion
from schema.postgres.binaries import Binaries
from schema.postgres.folders import LONGEST_SOCKET, is_private
from schema.postgres.postmaster import read_pid_file
from schema.postgres.server import EmbeddedServer

CopyHome = Callable[[Path], Path]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]

_START = """
import sys, pathlib
from schema.errors import ServerError
from schema.postgres.server import EmbeddedServer
home = pathlib.Path(sys.argv[1])
try:
    with EmbeddedServer(home).lease() as address, address.connect() as owner:
        print(owner.execute("SELECT 1").fetchone()[0])
except ServerError as error:
    print(error)
print(sorted(path.name for path in (home / "postgres").iterdir()))
"""


@pytest.mark.parametrize(
    "name", ["mit Leerzeichen", "größe-肺", "a'b\"c\\d", "$HOME `id` %41", "one,two", "a:b@c?d=e&f#g"]
)
def test_names_with_odd_characters(tmp_path: Path, copy_home: CopyHome, name: str) -> None:
    home = copy_home(tmp_path / name)
    with EmbeddedServer(home).lease() as address, address.connect() as owner:
        assert owner.execute("SELECT 1").fetchone() == (1,)
        engine = create_engine(address.url().replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT current_user")).scalar_one() == "groundct_owner"
        engine.dispose()


def test_a_long_name_puts_the_socket_into_a_private_folder(tmp_path: Path, copy_home: CopyHome) -> None:
    home = copy_home(tmp_path / ("long" * 30))
    server = EmbeddedServer(home)
    with server.lease() as address:
        assert len(os.fsencode(address.folder)) < LONGEST_SOCKET
        assert address.folder.parent == Path(tempfile.gettempdir())
        assert is_private(address.folder)
        with EmbeddedServer(home).lease() as other:
            assert other == address
    assert not address.folder.exists()


def test_a_planted_folder_is_not_trusted(tmp_path: Path, copy_home: CopyHome) -> None:
    server = EmbeddedServer(copy_home(tmp_path / ("long" * 30)))
    with server.lease() as address:
        moved = address.folder.rename(address.folder.with_name(f"{address.folder.name}-moved"))
        address.folder.symlink_to(moved)
        assert not server.is_running()
        assert server.ensure_running().folder != address.folder
        address.folder.unlink()
        moved.rmdir()


def test_the_folder_of_a_killed_server_is_used_again(tmp_path: Path, copy_home: CopyHome) -> None:
    server = EmbeddedServer(copy_home(tmp_path / ("long" * 30)))
    with server.lease() as address:
        server.stop("immediate")
        (tmp_path / ("long" * 30) / "postgres/data/postmaster.pid").write_text(
            f"1\n{tmp_path}\n0\n5432\n{address.folder}\n"
        )
        address.folder.mkdir(mode=0o700, exist_ok=True)
        assert server.ensure_running() == address


def test_two_homes_side_by_side(tmp_path: Path, copy_home: CopyHome) -> None:
    first, second = EmbeddedServer(copy_home(tmp_path / "first")), EmbeddedServer(copy_home(tmp_path / "second"))
    with first.lease() as one, second.lease() as two:
        with one.connect() as owner:
            owner.execute("CREATE TABLE here ()")
        with two.connect() as owner:
            assert owner.execute("SELECT FROM pg_tables WHERE tablename = 'here'").rowcount == 0
        first.stop()
        assert second.is_running()


def test_a_link_to_a_home_is_that_home(tmp_path: Path, copy_home: CopyHome) -> None:
    home = copy_home(tmp_path / "home")
    (tmp_path / "link").symlink_to(home)
    with EmbeddedServer(home).lease() as address, EmbeddedServer(tmp_path / "link").lease() as same:
        assert address == same


def test_a_home_that_was_removed_is_left_quietly(tmp_path: Path, copy_home: CopyHome) -> None:
    server = EmbeddedServer(copy_home(tmp_path / "home"))
    lease = server.attach()
    (tmp_path / "home").rename(tmp_path / "gone")
    lease.leave()
    assert not (tmp_path / "home").exists()
    EmbeddedServer(tmp_path / "gone").stop("immediate")


@pytest.mark.parametrize("place", ["/proc/groundct", "file/home"])
def test_a_home_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / place
    with pytest.raises(ServerError, match=f"{home} cannot be used .*: set GROUNDCT_HOME"):
        EmbeddedServer(home).ensure_running()


def test_a_home_of_another_user(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    folder = tmp_path / "postgres"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    server = EmbeddedServer(tmp_path)
    for call in (server.ensure_running, server.stop, server.status):
        with pytest.raises(ServerError, match=f"{folder} belongs to another user: run as that user"):
            call()


def test_a_data_folder_of_another_major_version(tmp_path: Path, copy_home: CopyHome, binaries: Binaries) -> None:
    home = copy_home(tmp_path / "home")
    (home / "postgres/data/PG_VERSION").write_text("16\n")
    with pytest.raises(WrongMajorVersion, match=f"PostgreSQL 16 .* PostgreSQL {binaries.major}: `groundct backup`"):
        EmbeddedServer(home).ensure_running()
    assert EmbeddedServer(home).status().clients == ()


def test_a_data_folder_that_is_not_postgresqls(tmp_path: Path) -> None:
    (tmp_path / "postgres/data").mkdir(parents=True)
    with pytest.raises(ServerError, match="not a data folder"):
        EmbeddedServer(tmp_path).ensure_running()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, copy_home: CopyHome) -> None:
    home = copy_home(tmp_path / "home")
    with (home / "postgres/data/postgresql.conf").open("a") as configuration:
        configuration.write("no_such_setting = 1\n")
    with pytest.raises(ServerError, match=r"does not start .*postgresql.conf.* contains errors.*: see .*/log"):
        EmbeddedServer(home).ensure_running()


def test_a_full_disk_leaves_no_half_database(tmp_path: Path, run_script: RunScript) -> None:
    mount = f'mount -t tmpfs -o size=24m,mode=755 none {tmp_path} && exec "$@"'
    done = run_script(_START, tmp_path, prefix=(*_namespace("--mount"), "sh", "-c", mount, "sh"))
    message, left = done.stdout.splitlines()
    assert "No space left on device" in message
    assert "make room, or set GROUNDCT_HOME" in message
    assert left == "['clients', 'lock']"


def test_root_without_namespaces_is_told_how_to_go_on(tmp_path: Path, run_script: RunScript) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = run_script(_START, tmp_path, prefix=(*_namespace(), "sh", "-c", forbid, "sh"))
    assert "run GroundCT as an ordinary user, or set GROUNDCT_DATABASE_URL" in done.stdout, done


def test_ordinary_users_and_root_find_the_same_way(tmp_path: Path, copy_home: CopyHome, run_script: RunScript) -> None:
    """Without mapping to a name as root has it, and with a number that has no name."""
    for number in ("1", "54321", "0"):
        home = copy_home(tmp_path / number)
        done = run_script(_START, home, prefix=("unshare", "--user", f"--map-user={number}", f"--map-group={number}"))
        assert done.stdout.startswith("1\n"), done
        assert read_pid_file(home / "postgres/data") is None


def _namespace(*more: str) -> tuple[str, ...]:
    prefix = ("unshare", "--user", "--map-root-user", *more)
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    return prefix
