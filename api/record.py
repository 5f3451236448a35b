"""What is known of a request once it is answered; metrics and the log are made of this, and of nothing else.

It holds no text of a query, no variable and nothing that was read.
"""

import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self

PATHS = frozenset({"/", "/graphql", "/healthz", "/readyz", "/metrics"})
ELSEWHERE = "elsewhere"
"""Any other path, whose words are the client's."""
GONE = 499
"""The status of requests whose client did not wait for the answer, as nginx counts them."""
LONGEST_NAME = 80
_KEY = "groundct.record"


@dataclass(slots=True)
class Record:
    """One request."""

    method: str
    path: str
    status: int = GONE
    bytes: int = 0
    """Of the answer's body."""
    operation: str | None = None
    """The name that the client gave as `operationName`."""
    way: str | None = None
    """How it was answered, see `Way`; None where it was no operation."""
    codes: tuple[str, ...] = ()
    token: str | None = None
    """The name of the token that it came with."""
    edits: bool = False
    """Whether that token lets it change things."""
    started: float = field(default_factory=time.perf_counter)

    @classmethod
    def begin(cls, scope: MutableMapping[str, Any]) -> Self:
        """Begin the record of a request, and leave it with the request."""
        path = scope["path"]
        record = scope[_KEY] = cls(scope["method"], path if path in PATHS else ELSEWHERE)
        return record

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> Self:
        """Give the record of a request that has begun."""
        record: Self = scope[_KEY]
        return record

    def name(self, operation: str | None) -> None:
        """Note the operation's name, the beginning of a long one."""
        self.operation = None if operation is None else operation[:LONGEST_NAME]

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.perf_counter() - self.started
