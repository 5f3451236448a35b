"""Figures of groups of findings with intervals, by resampling patients: findings of one patient are not independent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit

from compute.evaluation.metrics import Metric, metrics_of, parts_of, ratio
from compute.evaluation.rows import FindingRow, size_names
from compute.evaluation.settings import GROUNDCT
from compute.kernels.volumes import Floats, Ints

RESAMPLES = 2000
INTERVAL = (2.5, 97.5)
"""Percentiles of the resamples between which an interval lies, but for the correction for few patients."""
FEW_FINDINGS = 10
"""Groups of fewer findings are marked."""

GROUPINGS: Mapping[str, Callable[[FindingRow], str | None]] = {
    "category": lambda row: row.category,
    "parent": lambda row: row.parent,
    "focality": lambda row: row.focality,
    "size": lambda row: row.size,
    "protocol": lambda row: row.protocol,
}
_SIZES = size_names(GROUNDCT.size_edges_mm)


def statistics(rows: Sequence[FindingRow]) -> dict[str, Any]:
    """Figures of all findings and of each group, as JSON: `{"overall": {...}, "groups": {"category": {"2d": {...}}}}`.

    The same rows in any order give the same figures.
    """
    metrics = metrics_of(rows)
    groups = {name: {key: describe(part, metrics) for key, part in by_group(rows, name)} for name in GROUPINGS}
    return {
        "resamples": RESAMPLES,
        "interval": list(INTERVAL),
        "metrics": {metric.name: metric.title for metric in metrics},
        "overall": describe(rows, metrics),
        "groups": groups,
    }


def by_group(rows: Sequence[FindingRow], grouping: str) -> Iterator[tuple[str, list[FindingRow]]]:
    """The groups of a grouping and their findings, sizes by size, others by name; findings without one come last."""
    key = GROUPINGS[grouping]
    names = {key(row) for row in rows}
    known = [name for name in _SIZES if name in names] if grouping == "size" else sorted(names - {None}, key=str)
    for name in [*known, *({None} & names)]:
        yield name or "unknown", [row for row in rows if key(row) == name]


def describe(rows: Sequence[FindingRow], metrics: Sequence[Metric]) -> dict[str, Any]:
    """The figures of some findings: each metric with its interval and how many findings count for it."""
    patients, sums = sums_by_patient(rows, metrics)
    counted = (parts_of(rows, metrics)[1] > 0).sum(axis=0)
    values = ratio(*(part.sum(axis=0) for part in sums))
    low, high = interval(ratio(*(resamples(len(patients)) @ part for part in sums)), len(patients))
    return {
        "findings": len(rows),
        "patients": len(patients),
        "few": len(rows) < FEW_FINDINGS,
        "metrics": {
            metric.name: {
                "value": told(values[n]),
                "low": told(low[n]),
                "high": told(high[n]),
                "findings": int(counted[n]),
            }
            for n, metric in enumerate(metrics)
        },
    }


def sums_by_patient(rows: Sequence[FindingRow], metrics: Sequence[Metric]) -> tuple[list[str], tuple[Floats, Floats]]:
    """The patients by name, and what each adds above and below in each metric: two arrays (patients, metrics)."""
    patients = sorted({row.patient for row in rows})
    number = {patient: n for n, patient in enumerate(patients)}
    ordered = sorted(rows, key=lambda row: (row.file, row.name))  # sums of floats depend on their order
    which = [number[row.patient] for row in ordered]
    sums = np.zeros((2, len(patients), len(metrics)))
    for total, part in zip(sums, parts_of(ordered, metrics), strict=True):
        np.add.at(total, which, part)
    return patients, (sums[0], sums[1])


def resamples(patients: int) -> Ints:
    """How often each patient is drawn in each resample, shape (resamples, patients); always the same."""
    random = np.random.default_rng(patients)
    drawn: Ints = random.multinomial(patients, np.full(patients, 1 / patients), size=RESAMPLES) if patients else _NONE
    return drawn


_NONE: Ints = np.zeros((RESAMPLES, 0), np.int64)


def interval(values: Floats, patients: int) -> tuple[Floats, Floats]:
    """The ends of the interval of each column of resampled values; NaN where no resample has one.

    The percentiles are moved outwards as Student's t asks for so many patients: plain ones are too narrow where there
    are few (Hesterberg, What Teachers Should Know About the Bootstrap, 2015). One patient alone gives no interval.
    """
    known = ~np.isnan(values).all(axis=0) & (patients > 1)
    ends = np.full((2, values.shape[1]), np.nan)
    if known.any():
        ends[:, known] = np.nanpercentile(values[:, known], _percentiles(patients), axis=0)
    return ends[0], ends[1]


def _percentiles(patients: int) -> list[float]:
    spread = np.sqrt(patients / (patients - 1))
    return [float(100 * ndtr(spread * stdtrit(patients - 1, percentile / 100))) for percentile in INTERVAL]


def told(value: Any) -> float | None:
    """A number for JSON, None for NaN."""
    return None if np.isnan(value) else float(value)
