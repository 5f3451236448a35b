"""Percentiles from a histogram against NumPy's on the values themselves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.intensities import percentile_of_counts

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles


@unhurried
@given(st.lists(st.integers(-300, 300), min_size=1, max_size=60), st.integers(0, 100))
def test_equals_numpy_on_the_values(values: list[int], percent: int) -> None:
    low = min(values)
    counts = np.bincount(np.array(values) - low)
    found = percentile_of_counts(counts, low, len(values), percent)
    np.testing.assert_allclose(found, np.percentile(values, percent), rtol=1e-12, atol=1e-9)
