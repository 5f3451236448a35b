"""What our metrics mean, in the plainest words: dense, over all voxels and all choices, and slow."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

Array = NDArray[Any]
Pair = tuple[int, int]


def dice(a: Array, b: Array) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else 1.0


def iou(a: Array, b: Array) -> float:
    return (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0


def components(mask_ijk: Array, min_voxels: int, rank: int) -> Array:
    """Components of so many voxels at least, named 1, 2, ... by their first voxels."""
    labels, count = ndimage.label(mask_ijk, ndimage.generate_binary_structure(3, rank))
    large = [name for name in range(1, count + 1) if (labels == name).sum() >= min_voxels]
    return np.select([labels == name for name in large], range(1, len(large) + 1), 0) if large else 0 * labels


def surface_mm(mask_ijk: Array, steps_ijk_mm: Array) -> Array:
    """The positions of voxels with a neighbour, across a face, that is not in the set."""
    inner = ndimage.binary_erosion(mask_ijk, ndimage.generate_binary_structure(3, 1), border_value=0)
    return np.argwhere(mask_ijk & ~inner) @ steps_ijk_mm


def directed_mm(a: Array, b: Array, steps_ijk_mm: Array) -> tuple[Array, Array]:
    between = cdist(surface_mm(a, steps_ijk_mm), surface_mm(b, steps_ijk_mm))
    return between.min(axis=1), between.min(axis=0)


def assd_mm(a: Array, b: Array, steps_ijk_mm: Array) -> float:
    there, back = directed_mm(a, b, steps_ijk_mm)
    return (there.sum() + back.sum()) / (len(there) + len(back))


def centroid_mm(mask_ijk: Array, steps_ijk_mm: Array) -> Array:
    return (np.argwhere(mask_ijk) @ steps_ijk_mm).mean(axis=0)


def surfaces(a: Array, b: Array, steps_ijk_mm: Array, tolerances_mm: Iterable[float]) -> dict[str, Any]:
    if a.any() != b.any():
        nothing = dict.fromkeys(("assd_mm", "hd_mm", "hd95_mm", "hd95_pooled_mm"))
        return {**nothing, "nsd": {f"{each:g}": 0.0 for each in tolerances_mm}}
    there, back = directed_mm(a, b, steps_ijk_mm) if a.any() else (np.zeros(1), np.zeros(1))
    pooled = np.concatenate([there, back])
    return {
        "assd_mm": pooled.mean(),
        "hd_mm": max(there.max(), back.max()),
        "hd95_mm": max(np.percentile(there, 95), np.percentile(back, 95)),
        "hd95_pooled_mm": np.percentile(pooled, 95),
        "nsd": {f"{each:g}": (pooled <= each).sum() / len(pooled) for each in tolerances_mm},
    }


def greatest_sum(truth: Sequence[int], scores: dict[Pair, float]) -> float:
    """The greatest sum of scores of any choice of pairs that uses nobody twice."""
    if not truth:
        return 0.0
    first, rest = truth[0], truth[1:]
    best = greatest_sum(rest, scores)
    for (t, p), score in scores.items():
        if t == first:
            others = {pair: each for pair, each in scores.items() if p not in pair[1:]}
            best = max(best, score + greatest_sum(rest, others))
    return best


def most_pairs(truth: Sequence[int], near: set[Pair]) -> int:
    """The greatest number of pairs of any such choice, by augmenting paths."""
    holder: dict[int, int] = {}

    def finds_one(t: int, asked: set[int]) -> bool:
        for p in sorted(p for one, p in near if one == t and p not in asked):
            asked.add(p)
            if p not in holder or finds_one(holder[p], asked):
                holder[p] = t
                return True
        return False

    return sum(finds_one(t, set()) for t in truth)
