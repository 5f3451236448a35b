"""Sums of votes are those of dense arrays."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as dense

from compute.kernels.runs import LABEL, ROW, START, STOP, label_runs
from compute.kernels.votes import summed_votes

SHAPE = (2, 3, 7)
DRAWINGS = st.lists(
    st.tuples(dense.arrays(np.uint16, SHAPE, elements=st.integers(0, 3)), st.integers(1, 4)), min_size=1, max_size=4
)


@given(DRAWINGS)
@settings(deadline=None)  # the first one compiles
def test_every_voxel_has_the_sum_of_those_who_label_it(drawings):
    runs = summed_votes([label_runs(labels) for labels, _ in drawings], [weight for _, weight in drawings])
    found = np.zeros((SHAPE[0] * SHAPE[1], SHAPE[2]), int)
    for run in runs:
        assert not found[run[ROW], run[START] : run[STOP]].any()
        found[run[ROW], run[START] : run[STOP]] = run[LABEL]
    assert np.array_equal(found.reshape(SHAPE), sum(weight * (labels > 0) for labels, weight in drawings))
