"""The floor: one reduction over every byte of labels and image, by NumPy, which no measurement of them can undercut."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry.case import Case
from benchmarks.geometry.threads import THREADS
from benchmarks.geometry.values import CORE, Values

LACKS = CORE


def measure(case: Case) -> list[Values]:
    """Read a case's bytes, eight at a time, and measure nothing."""
    parts = [part for array in (*case.labels, case.image) for part in np.array_split(_as_words(array), THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(map(np.bitwise_or.reduce, parts) if THREADS == 1 else pool.map(np.bitwise_or.reduce, parts))
    return []


def _as_words(array: NDArray[np.generic]) -> NDArray[np.uint64]:
    flat = array.reshape(-1).view(np.uint8)
    return flat[: flat.size - flat.size % 8].view(np.uint64)
