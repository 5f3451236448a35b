"""Hounsfield units inside every label: moments, extremes and percentiles, exact from integer histograms."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from compute.kernels.runs import Runs, iter_runs
from compute.kernels.volumes import Floats, Image, Ints, Labels

_HU_VALUES = 1 << 16
_PERCENTS = (5, 50, 95)


@dataclass(frozen=True)
class Intensities:
    """HU of the voxels of n labels, each array of shape (n,).

    Percentile p of the sorted values v_0..v_{N-1} is linear between the neighbours of position (N - 1) p / 100: NumPy's
    "linear", definition 7 of Hyndman and Fan (1996). It meets the values of the Image Biomarker Standardisation
    Initiative (IBSI).
    """

    mean: Floats
    std: Floats
    """The root of IBSI's intensity variance, which divides by the count (the population's)."""
    min: Ints
    max: Ints
    median: Floats
    p05: Floats
    p95: Floats


def label_intensities(labels_zyx: Labels, image_zyx: Image, *, label: Ints, voxels: Ints) -> Intensities:
    """HU under each of the labels.

    Beside the image it holds two bytes for each labelled voxel, whatever the range of the HU and of the labels.

    Args:
        labels_zyx: (z,y,x).
        image_zyx: int16 HU of the same shape.
        label: (n,) exactly the labels that occur, ascending.
        voxels: (n,) the count of each.
    """
    offsets = np.concatenate([[0], np.cumsum(voxels)])
    sums, percentiles = _summaries(_grouped(labels_zyx, image_zyx, label, offsets), offsets, np.array(_PERCENTS))
    total, squares, low, high = sums.T
    return Intensities(
        mean=total / voxels,
        std=np.sqrt(_variance(voxels, total, squares)),
        min=low.copy(),
        max=high.copy(),
        median=percentiles[:, 1].copy(),
        p05=percentiles[:, 0].copy(),
        p95=percentiles[:, 2].copy(),
    )


def _grouped(labels_zyx: Labels, image_zyx: Image, label: Ints, offsets: Ints) -> Image:
    values = np.empty(offsets[-1], np.int16)
    cursor = np.zeros(_HU_VALUES, np.int64)
    cursor[label] = offsets[:-1]
    for runs in iter_runs(labels_zyx):
        _gather(runs, image_zyx, cursor, values)
    return values


def _variance(voxels: Ints, total: Ints, squares: Ints) -> Floats:
    # Python's integers: the difference of the two products is exact, where 64 bits would overflow or cancel.
    count, first, second = (each.astype(object) for each in (voxels, total, squares))
    variance: Floats = ((count * second - first * first) / (count * count)).astype(np.float64)
    return variance


@njit(cache=True, nogil=True)
def percentile_of_counts(counts: Ints, first_value: int, total: int, percent: int) -> float:
    """Percentile of integers given as a histogram; see `Intensities` for the definition.

    Args:
        counts: (m,) how often first_value, first_value + 1, ... occur.
        first_value: the value of the first bin.
        total: the sum of the counts, at least 1.
        percent: 0 to 100, whole.
    """
    position = (total - 1) * percent
    below, part = position // 100, position % 100
    lower = _order_statistic(counts, below)
    upper = _order_statistic(counts, min(below + 1, total - 1)) if part else lower
    return float(first_value + (lower * (100 - part) + upper * part) / 100)


@njit(cache=True, nogil=True)
def _order_statistic(counts: Ints, rank: int) -> int:
    bin_, seen = 0, counts[0]
    while seen <= rank:
        bin_ += 1
        seen += counts[bin_]
    return bin_


@njit(cache=True, nogil=True)
def _gather(runs: Runs, image: Image, cursor: Ints, values: Image) -> None:
    height = image.shape[1]
    for row, start, stop, label in runs:
        hu = image[row // height, row % height]
        to = cursor[label]
        for x in range(start, stop):
            values[to + x - start] = hu[x]
        cursor[label] = to + stop - start


@njit(cache=True, nogil=True)
def _summaries(values: Image, offsets: Ints, percents: Ints) -> tuple[Ints, Floats]:
    counts = np.zeros(_HU_VALUES, np.int64)
    sums = np.empty((len(offsets) - 1, 4), np.int64)
    percentiles = np.empty((len(offsets) - 1, len(percents)))
    for n in range(len(sums)):
        hu = values[offsets[n] : offsets[n + 1]]
        low = np.int64(hu.min())
        used = counts[: hu.max() - low + 1]
        _fill_sums(hu, sums[n])
        _fill_counts(hu, low, used)
        for p in range(len(percents)):
            percentiles[n, p] = percentile_of_counts(used, low, len(hu), percents[p])
    return sums, percentiles


@njit(cache=True, nogil=True)
def _fill_sums(hu: Image, sums: Ints) -> None:
    total, squares = np.int64(0), np.int64(0)
    for value in hu:
        wide = np.int64(value)
        total += wide
        squares += wide * wide
    sums[0], sums[1], sums[2], sums[3] = total, squares, hu.min(), hu.max()


@njit(cache=True, nogil=True)
def _fill_counts(hu: Image, low: int, counts: Ints) -> None:
    counts[:] = 0
    for value in hu:
        counts[value - low] += 1
