"""Matchings against a slow plain greedy choice, and against every possible matching."""

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.matching import Match, Matching, match_by_distance, match_greedily, match_optimally
from compute.kernels.overlaps import Overlaps

unhurried = settings(deadline=None, max_examples=100)

Table = npt.NDArray[np.float64]


def overlaps(truth: list[int], prediction: list[int], scores: Table) -> tuple[Overlaps, Table]:
    """Overlaps whose pairs are those of a score above 0; what they share does not matter here."""
    pairs = np.argwhere(scores > 0)
    one = np.ones(max(len(truth), len(prediction)), np.int64)
    found = Overlaps(
        np.array(truth, np.int64), one[: len(truth)], np.array(prediction, np.int64), one[: len(prediction)], pairs,
        np.ones(len(pairs), np.int64),
    )  # fmt: skip
    return found, scores[scores > 0]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[int], list[int], Table]:
    """Labels up to thousands, and scores of few values, so that many are equal."""
    truth, prediction = (sorted(draw(st.sets(st.integers(1, 4000), max_size=6))) for _ in range(2))
    values = draw(st.lists(st.sampled_from([0, 0.1, 0.2, 0.5, 0.5, 1]), min_size=36, max_size=36))
    return truth, prediction, np.array(values).reshape(6, 6)[: len(truth), : len(prediction)]


def match_plainly(truth: list[int], prediction: list[int], scores: Table) -> Matching:
    score = {(t, p): scores[n, m] for n, t in enumerate(truth) for m, p in enumerate(prediction)}
    left, right, expected = set(truth), set(prediction), []
    while left and right:
        best = (0.0, 0, 0)
        for t in left:
            for p in right:
                if score[t, p] > best[0]:
                    best = (score[t, p], t, p)
        if best[0] < 0.2:
            break
        expected.append(Match(best[1], best[2], best[0]))
        left.remove(best[1])
        right.remove(best[2])
    return Matching(tuple(expected), tuple(sorted(left)), tuple(sorted(right)))


@unhurried
@given(tables())
def test_greedy_walks_through_sets(table: tuple[list[int], list[int], Table]) -> None:
    assert match_greedily(*overlaps(*table), 0.2) == match_plainly(*table)


@pytest.mark.parametrize("seed", range(10))
def test_greedy_walks_through_sets_that_have_grown(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, prediction = (sorted(random.choice(np.arange(1, 9000), count, False).tolist()) for count in (96, 50))
    scores = random.choice([0, 0.1, 0.2, 0.5, 1], (96, 50), p=[0.8, 0.05, 0.05, 0.05, 0.05])
    assert list(set(prediction)) != prediction, "ascending labels would not show the order"
    assert match_greedily(*overlaps(truth, prediction, scores), 0.2) == match_plainly(truth, prediction, scores)


@unhurried
@given(tables())
def test_optimal_has_the_greatest_sum(table: tuple[list[int], list[int], Table]) -> None:
    truth, prediction, scores = table
    found = match_optimally(*overlaps(*table), 0.2)
    padded = np.zeros((6, 6))
    padded[: scores.shape[0], : scores.shape[1]] = np.where(scores >= 0.2, scores, 0)
    best = max(sum(padded[n, m] for n, m in enumerate(order)) for order in permutations(range(6)))
    assert sum(match.score for match in found.matches) == pytest.approx(best)
    for match in found.matches:
        assert match.score == scores[truth.index(match.truth), prediction.index(match.prediction)] >= 0.2
    assert [match.truth for match in found.matches] == sorted(match.truth for match in found.matches)
    check_each_once(found, truth, prediction)


@unhurried
@given(tables())
def test_by_distance_makes_the_most_matches_and_then_the_nearest(table: tuple[list[int], list[int], Table]) -> None:
    truth, prediction, scores = table
    distances = 100 * scores  # so far apart that one near pair would outweigh two far ones, were nearness all
    near = [(t, p, distances[n, m]) for n, t in enumerate(truth) for m, p in enumerate(prediction) if distances[n, m]]
    found = match_by_distance(truth, prediction, near)
    padded = np.zeros((6, 6))
    padded[: distances.shape[0], : distances.shape[1]] = distances
    chosen = [[padded[n, m] for n, m in enumerate(order) if padded[n, m]] for order in permutations(range(6))]
    most = max(len(one) for one in chosen)
    assert len(found.matches) == most
    assert sum(match.score for match in found.matches) == pytest.approx(min(sum(c) for c in chosen if len(c) == most))
    assert all((match.truth, match.prediction, match.score) in near for match in found.matches)
    check_each_once(found, truth, prediction)


def check_each_once(found: Matching, truth: list[int], prediction: list[int]) -> None:
    assert sorted([*(match.truth for match in found.matches), *found.unmatched_truth]) == truth
    assert sorted([*(match.prediction for match in found.matches), *found.unmatched_prediction]) == prediction
