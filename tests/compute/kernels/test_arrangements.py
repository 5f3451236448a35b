"""Predictions that are stored otherwise are named; good, poor, empty and unrelated ones are not suspected."""

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.arrangements import find_better_arrangement
from compute.kernels.runs import Runs, label_runs

SHAPE = (30, 40, 40)
"""z, y, x: as deep as no other axis, so that j and i alone may be swapped."""

Masks = list[npt.NDArray[np.bool_]]


def draw(seed: int, findings: int = 3) -> Masks:
    """For each finding a few balls."""
    random = np.random.default_rng(seed)
    grid = np.indices(SHAPE).reshape(3, -1).T
    masks = []
    for _ in range(findings):
        mask = np.zeros(len(grid), bool)
        for _ in range(random.integers(1, 4)):
            mask |= np.linalg.norm(grid - random.uniform(4, np.array(SHAPE) - 4), axis=1) < random.uniform(2, 5)
        masks.append(mask.reshape(SHAPE))
    return masks


def runs(masks: Masks) -> list[Runs]:
    return [label_runs(np.ascontiguousarray(mask)) for mask in masks]


def suspected(truth: Masks, prediction: Masks) -> str | None:
    found = find_better_arrangement(runs(truth), runs(prediction), SHAPE)
    return found and found.name


@pytest.mark.parametrize(
    ("axis", "name"), [(0, "k mirrored"), (1, "j mirrored"), (2, "i mirrored"), ((1, 2), "i and j mirrored")]
)
def test_mirrored_axes_are_named(axis: int | tuple[int, ...], name: str) -> None:
    for seed in range(10):
        truth = draw(seed)
        assert suspected(truth, [np.flip(mask, axis) for mask in truth]) == name


def test_swapped_axes_are_named() -> None:
    for seed in range(10):
        truth = draw(seed)
        assert suspected(truth, [mask.transpose(0, 2, 1) for mask in truth]) == "i and j swapped"


def test_exchanged_findings_are_named_though_all_others_are_right() -> None:
    for seed in range(10):
        a, b, c, d, e = draw(seed, 5)
        assert suspected([a, b, c, d, e], [a, d, c, b, e]) == "findings 1 and 3 exchanged"
        assert suspected([a, b, c, d, e], [b, c, a, d, e]) == "findings 0, 1, 2 in another order"


def test_what_is_stored_as_it_should_be_is_not_suspected() -> None:
    for seed in range(40):
        truth = draw(seed, 1 + seed % 6)
        shifted = [np.roll(mask, (1, 2, 2), (0, 1, 2)) for mask in truth]
        empty = [np.zeros(SHAPE, bool) for _ in truth]
        everything = [np.ones(SHAPE, bool) for _ in truth]
        for prediction in (truth, shifted, empty, everything, [truth[0] for _ in truth]):
            assert suspected(truth, prediction) is None


def test_a_prediction_that_fits_nowhere_is_hardly_ever_suspected() -> None:
    """By chance it may lie where another arrangement has something, the more so in a volume as small as this."""
    truths = [draw(seed, 1 + seed % 6) for seed in range(100)]
    unrelated = [draw(1000 + seed, len(truth)) for seed, truth in enumerate(truths)]
    assert sum(suspected(*pair) is not None for pair in zip(truths, unrelated, strict=True)) <= 2


def test_the_figures_are_means_over_the_findings_concerned() -> None:
    a, b, c = draw(1)
    found = find_better_arrangement(runs([a, b, c]), runs([a, c, b]), SHAPE)
    assert found is not None
    assert found.dice == pytest.approx(1)
    assert found.stored_dice == pytest.approx(2 * (b & c).sum() / (b.sum() + c.sum()), abs=0.02)


def test_nothing_is_not_suspected() -> None:
    assert find_better_arrangement([], [], SHAPE) is None
