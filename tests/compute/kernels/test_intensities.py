"""HU histograms and what follows from them, against plain definitions on the voxels' values themselves."""

from fractions import Fraction
from math import sqrt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compute.kernels.intensities import HuHistogram, Intensities, hu_histograms, intensities_of, merge
from compute.kernels.runs import LABEL, ROW, label_runs

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Array = npt.NDArray[np.generic]

seeds = st.integers(0, 2**32 - 1)
many_hu = st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=40)


def histogram_of(values: npt.ArrayLike) -> HuHistogram:
    hu = np.asarray(values, np.int64)
    return HuHistogram(int(hu.min()), np.bincount(hu - hu.min()))


def figures_of(values: npt.ArrayLike, **settings: int) -> Intensities:
    return intensities_of([histogram_of(values)], **settings)


def assert_same(one: list[HuHistogram], other: list[HuHistogram]) -> None:
    assert [each.first_hu for each in one] == [each.first_hu for each in other]
    for each, like in zip(one, other, strict=True):
        np.testing.assert_array_equal(each.counts, like.counts)


def draw(seed: int, shape: tuple[int, int, int] = (6, 7, 20)) -> tuple[Array, npt.NDArray[np.int16]]:
    random = np.random.default_rng(seed)
    labels = random.choice(np.array([0, 0, 1, 2, 300], np.uint16), shape)
    return labels, random.integers(-1100, 1500, shape).astype(np.int16)


def plain(hu: npt.NDArray[np.float64], bin_hu: int) -> dict[str, float]:
    names = ("p05", "p10", "p25", "median", "p75", "p90", "p95")
    varies = hu.min() < hu.max()
    _, counts = np.unique(np.floor((hu + 1000) / bin_hu), return_counts=True)
    return {
        "mean": hu.mean(),
        "std": hu.std(),
        "min": hu.min(),
        "max": hu.max(),
        **dict(zip(names, np.percentile(hu, [5, 10, 25, 50, 75, 90, 95]), strict=True)),
        "skewness": stats.skew(hu) if varies else 0,
        "kurtosis": stats.kurtosis(hu) if varies else 0,
        "entropy": stats.entropy(counts, base=2),
        **{f"below_{-limit}": (hu < limit).mean() for limit in (-950, -910, -700)},
        **{f"above_{limit}": (hu > limit).mean() for limit in (0, 100, 130)},
    }


def test_equals_plain_definitions_on_200_random_inputs() -> None:
    random = np.random.default_rng(3)
    for n in range(200):
        spread = (1, 3, 40, 600)[n % 4]
        size = random.integers(1, (2, 12, 400)[n % 3] + 1)
        hu = np.rint(random.gamma(2, spread, size) + random.integers(-1050, 300))
        found, bin_hu = figures_of(hu, bin_hu=int(random.integers(1, 60))), 25
        expected = plain(hu, bin_hu)
        again = vars(figures_of(hu, bin_hu=bin_hu))
        assert set(again) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(again[name], [value], rtol=1e-11, atol=1e-11, err_msg=f"{name} of {hu}")
        np.testing.assert_array_equal(found.kurtosis, again["kurtosis"])


@unhurried
@given(many_hu, st.integers(1, 100))
def test_entropy_of_bins_of_any_width(values: list[int], bin_hu: int) -> None:
    found = figures_of(values, bin_hu=bin_hu).entropy
    np.testing.assert_allclose(found, [plain(np.array(values, float), bin_hu)["entropy"]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "counts", [[1, 1], [10**9, 0, 1], [1, *[0] * 65534, 10**9], [3, 5, 10**8, 7], [8 * 10**9, *[0] * 65534, 10**8]]
)
def test_moments_are_exact_where_floats_cancel_and_64_bits_overflow(counts: list[int]) -> None:
    values, weights = np.flatnonzero(counts) - 2**15, [count for count in counts if count]
    voxels = sum(weights)

    def mean(of: list[Fraction]) -> Fraction:
        return sum((each * weight for each, weight in zip(of, weights, strict=True)), Fraction(0)) / voxels

    centre = mean([Fraction(int(hu)) for hu in values])
    second, third, fourth = (mean([(int(hu) - centre) ** power for hu in values]) for power in (2, 3, 4))
    found = intensities_of([HuHistogram(-(2**15), np.array(counts))])
    assert found.mean[0] == float(centre)
    assert found.std[0] == sqrt(second)
    np.testing.assert_allclose(found.skewness, [float(third / second) / sqrt(second)], rtol=1e-15)
    np.testing.assert_allclose(found.kurtosis, [float(fourth / second**2 - 3)], rtol=1e-15)


@unhurried
@given(many_hu)
def test_percentiles_are_roundings_of_exact_values(values: list[int]) -> None:
    found, ordered = figures_of(values), sorted(values)
    for name, percent in (("p05", 5), ("median", 50), ("p95", 95)):
        below, part = divmod((len(values) - 1) * percent, 100)
        above = ordered[min(below + 1, len(values) - 1)]
        assert getattr(found, name)[0] == float(Fraction(ordered[below] * (100 - part) + above * part, 100))


@pytest.mark.parametrize("values", [[-1024], [77, 77, 77]])
def test_constant_hu(values: list[int]) -> None:
    found = figures_of(values)
    for name in ("mean", "min", "max", "median", "p05", "p95"):
        assert getattr(found, name).tolist() == [values[0]]
    for name in ("std", "skewness", "kurtosis", "entropy"):
        assert getattr(found, name).tolist() == [0]


def test_bins_begin_at_minus_1000_and_not_at_the_minimum() -> None:
    assert figures_of([-1, 0]).entropy[0] == 1
    assert figures_of([0, 24]).entropy[0] == 0
    assert figures_of([-1001, -1000]).entropy[0] == 1
    assert figures_of([-1001, -999], bin_hu=7).entropy[0] == 1
    assert figures_of([0, 1, 2, 24, 25, 49, 50, 75]).entropy[0] == 1.75


def test_shares_are_of_voxels_strictly_beyond() -> None:
    found = figures_of([-951, -950, -911, -910, -701, -700, 0, 1, 100, 101, 130, 131, 3000, 3000, 3000, 3000])
    shares = ("below_950", "below_910", "below_700", "above_0", "above_100", "above_130")
    assert [16 * getattr(found, name)[0] for name in shares] == [1, 3, 5, 9, 7, 5]


def test_several_histograms_and_none() -> None:
    found = intensities_of([histogram_of([1, 2]), histogram_of([-7])])
    assert found.mean.tolist() == [1.5, -7]
    assert found.min.dtype == np.int64
    assert {values.shape for values in vars(intensities_of([])).values()} == {(0,)}


@unhurried
@given(seeds, st.tuples(*[st.integers(0, 4)] * 3))
def test_histograms_equal_counting(seed: int, origin: tuple[int, int, int]) -> None:
    labels, image = draw(seed)
    volume = np.pad(labels, [(each, 3) for each in origin])
    present = np.unique(labels[labels > 0]).astype(np.int64)
    runs = label_runs(volume)
    found = hu_histograms(runs, image, height=volume.shape[1], origin_zyx=origin, label=present)
    assert_same(found, [histogram_of(image[labels == label]) for label in present])


def test_views_read_only_images_and_runs_in_any_order() -> None:
    labels, image = draw(4)
    runs, present = label_runs(labels), np.array([1, 2, 300])
    expected = hu_histograms(runs, image, height=7, origin_zyx=(0, 0, 0), label=present)
    views = [np.pad(image, 2)[2:-2, 2:-2, 2:-2], np.asfortranarray(image), np.repeat(image, 2, axis=2)[..., ::2]]
    for view in views:
        view.flags.writeable = False
        assert_same(hu_histograms(runs[::-1], view, height=7, origin_zyx=(0, 0, 0), label=present), expected)


@unhurried
@given(seeds, st.integers(1, 5))
def test_histograms_of_chunks_add_up(seed: int, cut: int) -> None:
    labels, image = draw(seed)
    labels[0, 0, 0] = labels[-1, -1, -1] = 1
    runs = label_runs(labels)
    runs = runs[runs[:, LABEL] == 1]
    (whole,) = hu_histograms(runs, image, height=7, origin_zyx=(0, 0, 0), label=np.array([1]))
    low, high = (
        hu_histograms(runs[part], crop, height=7, origin_zyx=(z, 0, 0), label=np.array([1]))[0]
        for part, crop, z in (
            (runs[:, ROW] < 7 * cut, image[:cut], 0),
            (runs[:, ROW] >= 7 * cut, image[cut:], cut),
        )
    )
    assert_same([merge(low, high), merge(high, low)], [whole, whole])


@unhurried
@given(many_hu, many_hu, many_hu)
def test_merging_is_joining(one: list[int], other: list[int], third: list[int]) -> None:
    parts = [histogram_of(values) for values in (one, other, third)]
    joined = histogram_of(one + other + third)
    assert_same([merge(merge(parts[0], parts[1]), parts[2]), merge(parts[2], merge(*parts[:2]))], [joined, joined])


def test_no_labels_give_no_histograms() -> None:
    runs, image = label_runs(np.zeros((2, 3, 4), np.uint8)), np.zeros((2, 3, 4), np.int16)
    assert hu_histograms(runs, image, height=3, origin_zyx=(0, 0, 0), label=np.empty(0, np.int64)) == []


@pytest.mark.parametrize("origin", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, -1), (0, -1, 0), (-1, 0, 0)])
def test_runs_that_leave_the_crop_are_refused(origin: tuple[int, int, int]) -> None:
    runs, image = label_runs(np.ones((2, 3, 4), np.uint8)), np.zeros((2, 3, 4), np.int16)
    with pytest.raises(ValueError, match=r"\(2, 3, 4\) at"):
        hu_histograms(runs, image, height=4, origin_zyx=origin, label=np.array([1]))


@pytest.mark.parametrize("label", [[2], [], [1, 2], [0, 1]])
def test_labels_that_are_not_those_of_the_runs_are_refused(label: list[int]) -> None:
    runs, image = label_runs(np.ones((2, 3, 4), np.uint8)), np.zeros((2, 3, 4), np.int16)
    with pytest.raises(ValueError, match="other labels"):
        hu_histograms(runs, image, height=3, origin_zyx=(0, 0, 0), label=np.array(label, np.int64))
