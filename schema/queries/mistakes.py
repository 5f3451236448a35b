"""What a reader can get wrong; each message says what would be right.

ReadMistake (GroundctError, ValueError)     a page, cursor, id or filter that cannot be used
└── OverLimit                               more is asked for than may be
NotEmbedded (ModelError)                    a search by meaning before there are vectors
"""

from uuid import UUID

from schema.errors import GroundctError, ModelError


class ReadMistake(GroundctError, ValueError):
    """A page, a cursor, an id or a filter that cannot be used; the message says what can."""


class OverLimit(ReadMistake):
    """More is asked for than a limit allows; the message says what may be asked."""

    def __init__(self, limit: str, most: float, message: str) -> None:
        super().__init__(message)
        self.limit, self.most = limit, most


class NotEmbedded(ModelError):
    """A search by meaning, and no finding, or not the one that is asked for, has a vector; run `groundct embed`."""

    def __init__(self, model: str, finding: UUID | None = None) -> None:
        who = "no finding has a" if finding is None else f"the finding {finding} has no"
        super().__init__(f"{who} vector of the model {model}; run `groundct embed`")
