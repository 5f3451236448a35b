"""Places in lists that are no pages of a view, opaque to clients: among the hits of a search, or counted from 1."""

import base64
import binascii
import math
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import orjson

from schema.queries.mistakes import ReadMistake


@dataclass(frozen=True)
class ScoreCursor:
    """The place after a hit; what comes later has a lesser score, or the same one and a greater id."""

    score: float
    finding_id: UUID
    seen: int
    """Hits up to here."""

    def text(self) -> str:
        """Write it for clients."""
        return base64.urlsafe_b64encode(orjson.dumps([self.score, self.finding_id, self.seen])).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` wrote.

        Raises:
            ReadMistake: it did not.
        """
        try:
            score, key, seen = orjson.loads(base64.b64decode(text, altchars=b"-_", validate=True))
            cursor = cls(float(score), UUID(key), int(seen))
        except (binascii.Error, ValueError, TypeError, AttributeError) as error:
            raise _not_a_cursor(text) from error
        if not math.isfinite(cursor.score) or not 0 <= cursor.seen < 1 << 31:
            raise _not_a_cursor(text)
        return cursor


def write_place(place: int) -> str:
    """Write a place, counted from 1, for clients."""
    return base64.urlsafe_b64encode(orjson.dumps([place])).decode()


def read_place(text: str) -> int:
    """Read what `write_place` wrote.

    Raises:
        ReadMistake: it did not.
    """
    try:
        (place,) = orjson.loads(base64.b64decode(text, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise _not_a_cursor(text) from error
    if type(place) is not int or place < 1:
        raise _not_a_cursor(text)
    return place


def _not_a_cursor(text: str) -> ReadMistake:
    return ReadMistake(f"`after`: {text[:40]!r} is not a cursor of this list; take `endCursor` of a page")
