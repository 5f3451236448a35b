import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from schema.arrays.runs import LabelRuns

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9)
LABELS = hnp.arrays(np.uint16, SHAPES, elements=st.sampled_from([0, 0, 0, 1, 2, 300]))


def runs_by_definition(labels):
    """A slow oracle, one voxel at a time."""
    found = []
    for z, y, x in np.argwhere(labels):
        label = labels[z, y, x]
        if found and found[-1][:2] == [z, y] and found[-1][3] == x and found[-1][4] == label:
            found[-1][3] = x + 1
        else:
            found.append([z, y, x, x + 1, label])
    return np.array(found, np.uint32).reshape(-1, 5)


@given(LABELS)
@settings(max_examples=200, deadline=None)
def test_runs_are_those_of_the_definition_and_give_the_labels_back(labels):
    runs = LabelRuns.from_dense(labels)
    np.testing.assert_array_equal(runs.runs, runs_by_definition(labels))
    np.testing.assert_array_equal(runs.to_dense(dtype=np.uint16), labels)
    np.testing.assert_array_equal(runs.labels(), np.unique(labels[labels > 0]))
    assert runs.voxels == np.count_nonzero(labels)


@given(LABELS, st.data())
@settings(max_examples=100, deadline=None)
def test_a_crop_at_its_origin_is_the_whole_seen_through_a_box(labels, data):
    start = tuple(data.draw(st.integers(0, size)) for size in labels.shape)
    stop = tuple(data.draw(st.integers(low, size)) for low, size in zip(start, labels.shape, strict=True))
    inside = tuple(slice(low, high) for low, high in zip(start, stop, strict=True))
    np.testing.assert_array_equal(LabelRuns.from_dense(labels).to_dense((start, stop), np.uint16), labels[inside])

    cut = np.zeros_like(labels)
    cut[inside] = labels[inside]
    assert LabelRuns.from_dense(labels[inside], start, labels.shape) == LabelRuns.from_dense(cut)


@given(LABELS)
@settings(max_examples=50, deadline=None)
def test_the_box_is_the_smallest(labels):
    box = LabelRuns.from_dense(labels).box_zyx()
    where = np.argwhere(labels)
    expected = (tuple(where.min(axis=0)), tuple(where.max(axis=0) + 1)) if len(where) else None
    assert box == expected


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int16, np.uint16, np.int32, np.int64, ">u2"])
def test_the_digest_knows_no_dtype_order_or_crop(dtype):
    labels = np.zeros((5, 70, 130), dtype)
    labels[1:3, 65:69, 64:129] = 1
    expected = LabelRuns.from_dense(labels.astype(np.uint8)).digest()
    assert LabelRuns.from_dense(labels).digest() == expected
    assert LabelRuns.from_dense(np.asfortranarray(labels)).digest() == expected
    assert LabelRuns.from_dense(labels[1:, 64:, 64:], (1, 64, 64), labels.shape).digest() == expected


def test_digest_vector():
    runs = LabelRuns.from_dense(np.array([[[0, 3]]], np.uint8))
    row = np.array([0, 0, 1, 2, 3], "<u4").tobytes()
    assert runs.digest() == hashlib.sha256(b"groundct labels 1\n[1,1,2]\n" + row).hexdigest()
    assert runs.digest() == "3cc337f3b8e38373e58c9ac46a6e765bebc2933ef6611eecd7fbcffaa416dbf8"


def test_the_digest_knows_the_shape():
    assert LabelRuns.empty((1, 2, 3)).digest() != LabelRuns.empty((1, 3, 2)).digest()


def test_background_alone():
    empty = LabelRuns.from_dense(np.zeros((2, 3, 4), np.uint8))
    assert empty == LabelRuns.empty((2, 3, 4))
    assert (empty.voxels, empty.box_zyx(), len(empty.labels())) == (0, None, 0)
    assert empty.to_dense().shape == (2, 3, 4)


def test_more_runs_than_the_first_room():
    labels = np.indices((20, 30, 40)).sum(axis=0) % 2
    runs = LabelRuns.from_dense(labels)
    assert len(runs.runs) == runs.voxels == 12_000
    np.testing.assert_array_equal(runs.to_dense(), labels)


def test_select_keeps_one_label():
    labels = np.array([[[1, 1, 2, 2, 1]]], np.uint8)
    selected = LabelRuns.from_dense(labels).select(1)
    np.testing.assert_array_equal(selected.to_dense(), labels * (labels == 1))
    assert LabelRuns.from_dense(labels).select(7) == LabelRuns.empty((1, 1, 5))


def test_slabs_join_in_order_only():
    labels = np.ones((3, 2, 2), np.uint8)
    slabs = [LabelRuns.from_dense(labels[z : z + 1], (z, 0, 0), labels.shape) for z in range(3)]
    assert LabelRuns.concatenate(slabs, labels.shape) == LabelRuns.from_dense(labels)
    assert LabelRuns.concatenate([], (1, 1, 1)) == LabelRuns.empty((1, 1, 1))
    with pytest.raises(ValueError, match="longest run"):
        LabelRuns.concatenate(slabs[::-1], labels.shape)


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 0, 2, 2, 1]],  # empty
        [[0, 0, 3, 2, 1]],  # backwards
        [[0, 0, 0, 2, 0]],  # background
        [[4, 0, 0, 2, 1]],  # outside in z
        [[0, 5, 0, 2, 1]],  # outside in y
        [[0, 0, 0, 7, 1]],  # outside in x
        [[0, 0, 0, 2, 1], [0, 0, 2, 3, 1]],  # not the longest
        [[0, 0, 0, 2, 1], [0, 0, 1, 3, 2]],  # on one another
        [[0, 1, 0, 2, 1], [0, 0, 0, 2, 1]],  # y out of order
        [[1, 0, 0, 2, 1], [0, 1, 0, 2, 1]],  # z out of order
    ],
)
def test_wrong_runs_are_refused(rows):
    with pytest.raises(ValueError, match=f"run {len(rows) - 1} "):
        LabelRuns(np.array(rows, np.uint32), (4, 5, 6))


@pytest.mark.parametrize("runs", [np.zeros((0, 5), np.int64), np.zeros((0, 4), np.uint32), np.zeros(5, np.uint32)])
def test_runs_of_another_form_are_refused(runs):
    with pytest.raises(ValueError, match="runs must be uint32"):
        LabelRuns(runs, (1, 1, 1))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((2, 2, 2), np.float32), "integers"),
        (np.zeros((2, 2), np.uint8), "integers"),
        (np.full((1, 1, 1), -1, np.int16), "negative"),
        (np.full((1, 1, 1), 2**32, np.int64), "below"),
    ],
)
def test_what_are_no_labels_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        LabelRuns.from_dense(labels)


def test_crops_and_boxes_outside_and_labels_too_large_are_refused():
    labels = np.full((2, 2, 2), 256, np.uint16)
    with pytest.raises(ValueError, match="does not lie within"):
        LabelRuns.from_dense(labels, (0, 0, 1), (2, 2, 2))
    with pytest.raises(ValueError, match="does not lie within"):
        LabelRuns.from_dense(labels).to_dense(((0, 0, 0), (2, 2, 3)), np.uint16)
    with pytest.raises(ValueError, match="label 256 does not fit uint8"):
        LabelRuns.from_dense(labels).to_dense()
    with pytest.raises(ValueError, match="three positive sizes"):
        LabelRuns.empty((0, 1, 1))


def test_runs_are_read_only_and_compare_by_what_they_hold():
    runs = LabelRuns.from_dense(np.ones((1, 1, 2), np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        runs.runs[0, 0] = 1
    same = pickle.loads(pickle.dumps(runs))  # noqa: S301
    assert same == runs
    assert hash(same) == hash(runs)
    assert runs != LabelRuns.empty((1, 1, 2))
    assert runs != "runs"
