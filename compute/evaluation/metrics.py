"""The figures of a group of findings: each is a ratio of two sums, so that any group and any resample has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compute.evaluation.rows import FindingRow
from compute.kernels.volumes import Floats


@dataclass(frozen=True)
class Metric:
    """One figure: the sum of `over` by the sum of `under`, over the findings that have both."""

    name: str
    title: str
    needs: tuple[str, ...]
    """Fields of a finding's scores; where one is absent or None the finding does not count."""
    over: Callable[..., float]
    under: Callable[..., float]
    higher_is_better: bool = True

    def parts(self, row: FindingRow) -> tuple[float, float]:
        """What a finding adds above and below; nothing where it does not count."""
        values = [row.scores.get(name) for name in self.needs]
        if any(value is None for value in values):
            return 0.0, 0.0
        return float(self.over(*values)), float(self.under(*values))


def _mean(name: str, title: str, *, higher_is_better: bool = True) -> Metric:
    return Metric(name, title, (name,), lambda value: value, lambda _: 1, higher_is_better)


def _counted(kind: str, words: str) -> tuple[Metric, ...]:
    """Precision, recall and F1 of instances, from the counts of all findings together."""
    tp, fp, fn = ("tp", "fp", "fn") if kind == "instance" else (f"{kind}_tp", f"{kind}_fp", f"{kind}_fn")
    return (
        Metric(f"{kind}_precision", f"{words} precision", (tp, fp), lambda t, _: t, lambda t, f: t + f),
        Metric(f"{kind}_recall", f"{words} recall", (tp, fn), lambda t, _: t, lambda t, f: t + f),
        Metric(f"{kind}_f1", f"{words} F1", (tp, fp, fn), lambda t, *_: 2 * t, lambda t, p, n: 2 * t + p + n),
    )


METRICS: tuple[Metric, ...] = (
    _mean("global_dice", "Dice"),
    Metric("hit_rate", "Hit rate", ("global_hit",), lambda hit: hit, lambda _: 1),
    _mean("global_iou", "IoU"),
    *_counted("instance", "Instance"),
    Metric(
        "panoptic_quality",
        "Panoptic quality",
        ("matched_instances", "tp", "fp", "fn", "panoptic_quality"),
        lambda matches, *_: sum(match["iou"] for match in matches),
        lambda _, tp, fp, fn, __: tp + fp / 2 + fn / 2,
    ),
    *_counted("distance", "Distance"),
    _mean("assd_mm", "ASSD, mm", higher_is_better=False),
    _mean("hd95_mm", "HD95, mm", higher_is_better=False),
    Metric("nsd_2mm", "NSD at 2 mm", ("nsd",), lambda nsd: nsd["2"], lambda _: 1),
)


def metrics_of(rows: Sequence[FindingRow]) -> list[Metric]:
    """The metrics that at least one of the findings counts for; published results have fewer fields."""
    fields = {name for row in rows for name, value in row.scores.items() if value is not None}
    return [metric for metric in METRICS if set(metric.needs) <= fields]


def parts_of(rows: Sequence[FindingRow], metrics: Sequence[Metric]) -> tuple[Floats, Floats]:
    """What each finding adds above and below in each metric, two arrays (findings, metrics)."""
    parts = np.array([[metric.parts(row) for metric in metrics] for row in rows]).reshape(len(rows), len(metrics), 2)
    return parts[..., 0], parts[..., 1]


def ratio(over: Floats, under: Floats) -> Floats:
    """Over by under, NaN where nothing counts."""
    ratios: Floats = np.divide(over, under, out=np.full(np.broadcast(over, under).shape, np.nan), where=under > 0)
    return ratios
