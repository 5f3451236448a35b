"""The limits on what a client may ask of a server; an operator sets them as `GROUNDCT_LIMITS_<FIELD>`."""

from pydantic import BaseModel, ConfigDict, Field

MOST_ROWS = 1000
"""Rows of a page, whatever is set."""


class Limits(BaseModel):
    """How much one request may ask for, and how many there may be; what a request met is named in its refusal."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    depth: int = Field(default=12, ge=1)
    """Fields within fields of a query."""
    aliases: int = Field(default=30, ge=0)
    """Aliases of a query, those of a fragment once for each of its uses."""
    tokens: int = Field(default=4000, ge=10)
    """Words and signs of a query."""
    objects: int = Field(default=250_000, ge=1)
    """Objects of an answer, below which a query of allowed depth stays unless it walks in circles."""
    rows: int = Field(default=MOST_ROWS, ge=1, le=MOST_ROWS)
    """Rows of a page, `first`."""
    comparisons: int = Field(default=50, ge=0)
    """Findings whose voxels one request may compare, for `roundDiff` and for closing a round."""
    statement_ms: int = Field(default=30_000, ge=1)
    """Milliseconds that one statement may take."""
    body_bytes: int = Field(default=1024 * 1024, ge=1)
    """Bytes of a request's body."""
    body_s: float = Field(default=30, gt=0)
    """Seconds that a client may take to send a body."""
    at_a_time: int = Field(default=4, ge=1)
    """Requests that are worked on at a time, each with a connection; Python works on one, the others wait for the
    database."""
    waiting: int = Field(default=2000, ge=0)
    """Requests that wait for their turn; more are refused."""
    requests_a_minute: int = Field(default=0, ge=0)
    """Requests a minute of one token, or of one address where there are no tokens; 0 is any number."""
