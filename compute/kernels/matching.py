"""Which predicted instance stands for which drawn one: each at most once, by a greedy choice or the best of all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from compute.kernels.overlaps import Overlaps
from compute.kernels.volumes import Floats, Ints


@dataclass(frozen=True)
class Match:
    """A drawn instance and the predicted one that stands for it, by their labels."""

    truth: int
    prediction: int
    score: float


@dataclass(frozen=True)
class Matching:
    """The table of matches, and who is left alone."""

    matches: tuple[Match, ...]
    unmatched_truth: tuple[int, ...]
    """Labels, ascending."""
    unmatched_prediction: tuple[int, ...]
    """Labels, ascending."""


def match_greedily(overlaps: Overlaps, scores: Floats, threshold: float) -> Matching:
    """Again and again the pair of the highest score among those left, until it is below the threshold.

    Equal scores are settled as by the published evaluator, which walks through Python sets of labels: the pair first
    met wins. Those sets give labels in another order than ascending where they are large.

    Args:
        overlaps: of the two label arrays.
        scores: (p,) of its pairs; pairs that share no voxel are never matched.
        threshold: at least so much makes a match; above 0.

    Returns:
        The matches in the order in which they were made.
    """
    truth_rank, prediction_rank = _rank_in_set(overlaps.truth_labels), _rank_in_set(overlaps.prediction_labels)
    high = np.flatnonzero(scores >= threshold)
    truth, prediction = overlaps.pairs[high].T
    order = high[np.lexsort((prediction_rank[prediction], truth_rank[truth], -scores[high]))]
    return _matching(overlaps, scores, _each_once(overlaps.pairs[order], order))


def match_optimally(overlaps: Overlaps, scores: Floats, threshold: float) -> Matching:
    """The matching of the greatest sum of scores among pairs at or above the threshold.

    Arguments as for the greedy one. Where sums are equal the solver's choice stands, which is the same for the same
    input. Matches are ordered by the truth's label.
    """
    high = np.flatnonzero(scores >= threshold)
    chosen = [
        pair for group in _groups(overlaps, high) for pair in _assign(overlaps.pairs[group], scores[group], group)
    ]
    return _matching(overlaps, scores, sorted(chosen))


def match_by_distance(
    truth: Sequence[int], prediction: Sequence[int], near: Iterable[tuple[int, int, float]]
) -> Matching:
    """The matching of the most pairs, and among those of the least sum of distances; scores are distances in mm.

    Args:
        truth: labels of the drawn instances.
        prediction: labels of the predicted ones.
        near: (truth, prediction, distance) of the pairs that may be matched.
    """
    pairs = list(near)
    row, column = ({label: n for n, label in enumerate(labels)} for labels in (truth, prediction))
    farthest = max((distance for _, _, distance in pairs), default=0.0)
    # One match more outweighs any sum of distances, so that as many as possible are made.
    gain = np.zeros((len(row), len(column)))
    for one, other, distance in pairs:
        gain[row[one], column[other]] = (farthest + 1) * (min(gain.shape) + 1) - distance
    rows, columns = linear_sum_assignment(gain, maximize=True)
    chosen = zip(rows.tolist(), columns.tolist(), strict=True)
    distances = {(one, other): distance for one, other, distance in pairs}
    named = ((truth[n], prediction[m]) for n, m in chosen if gain[n, m] > 0)
    return _told(truth, prediction, [Match(one, other, distances[one, other]) for one, other in named])


def _rank_in_set(labels: Ints) -> Ints:
    """For each label its rank in the order in which a set gives them."""
    values = labels.tolist()
    rank = {label: n for n, label in enumerate(set(values))}
    return np.array([rank[label] for label in values], np.int64)


def _each_once(pairs: Ints, order: Ints) -> list[int]:
    """Those pairs, in their order, of which neither side was in one before."""
    taken: tuple[set[int], set[int]] = (set(), set())
    chosen = []
    for (truth, prediction), pair in zip(pairs.tolist(), order.tolist(), strict=True):
        if truth not in taken[0] and prediction not in taken[1]:
            taken[0].add(truth)
            taken[1].add(prediction)
            chosen.append(pair)
    return chosen


def _groups(overlaps: Overlaps, pairs: Ints) -> list[Ints]:
    """The pairs, divided so that no label stands in two groups: each can be solved alone, and most are tiny."""
    if len(pairs) == 0:
        return []
    truth, prediction = overlaps.pairs[pairs].T
    n, size = len(overlaps.truth_labels), len(overlaps.truth_labels) + len(overlaps.prediction_labels)
    graph = coo_array((np.ones(len(pairs)), (truth, prediction + n)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    group = component[truth]
    order = np.argsort(group, kind="stable")
    return np.split(pairs[order], np.flatnonzero(np.diff(group[order])) + 1)


def _assign(pairs: Ints, scores: Floats, names: Ints) -> list[int]:
    rows, row = np.unique(pairs[:, 0], return_inverse=True)
    columns, column = np.unique(pairs[:, 1], return_inverse=True)
    gain = np.zeros((len(rows), len(columns)))
    gain[row, column] = scores
    name = np.full(gain.shape, -1)
    name[row, column] = names
    chosen = name[linear_sum_assignment(gain, maximize=True)]
    return [int(pair) for pair in chosen if pair >= 0]


def _matching(overlaps: Overlaps, scores: Floats, chosen: Sequence[int]) -> Matching:
    truth, prediction = overlaps.truth_labels.tolist(), overlaps.prediction_labels.tolist()
    ends = ((pair, *overlaps.pairs[pair].tolist()) for pair in chosen)
    return _told(truth, prediction, [Match(truth[n], prediction[m], float(scores[pair])) for pair, n, m in ends])


def _told(truth: Sequence[int], prediction: Sequence[int], matches: list[Match]) -> Matching:
    alone_truth = sorted(set(truth) - {match.truth for match in matches})
    alone_prediction = sorted(set(prediction) - {match.prediction for match in matches})
    return Matching(tuple(matches), tuple(alone_truth), tuple(alone_prediction))
