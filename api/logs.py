"""The server's log: a line a request and a line an error, as text or JSON. No query, variable or report is in it."""

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

import orjson

from api.record import Record


class LogFormat(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


def write_requests(stream: TextIO, form: LogFormat) -> Callable[[Record], None]:
    """Give what writes the line of a request."""
    write = _as_json if form is LogFormat.JSON else _as_text

    def log(record: Record) -> None:
        stream.write(write(_described(record)))
        stream.flush()

    return log


def write_errors(stream: TextIO, form: LogFormat) -> logging.Handler:
    """Give what writes the lines of errors: which, where in the code, and the reference that its client was told.

    Their messages stay out, because SQL and its values may stand in them; `groundct --verbose` shows those.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Errors(form))
    return handler


class _Errors(logging.Formatter):
    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._write = _as_json if form is LogFormat.JSON else _as_text

    def format(self, record: logging.LogRecord) -> str:
        said = {"time": _now(), "level": record.levelname.lower(), "logger": record.name}
        if record.exc_info and (error := record.exc_info[1]) is not None:
            kind, frames = type(error), traceback.extract_tb(error.__traceback__)[-3:]
            said["error"] = f"{kind.__module__}.{kind.__qualname__}"
            said["at"] = " < ".join(f"{each.name}:{each.lineno}" for each in reversed(frames))
            said["reference"] = getattr(record, "reference", "")
        else:
            said["message"] = record.getMessage()
        return self._write(said).rstrip("\n")


def _described(record: Record) -> dict[str, Any]:
    return {
        "time": _now(),
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "duration_ms": round(record.seconds * 1000, 2),
        "bytes": record.bytes,
        "operation": record.operation,
        "way": record.way,
        "codes": record.codes,
        "token": record.token,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _as_json(said: dict[str, Any]) -> str:
    return orjson.dumps(said).decode() + "\n"


def _as_text(said: dict[str, Any]) -> str:
    time, *others = said.items()
    return (
        " ".join([time[1], *(f"{name}={_word(value)}" for name, value in others if value not in {None, "", ()})]) + "\n"
    )


def _word(value: Any) -> str:
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    return text if text.isprintable() and " " not in text else repr(text)
