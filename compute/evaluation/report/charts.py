"""What the report's charts show, in the units of their drawings: the template only draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compute.evaluation.rows import FindingRow

SCATTER_SIZE = (560, 260)
"""Width and height of the field between the axes."""
_DIAMETERS_MM = (2, 5, 10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Point:
    """One finding among the others."""

    x: float
    y: float
    focality: str
    title: str


@dataclass(frozen=True)
class Scatter:
    """Dice against the diameter of what is drawn, on a logarithmic axis."""

    points: tuple[Point, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Interval:
    """A value between 0 and 1 and the ends of its interval, in percent of the width."""

    at: float
    low: float
    width: float


def scatter(rows: Sequence[FindingRow]) -> Scatter:
    """Give a point for each finding that has a diameter; diameters beyond the axis stand at its ends."""
    width, height = SCATTER_SIZE
    span = np.log([_DIAMETERS_MM[0], _DIAMETERS_MM[-1]])

    def place(diameter_mm: float) -> float:
        along = (np.log(max(diameter_mm, 1e-3)) - span[0]) / (span[1] - span[0])
        return round(float(np.clip(along, 0, 1)) * width, 1)

    points = [
        Point(
            place(row.diameter_mm),
            round(height * (1 - row.scores["global_dice"]), 1),
            row.focality or "unknown",
            f"{row.file} {row.name}: {row.diameter_mm:.0f} mm, Dice {row.scores['global_dice']:.2f}",
        )
        for row in rows
        if row.diameter_mm
    ]
    return Scatter(tuple(points), tuple((place(each), f"{each} mm") for each in _DIAMETERS_MM))


def interval(figure: Mapping[str, Any]) -> Interval | None:
    """Where a figure between 0 and 1 stands; None where it is not told."""
    if figure["value"] is None or figure["low"] is None:
        return None
    low, high = (100 * float(np.clip(figure[end], 0, 1)) for end in ("low", "high"))
    return Interval(round(100 * figure["value"], 1), round(low, 1), round(high - low, 1))
