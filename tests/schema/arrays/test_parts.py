import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.arrays.layout import chunk_grid
from schema.arrays.loops import mark_chunks
from schema.arrays.runs import LabelRuns


@given(st.tuples(*[st.integers(1, 140)] * 3), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_chunks_that_runs_touch(shape, seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for _ in range(rng.integers(0, 4)):
        start = rng.integers(0, shape)
        labels[tuple(slice(a, a + rng.integers(1, 80)) for a in start)] = rng.integers(1, 9)
    marks = np.zeros(chunk_grid(shape), np.bool_)
    mark_chunks(marks, LabelRuns.from_dense(labels).runs, 64)
    for chunk in np.ndindex(marks.shape):
        assert marks[chunk] == labels[tuple(slice(n * 64, n * 64 + 64) for n in chunk)].any()
