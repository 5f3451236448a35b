"""Boxes of labels, and voxels within a body's outline, against dense arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from compute.kernels.body import BodyOutline
from compute.kernels.boxes import label_boxes
from compute.kernels.runs import label_runs, run_lengths, voxels_of

SHAPES = st.tuples(*[st.integers(1, 7)] * 3)
LABELS = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 1, 2, 9])))


@given(LABELS)
def test_boxes_are_those_of_scipy(labels: NDArray[np.uint8]) -> None:
    found = ndimage.find_objects(labels.astype(np.int64))
    expected = {n: ([s.start for s in box], [s.stop for s in box]) for n, box in enumerate(found, 1) if box is not None}
    boxes = label_boxes(label_runs(labels), labels.shape[1])
    assert {label: (low.tolist(), high.tolist()) for label, (low, high) in boxes.items()} == expected


@given(LABELS, st.data())
def test_voxels_within_an_outline_are_those_that_it_spans(labels: NDArray[np.uint8], data: st.DataObject) -> None:
    step = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    grid = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    ends = data.draw(arrays(np.int16, (*grid, 2), elements=st.integers(0, 7)))
    outline = BodyOutline(np.sort(ends, axis=2), (0, 0), step)
    runs = label_runs(labels)
    spanned = outline.spans(voxels_of(runs, labels.shape[1]))
    per_run = [int(part.sum()) for part in np.split(spanned, np.cumsum(run_lengths(runs))[:-1])] if len(runs) else []
    assert outline.voxels_within(runs, labels.shape[1]).tolist() == per_run
