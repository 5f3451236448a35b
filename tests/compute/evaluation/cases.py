"""Truths and predictions as dense arrays (finding, i, j, k), with whatever files of them have been seen to hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """One case, or what stands in its stead where the prediction is missing: None."""

    truth: Array
    predicted: Array | None


def lesions(random: np.random.Generator, shape: Shape, count: int, largest: float = 4.0) -> Array:
    """Ellipsoids labelled 1 to count, the later over the earlier; they touch where they happen to."""
    labels = np.zeros(shape, np.uint16)
    grid = np.indices(shape).reshape(3, -1).T
    for label in range(1, count + 1):
        centre = random.uniform(0, np.array(shape) - 1)
        inside = ((grid - centre) ** 2 / random.uniform(0.7, largest, 3) ** 2).sum(axis=1) <= 1
        labels.ravel()[inside] = label
    return labels


def shifted(labels: Array, steps: Sequence[int]) -> Array:
    """The labels moved by so many voxels; what leaves the volume is lost."""
    moved = np.zeros_like(labels)
    to = tuple(slice(max(step, 0), size + min(step, 0)) for step, size in zip(steps, labels.shape, strict=True))
    of = tuple(slice(max(-step, 0), size - max(step, 0)) for step, size in zip(steps, labels.shape, strict=True))
    moved[to] = labels[of]
    return moved


def speckles(random: np.random.Generator, shape: Shape, share: float) -> Array:
    return (random.random(shape) < share).astype(np.uint8)


def near(random: np.random.Generator, labels: Array) -> Array:
    """A prediction near the truth: moved a little, here and there forgotten, with false positives."""
    moved = shifted(labels, random.integers(-1, 2, 3).tolist()) > 0
    forgotten = speckles(random, labels.shape, 0.1) > 0
    return (moved & ~forgotten).astype(np.uint8) | speckles(random, labels.shape, 0.01)


def _phantom_like(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    labels = lesions(random, shape, int(random.integers(1, 8)))
    return labels, near(random, labels)


def _crowded(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """More than 50 components, many of equal size, so that the cap must choose between equals."""
    labels = lesions(random, shape, int(random.integers(3, 12)), largest=2.0)
    predicted = np.zeros(shape, np.uint8)
    predicted[::2, ::2, ::3] = 1
    predicted[1::4, ::2, ::3] = random.integers(0, 2, predicted[1::4, ::2, ::3].shape)
    return labels, predicted


def _tiny(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    return lesions(random, shape, 6, largest=1.5), speckles(random, shape, 0.03)


def _tied(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Equal bars, each crossed by two equal bars: every pair scores alike, and large ids upset the order of sets."""
    names = random.choice(np.arange(1, 256), shape[0] // 4 + 1, replace=False)
    truth, predicted = np.zeros(shape, np.uint16), np.zeros(shape, np.uint8)
    for n, name in enumerate(names):
        truth[4 * n : 4 * n + 2, 2:10, 2:4] = name
        predicted[4 * n : 4 * n + 2, 2:5, 2:4] = 1
        predicted[4 * n : 4 * n + 2, 7:10, 2:4] = 1
    return truth, predicted


def _high_labels(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Labels that change under a cast to uint8, 256 to nothing and 257 to 1, in truth and prediction."""
    labels = lesions(random, shape, 7)
    names = np.array([0, *random.choice([1, 2, 200, 255, 256, 257, 300, 512, 513, 1000], 7, replace=False)], np.uint16)
    return names[labels], names[near(random, labels) * random.integers(0, 8, shape)]


def _floats(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Probabilities, and numbers above and below what uint8 holds."""
    labels = lesions(random, shape, 5)
    noise = random.uniform(0, 1.4, shape).astype(np.float32)
    spread = random.choice([1.0, 1.0, -1.0, 256.7, 300.2], shape)
    return labels.astype(np.float32), (near(random, labels) * noise * spread).astype(np.float64)


def _touching(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Blocks of different labels side by side, and predictions that meet at edges and corners only."""
    truth, predicted = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for n, (i, j, k) in enumerate(np.ndindex(3, 2, 2)):
        block = np.s_[4 * i : 4 * i + 4, 4 * j : 4 * j + 4, 4 * k : 4 * k + 4]
        truth[block] = random.integers(0, 2) * (n + 1)
        predicted[block] = random.integers(0, 2)
    return truth, predicted


def _nothing(random: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Truth, prediction or both are empty."""
    labels = lesions(random, shape, 3)
    drawn, found = random.integers(0, 2, 2)
    return labels * drawn, near(random, labels) * found * (1 - drawn)


KINDS: tuple[Callable[[np.random.Generator, Shape], tuple[Array, Array]], ...] = (
    _phantom_like,
    _crowded,
    _tiny,
    _tied,
    _high_labels,
    _floats,
    _touching,
    _nothing,
)


def make_case(seed: int) -> Case:
    """A case of one to four findings, those of even seeds of one kind, those of odd seeds of any."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers((14, 12, 9), (24, 20, 16)).tolist())
    kinds = [KINDS[seed // 2 % len(KINDS)]] * 4 if seed % 2 == 0 else random.choice(np.array(KINDS), 4).tolist()
    pairs = [kind(random, shape) for kind in kinds[: int(random.integers(1, 5))]]
    truth, predicted = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    return Case(truth, None if seed % 29 == 7 else predicted)
