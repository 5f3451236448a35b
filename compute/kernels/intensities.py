"""Hounsfield units inside labels: exact histograms first, then every figure from them.

A histogram of whole HU loses nothing, and histograms of parts add up. So whatever counted it, and in however many
parts, the same voxels give the same figures.
"""

from dataclasses import dataclass, fields
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from compute.kernels.runs import Runs
from compute.kernels.volumes import Floats, Image, Ints, Triple

BIN_HU = 25
"""Width of the bins that entropy is taken over, where nobody asks for another."""
BINS_FROM_HU = -1000
"""A bin begins here, whatever the lesion's own minimum: air."""

_PERCENTS = (5, 10, 25, 50, 75, 90, 95)


@dataclass(frozen=True)
class HuHistogram:
    """How often each HU occurs inside one label: at least one voxel, no empty bin at either end."""

    first_hu: int
    counts: Ints
    """(m,) the voxels of first_hu, first_hu + 1, ..."""


@dataclass(frozen=True)
class Intensities:
    """HU of the voxels of n labels, each array of shape (n,); nothing is undefined, as no label is without voxels.

    N voxels have the values x; means and moments divide by N (the population's). The codes are those of the Image
    Biomarker Standardisation Initiative (IBSI, Zwanenburg et al. 2020, doi:10.1148/radiol.2020191145), whose digital
    phantom has the published values here. All voxels count: nothing is resampled or re-segmented before. Constant HU,
    one voxel too, are their own mean, extremes and percentiles; std, skewness, kurtosis and entropy are then 0, the
    two in the middle because IBSI says so.

    Percentile p of the sorted values v_0..v_{N-1} is linear between the neighbours of position (N - 1) p / 100: NumPy's
    "linear", definition 7 of Hyndman and Fan (1996).
    """

    mean: Floats
    """HU, sum(x) / N; Q4LE."""
    std: Floats
    """HU, the root of sum((x - mean)²) / N, which is ECT3."""
    min: Ints
    """HU; 1GSF."""
    max: Ints
    """HU; 84IY."""
    median: Floats
    """HU; Y12H."""
    p05: Floats
    """HU."""
    p10: Floats
    """HU; QG58."""
    p25: Floats
    """HU."""
    p75: Floats
    """HU."""
    p90: Floats
    """HU; 8DWT."""
    p95: Floats
    """HU."""
    skewness: Floats
    """sum((x - mean)³) / N / std³, without unit; KE2A."""
    kurtosis: Floats
    """Excess: sum((x - mean)⁴) / N / std⁴ - 3, without unit, 0 for a normal distribution; IPH6."""
    entropy: Floats
    """Bits, -sum(p log2 p) over the shares p of bins of one width (TLU2, bins by Q3RU).

    A bin begins at -1000 HU, and they go on to both sides, so a value does not hang on the lesion's own minimum.
    """
    below_950: Floats
    """Share of voxels below -950 HU, 0 to 1: emphysema, where the slices are thin."""
    below_910: Floats
    """Share below -910 HU: low attenuation."""
    below_700: Floats
    """Share below -700 HU."""
    above_0: Floats
    """Share above 0 HU."""
    above_100: Floats
    """Share above 100 HU."""
    above_130: Floats
    """Share above 130 HU: calcium."""


def hu_histograms(runs: Runs, image_zyx: Image, *, height: int, origin_zyx: Triple, label: Ints) -> list[HuHistogram]:
    """The HU under each label, in the order of `label`; no labels give none.

    Reads what lies under the runs twice and holds nothing but the histograms: 8 bytes for each HU between a label's
    extremes.

    Args:
        runs: (m,4) in the frame of the whole volume, in any order.
        image_zyx: int16 HU, a crop in any memory layout that holds all the runs; it is not copied.
        height: the whole volume's extent along y, by which ROW counts.
        origin_zyx: where the crop's first voxel stands in the volume.
        label: (n,) exactly the labels that occur, ascending.

    Raises:
        ValueError: a run leaves the crop, or the labels are not those of the runs.
    """
    extremes = np.empty((len(label), 2), np.int64)
    extremes[:] = np.iinfo(np.int16).max, np.iinfo(np.int16).min
    held = _find_extremes(runs, image_zyx, height, origin_zyx, label, extremes)
    if not held or (extremes[:, 0] > extremes[:, 1]).any():
        raise ValueError(
            f"{len(runs)} runs do not lie within a crop of shape {image_zyx.shape} at {origin_zyx},"
            f" or have other labels than the {len(label)} named"
        )
    bins = extremes[:, 1] - extremes[:, 0] + 1
    first_bin = np.cumsum(bins) - bins
    counts = np.zeros(bins.sum(), np.int64)
    _count(runs, image_zyx, height, origin_zyx, label, first_bin - extremes[:, 0], counts)
    return [
        HuHistogram(first_hu, counts[first : first + size])
        for first_hu, first, size in zip(extremes[:, 0].tolist(), first_bin.tolist(), bins.tolist(), strict=True)
    ]


def merge(one: HuHistogram, other: HuHistogram) -> HuHistogram:
    """The histogram of two sets of voxels that share none: those of one label in two chunks."""
    first_hu = min(one.first_hu, other.first_hu)
    counts = np.zeros(max(each.first_hu + len(each.counts) for each in (one, other)) - first_hu, np.int64)
    for each in (one, other):
        counts[each.first_hu - first_hu :][: len(each.counts)] += each.counts
    return HuHistogram(first_hu, counts)


def intensities_of(histograms: list[HuHistogram], *, bin_hu: int = BIN_HU) -> Intensities:
    """The figures of n histograms, in their order.

    Mean, std, percentiles and shares are roundings of exact values; skewness, kurtosis and entropy are within some
    units in the last place.

    Args:
        histograms: n of them, each of less than 2**33 voxels.
        bin_hu: the width, at least 1, of the bins of `entropy`.
    """
    rows = [_figures(histogram, bin_hu) for histogram in histograms]
    names = [field.name for field in fields(Intensities)]
    return Intensities(**{name: _column([row[name] for row in rows], name) for name in names})


def _column(values: list[float], name: str) -> npt.NDArray[Any]:
    return np.array(values, np.int64 if name in {"min", "max"} else np.float64)


def _figures(histogram: HuHistogram, bin_hu: int) -> dict[str, float]:
    used = np.flatnonzero(histogram.counts)
    hu, counts = used + histogram.first_hu, histogram.counts[used]
    up_to = np.cumsum(counts)
    names = ("p05", "p10", "p25", "median", "p75", "p90", "p95")
    return {
        **_moments(hu, counts),
        "min": int(hu[0]),
        "max": int(hu[-1]),
        **dict(zip(names, _percentiles(hu, up_to), strict=True)),
        "entropy": _entropy(hu, up_to, bin_hu),
        **_shares(hu, up_to),
    }


def _moments(hu: Ints, counts: Ints) -> dict[str, float]:
    """Python's integers: exact where 64 bits would overflow or cancel, and divided with one rounding."""
    n, first, second, third, fourth = _power_sums(hu, counts)
    squares = n * second - first**2
    figures = {"mean": first / n, "std": sqrt(squares / n**2), "skewness": 0.0, "kurtosis": 0.0}
    if squares:
        cubes = n**2 * third - 3 * n * first * second + 2 * first**3
        fourths = n**3 * fourth - 4 * n**2 * first * third + 6 * n * first**2 * second - 3 * first**4
        figures["skewness"] = cubes / squares / sqrt(squares)
        figures["kurtosis"] = (fourths - 3 * squares**2) / squares**2
    return figures


def _power_sums(hu: Ints, counts: Ints) -> tuple[int, int, int, int, int]:
    """Sums of counts times hu to the powers 0 to 4, exact.

    hu² is at most 2**30; from its upper and lower half every sum stays below 2**63.
    """
    squares = hu * hu
    high, low = squares >> 15, squares & 0x7FFF
    weighted_high, weighted_low = counts * high, counts * low
    second = (int(weighted_high.sum()) << 15) + int(weighted_low.sum())
    third = (int(weighted_high @ hu) << 15) + int(weighted_low @ hu)
    fourth = (int(weighted_high @ high) << 30) + (int(weighted_high @ low) << 16) + int(weighted_low @ low)
    return int(counts.sum()), int(counts @ hu), second, third, fourth


def _percentiles(hu: Ints, up_to: Ints) -> list[float]:
    position = np.multiply(up_to[-1] - 1, _PERCENTS)
    below, part = np.divmod(position, 100)
    lower = hu[np.searchsorted(up_to, below, side="right")]
    upper = hu[np.searchsorted(up_to, np.minimum(below + 1, up_to[-1] - 1), side="right")]
    percentiles: list[float] = ((lower * (100 - part) + upper * part) / 100).tolist()
    return percentiles


def _entropy(hu: Ints, up_to: Ints, bin_hu: int) -> float:
    bins = (hu - BINS_FROM_HU) // bin_hu
    last_of_bin = np.append(np.flatnonzero(np.diff(bins)), len(bins) - 1)
    counts = np.diff(up_to[last_of_bin], prepend=0)
    return float(counts @ np.log2(up_to[-1] / counts) / up_to[-1])


def _shares(hu: Ints, up_to: Ints) -> dict[str, float]:
    counted = np.append(0, up_to)
    below = counted[np.searchsorted(hu, (-950, -910, -700))] / up_to[-1]
    above = (up_to[-1] - counted[np.searchsorted(hu, (0, 100, 130), side="right")]) / up_to[-1]
    names = ("below_950", "below_910", "below_700", "above_0", "above_100", "above_130")
    return dict(zip(names, [*below.tolist(), *above.tolist()], strict=True))


@njit(cache=True, nogil=True)
def _find_extremes(
    runs: Runs, image: Image, height: int, origin: tuple[int, int, int], label: Ints, extremes: Ints
) -> bool:
    """False where a run leaves the image or has a label that is not named."""
    for row, start, stop, value in runs:
        z, y, first, last = row // height - origin[0], row % height - origin[1], start - origin[2], stop - origin[2]
        n = np.searchsorted(label, value)
        if min(z, y, first) < 0 or z >= image.shape[0] or y >= image.shape[1] or last > image.shape[2]:
            return False
        if n == len(label) or label[n] != value:
            return False
        low, high = extremes[n]
        for hu in image[z, y, first:last]:
            low, high = min(low, hu), max(high, hu)
        extremes[n, 0], extremes[n, 1] = low, high
    return True


@njit(cache=True, nogil=True)
def _count(
    runs: Runs, image: Image, height: int, origin: tuple[int, int, int], label: Ints, bin_of_zero: Ints, counts: Ints
) -> None:
    for row, start, stop, value in runs:
        zero = bin_of_zero[np.searchsorted(label, value)]
        for hu in image[row // height - origin[0], row % height - origin[1], start - origin[2] : stop - origin[2]]:
            counts[zero + hu] += 1
