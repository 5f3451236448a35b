"""The version of this software, as it is stored with what it computes."""

from functools import cache
from importlib.metadata import version


@cache
def software_version() -> str:
    """Give the installed distribution's version."""
    return version("groundct")
