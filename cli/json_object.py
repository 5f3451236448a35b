"""Options that are JSON objects."""

import json
from typing import Any

from schema.errors import SettingsError


def read_object(option: str, text: str) -> dict[str, Any]:
    """Read an option's text.

    Raises:
        SettingsError: it is no JSON object; the message names the option and the place.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{option}: column {error.colno}: {error.msg}; give a JSON object") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{option}: give a JSON object")
    return found
