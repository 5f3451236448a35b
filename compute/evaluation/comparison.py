"""The difference of two results on the same findings, with intervals, tests, and correction for their number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from compute.evaluation.metrics import Metric, metrics_of, parts_of, ratio
from compute.evaluation.rows import FindingRow, finding_rows
from compute.evaluation.statistics import FEW_FINDINGS, by_group, interval, resamples, sums_by_patient, told
from compute.kernels.volumes import Floats
from schema.errors import SourceError

FLIPS = 10_000
"""How often the two results are exchanged at random, patient by patient."""
_BLOCK = 1000
COMPARED = ("category", "focality", "size")

Pair: TypeAlias = tuple[FindingRow, FindingRow]


def compare(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What the second result has above the first, over the findings of both, as JSON.

    Each difference has a 95% interval, by resampling patients, and a p by exchanging the two results patient by
    patient. All metrics are compared over all findings, and Dice in each group; of groups of few findings no p is told.
    `p_holm` is corrected over all that are told (Holm 1979). Findings that only one result has are counted, and not
    compared.

    Raises:
        SourceError: the results were scored under other settings, or on masks that differ.
    """
    _check(one, other)
    first, second = ({(row.file, row.name): row for row in finding_rows(each)} for each in (one, other))
    both = sorted(first.keys() & second.keys())
    pairs = [(first[key], second[key]) for key in both]
    metrics = [metric for metric in metrics_of([a for a, _ in pairs]) if metric in metrics_of([b for _, b in pairs])]
    dice = [metric for metric in metrics if metric.name == "global_dice"]
    overall = _differences(pairs, metrics)
    groups = {name: {key: _differences(part, dice) for key, part in _groups(pairs, name).items()} for name in COMPARED}
    compared = [overall, *(part for parts in groups.values() for part in parts.values())]
    cells = [cell for part in compared for cell in part["metrics"].values()]
    _correct(cells)
    return {
        "metrics": {metric.name: metric.title for metric in metrics},
        "findings": len(both),
        "tests": sum(cell["p"] is not None for cell in cells),
        "only_in_first": len(first) - len(both),
        "only_in_second": len(second) - len(both),
        "overall": overall,
        "groups": groups,
    }


def _check(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    settings, others = one["groundct"]["settings"], other["groundct"]["settings"]
    if settings != others:
        differing = ", ".join(sorted(name for name in settings | others if settings.get(name) != others.get(name)))
        raise SourceError(f"the results were scored under different settings ({differing}): score both under the same")
    truths = [
        {file: facts.get("truth_sha256") for file, facts in each["groundct"]["inputs"].items()} for each in (one, other)
    ]
    if changed := sorted(file for file in truths[0].keys() & truths[1].keys() if truths[0][file] != truths[1][file]):
        raise SourceError(
            f"the mask of {changed[0]} is not the same in both results: score both against the same masks"
        )


def _groups(pairs: Sequence[Pair], name: str) -> dict[str, list[Pair]]:
    others = {(b.file, b.name): b for _, b in pairs}
    parts = by_group([a for a, _ in pairs], name)
    return {key: [(row, others[row.file, row.name]) for row in part] for key, part in parts}


def _differences(pairs: Sequence[Pair], metrics: Sequence[Metric]) -> dict[str, Any]:
    pairs = [_told_by_both(*pair) for pair in pairs]
    counted = np.maximum(*(parts_of(rows, metrics)[1] > 0 for rows in ([a for a, _ in pairs], [b for _, b in pairs])))
    patients, first = sums_by_patient([a for a, _ in pairs], metrics)
    _, second = sums_by_patient([b for _, b in pairs], metrics)
    values = [ratio(*(part.sum(axis=0) for part in sums)) for sums in (first, second)]
    weights = resamples(len(patients))
    low, high = interval(
        ratio(*(weights @ part for part in second)) - ratio(*(weights @ part for part in first)), len(patients)
    )
    few = len(pairs) < FEW_FINDINGS
    p = np.full(len(metrics), np.nan) if few else _p_values(first, second)
    return {
        "findings": len(pairs),
        "patients": len(patients),
        "few": few,
        "metrics": {
            metric.name: {
                "first": told(values[0][n]),
                "second": told(values[1][n]),
                "difference": told(values[1][n] - values[0][n]),
                "low": told(low[n]),
                "high": told(high[n]),
                "p": told(p[n]),
                "findings": int(counted[:, n].sum()),
                "better": bool((values[1][n] > values[0][n]) == metric.higher_is_better),
            }
            for n, metric in enumerate(metrics)
        },
    }


def _told_by_both(a: FindingRow, b: FindingRow) -> Pair:
    """The pair without what only one of them tells: leaving a hard finding empty must not shorten distances."""
    untold = {name for name in a.scores.keys() | b.scores.keys() if None in (a.scores.get(name), b.scores.get(name))}
    return (
        replace(a, scores={**a.scores, **dict.fromkeys(untold)}),
        replace(b, scores={**b.scores, **dict.fromkeys(untold)}),
    )


def _p_values(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> Floats:
    """How often exchanging the results of patients at random makes a difference as large: two-sided, never 0."""
    patients = len(first[0])
    random = np.random.default_rng(patients)
    seen = ratio(*(part.sum(axis=0) for part in second)) - ratio(*(part.sum(axis=0) for part in first))
    as_large = np.zeros(seen.shape, np.int64)
    for _ in range(0, FLIPS, _BLOCK):
        flips = random.integers(0, 2, (_BLOCK, patients)).astype(np.float64)
        moved = [flips @ (b - a) for a, b in zip(first, second, strict=True)]
        one = ratio(*(a.sum(axis=0) + change for a, change in zip(first, moved, strict=True)))
        other = ratio(*(b.sum(axis=0) - change for b, change in zip(second, moved, strict=True)))
        # Sums in another order differ in their last bits.
        as_large += (np.abs(other - one) >= np.abs(seen) - 1e-12).sum(axis=0)
    return np.where(np.isnan(seen), np.nan, (1 + as_large) / (1 + FLIPS))


def _correct(cells: Sequence[dict[str, Any]]) -> None:
    """Add `p_holm` to each cell."""
    tested = sorted((cell for cell in cells if cell["p"] is not None), key=lambda cell: float(cell["p"]))
    greatest = 0.0
    for rank, cell in enumerate(tested):
        greatest = max(greatest, min(1.0, cell["p"] * (len(tested) - rank)))
        cell["p_holm"] = greatest
    for cell in cells:
        cell.setdefault("p_holm", None)
