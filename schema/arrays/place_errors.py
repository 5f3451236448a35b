"""What goes wrong in a place of arrays, said as `ArrayStoreError` with the address and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from schema.errors import ArrayCorrupt, ArrayStoreError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def writing(address: str) -> Iterator[None]:
    """Turn every OSError inside into an ArrayStoreError about `address`."""
    try:
        yield
    except ArrayStoreError:
        raise
    except OSError as error:
        raise ArrayStoreError(f"{address} cannot be written ({error}): {_remedy(error)}") from error


@contextmanager
def reading(address: str) -> Iterator[None]:
    """Turn an OSError inside into an ArrayStoreError about `address`, missing and broken parts into ArrayCorrupt."""
    try:
        yield
    except ArrayStoreError:
        raise
    except FileNotFoundError as error:
        raise corrupt(address, f"a part is missing: {error}") from error
    except OSError as error:
        raise ArrayStoreError(f"{address} cannot be read ({error}): {_remedy(error)}") from error
    except Exception as error:  # codecs raise what they like: RuntimeError, ValueError, zarr's own
        raise corrupt(address, f"it cannot be decoded: {error}") from error


def corrupt(address: str, reason: str) -> ArrayCorrupt:
    """The error for stored bytes that are not what they should be."""
    return ArrayCorrupt(f"{address} is damaged ({reason}): restore it from a backup, or remove it and import it again")


def _remedy(error: OSError) -> str:
    if error.errno in FULL:
        return "free some space, or move the store (GROUNDCT_ARRAYS), and run the command again"
    if error.errno in FORBIDDEN:
        return "give this user the right to read and write the store (GROUNDCT_ARRAYS)"
    return "look at GROUNDCT_ARRAYS and at what it is on, a disk or a network"
