"""What goes wrong on a disk, said as `ArrayStoreError` with the path and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schema.errors import ArrayCorrupt, ArrayStoreError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn every OSError inside into an ArrayStoreError about `path`."""
    try:
        yield
    except ArrayStoreError:
        raise
    except OSError as error:
        raise ArrayStoreError(f"{path} cannot be written ({error}): {_remedy(error)}") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an OSError inside into an ArrayStoreError about `path`, missing and unreadable parts into ArrayCorrupt."""
    try:
        yield
    except ArrayStoreError:
        raise
    except FileNotFoundError as error:
        raise corrupt(path, f"a file is missing: {error}") from error
    except OSError as error:
        raise ArrayStoreError(f"{path} cannot be read ({error}): {_remedy(error)}") from error
    except Exception as error:  # codecs raise what they like: RuntimeError, ValueError, zarr's own
        raise corrupt(path, f"it cannot be decoded: {error}") from error


def corrupt(path: Path, reason: str) -> ArrayCorrupt:
    """The error for stored bytes that are not what they should be."""
    return ArrayCorrupt(f"{path} is damaged ({reason}): restore it from a backup, or remove it and import it again")


def _remedy(error: OSError) -> str:
    if error.errno in FULL:
        return "free some space, or move the store (GROUNDCT_ARRAYS), and run the command again"
    if error.errno in FORBIDDEN:
        return "give this user the right to read and write the store (GROUNDCT_ARRAYS)"
    return "look at GROUNDCT_ARRAYS and the disk that it is on"
