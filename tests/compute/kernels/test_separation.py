"""The distance between two samples against its definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.separation import separation

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

hu = st.lists(st.integers(-5, 5), min_size=1, max_size=40)


@unhurried
@given(hu, hu)
def test_equals_the_definition(first: list[int], second: list[int]) -> None:
    found = separation(np.array(first, np.int16), np.array(second, np.int16))
    shares = [(np.mean(np.array(first) <= value), np.mean(np.array(second) <= value)) for value in range(-5, 6)]
    np.testing.assert_allclose(found, max(abs(one - other) for one, other in shares), atol=1e-12)


def test_an_empty_sample_separates_nothing() -> None:
    assert separation(np.empty(0, np.int16), np.ones(3, np.int16)) == 0
