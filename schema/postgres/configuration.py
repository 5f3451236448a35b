"""The settings of the embedded server, computed for this machine and written anew at each start."""

import os
import shutil
import sys
from pathlib import Path

import psutil

from schema.postgres.address import PORT

FILE = "groundct.conf"
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""What a container may use, in bytes, or `max`."""
_MB = 1 << 20


def write_configuration(data: Path, *, socket_folder: Path) -> None:
    """Write the managed file into the data folder; `postgresql.conf` includes it, `ALTER SYSTEM` overrides it."""
    settings = machine_settings(_memory()) | {"unix_socket_directories": _listed(socket_folder)}
    lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
    text = "# Written by GroundCT at each start. Use ALTER SYSTEM for changes of your own.\n" + "".join(lines)
    (data / FILE).write_bytes(os.fsencode(text))


def include_configuration(data: Path) -> None:
    """Make `postgresql.conf` read the managed file."""
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"\ninclude_if_exists = '{FILE}'\n")


def machine_settings(memory: int) -> dict[str, str]:
    """Settings for a machine with so many bytes of memory, which the server shares with everything else there."""
    maintenance = _clamped(memory // 64, 64 * _MB, 512 * _MB)
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": _mb(_clamped(memory // 4, 64 * _MB, 4096 * _MB)),
        "effective_cache_size": _mb(memory // 4),
        "work_mem": "16MB",
        "maintenance_work_mem": _mb(maintenance),
        "dynamic_shared_memory_type": _shared_memory(maintenance),
        "huge_pages": "off",
        "jit": "off",
        "random_page_cost": "1.1",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        "max_locks_per_transaction": "256",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }


def _memory() -> int:
    """The machine's memory in bytes, or as much of it as this container may use."""
    limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.is_file() else "max"
    return min(psutil.virtual_memory().total, int(limit) if limit.isdigit() else sys.maxsize)


def _shared_memory(needed: int) -> str:
    """A container's /dev/shm is often 64 MB, in which a parallel index build fails; files in the data folder do not."""
    place = Path("/dev/shm")  # noqa: S108 - only its size is asked
    return "mmap" if place.is_dir() and shutil.disk_usage(place).total < 2 * needed else "posix"


def _clamped(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _mb(size: int) -> str:
    return f"{size // _MB}MB"


def _listed(folder: Path) -> str:
    return '"' + str(folder).replace('"', '""') + '"'


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
