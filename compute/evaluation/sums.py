"""Totals and means over rows. What one row cannot tell, a total over it cannot tell either: None stays None."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Row: TypeAlias = Mapping[str, Any]


def total(rows: Iterable[Row], name: str) -> int | None:
    """The sum of a count over rows, 0 without rows; None where a row has None."""
    counts = [row[name] for row in rows]
    return None if None in counts else sum(counts)


def mean(values: Sequence[float]) -> float:
    """The mean; 0 of nothing."""
    return float(np.mean(values)) if values else 0.0


def mean_told(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are told; None where none is."""
    told = [value for value in values if value is not None]
    return mean(told) if told else None


def hit_fields(rows: Sequence[Row]) -> dict[str, Any]:
    """How many findings are hit and missed, and the share of hits: 0 without findings."""
    hit = sum(row["global_hit"] for row in rows)
    return {"hits": hit, "misses": len(rows) - hit, "hit_rate": hit / len(rows) if rows else 0.0}
