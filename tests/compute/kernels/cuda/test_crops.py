"""How crops are read, laid out and put into batches."""

from dataclasses import replace

import numpy as np
import pytest

from compute.kernels.cuda.buffers import Part, buffer_bytes, split_buffer
from compute.kernels.cuda.crops import Finding, iter_batches, read_crops
from compute.kernels.cuda.devices import SHARE_WORDS
from compute.kernels.cuda.layouts import join_layouts, lay_out
from compute.kernels.runs import label_runs

HEIGHT = 50

Box = tuple[tuple[int, int, int], tuple[int, int, int]]


def noise(box: Box) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, np.subtract(*box[::-1]), np.int16)


def line(*, voxels: int) -> Finding:
    return Finding(label_runs(np.ones((1, 1, voxels), np.uint8)), 1, noise)


def test_each_label_gets_the_smallest_box_around_it() -> None:
    volume = noise(((0, 0, 0), (20, HEIGHT, 60)))
    runs = np.array([[3 * HEIGHT + 7, 10, 12, 9], [5 * HEIGHT + 4, 2, 5, 2], [6 * HEIGHT + 2, 4, 5, 9]], np.int32)
    crops = read_crops(Finding(runs, HEIGHT, lambda box: volume[tuple(map(slice, *box))]))
    assert crops.layout.label.tolist() == [2, 9]
    assert crops.layout.boxes.tolist() == [[[5, 4, 2], [6, 5, 5]], [[3, 2, 4], [7, 8, 12]]]
    np.testing.assert_array_equal(crops.images[0], volume[5:6, 4:5, 2:5])
    np.testing.assert_array_equal(crops.images[1], volume[3:7, 2:8, 4:12])
    assert read_crops(Finding(runs[:0], HEIGHT, noise)).images == []


def test_the_tables_of_a_run_and_of_a_column() -> None:
    runs = np.array([[3 * HEIGHT + 7, 10, 12, 4], [3 * HEIGHT + 8, 40, 41, 7], [5 * HEIGHT + 8, 40, 41, 7]], np.int32)
    layout = lay_out(runs, HEIGHT)
    # The margins begin at (2, 6, 9) and (2, 7, 39); of the images' voxels, 2 and 3, each one is before them.
    assert layout.windows.tolist() == [
        [0, 1, 3, 2, 6, 9, 0 - 2 - 2 - 1, 2, 2],
        [9, 1, 3, 2, 7, 39, 2 - 1 - 1 - 1, 1, 1],
    ]
    assert layout.runs.tolist() == [[4, 1, 3], [9 + 4, 1, 2], [9 + 10, 1, 2]]
    assert layout.shares.tolist() == [[0, 0, 4], [1, 0, 8]]
    assert layout.image_voxels.tolist() == [2, 3]
    assert layout.words == 9 + 15


def test_findings_lie_one_behind_another() -> None:
    layouts = [lay_out(line(voxels=voxels).runs, 1) for voxels in (5, 40)]
    joined = join_layouts(layouts)
    assert joined.words == 9 + 18
    assert joined.windows[:, 0].tolist() == [0, 9]
    assert joined.windows[:, 6].tolist() == [layouts[0].windows[0, 6], layouts[1].windows[0, 6] + 5]
    assert joined.runs.tolist() == [[4, 1, 6], [9 + 8, 1, 41]]
    assert joined.shares.tolist() == [[0, 0, 4], [1, 0, 8]]


@pytest.mark.parametrize("words", [1, SHARE_WORDS // 4, SHARE_WORDS // 4 + 1, SHARE_WORDS])
def test_shares_cover_a_window_once(words: int) -> None:
    shares = lay_out(line(voxels=32 * words - 2).runs, 1).shares
    assert shares[0, 1] == 0
    assert shares[-1, 2] == 4 * words
    np.testing.assert_array_equal(shares[1:, 1], shares[:-1, 2])
    assert (np.diff(shares[:, 1:]) <= SHARE_WORDS).all()
    assert (np.diff(shares[:, 1:]) > 0).all()


def test_batches_keep_the_order_and_the_limit() -> None:
    lengths = (10, 20, 30, 5000000, 40, 50)
    limit = 2 * read_crops(line(voxels=10)).device_bytes + 500
    batches = list(iter_batches((line(voxels=voxels) for voxels in lengths), limit_bytes=limit))
    assert [len(batch) for batch in batches] == [2, 1, 1, 2]
    assert [crops.images[0].size for batch in batches for crops in batch] == list(lengths)
    assert [sum(crops.device_bytes for crops in batch) <= limit for batch in batches] == [True, True, False, True]
    assert list(iter_batches([])) == []


def test_a_batch_is_given_before_the_next_is_read() -> None:
    read = []
    findings = (replace(line(voxels=9), read=lambda box, n=n: read.append(n) or noise(box)) for n in range(9))
    next(iter_batches(findings, limit_bytes=1))
    assert read == [0, 1]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((1, 1, 8), np.int16), r"\(1, 1, 8\) instead of \(1, 1, 9\)"),
        (np.zeros((1, 1, 9), np.int32), "int32"),
        (np.zeros((1, 9), np.int16), r"\(1, 9\)"),
    ],
)
def test_an_image_that_is_not_the_box_is_named(image: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_crops(replace(line(voxels=9), read=lambda _: image))


def test_a_label_that_is_too_large_is_not_even_read() -> None:
    runs = np.array([[0, 0, 1, 1], [1024 * 1024, 1023, 1024, 1]], np.int32)
    with pytest.raises(ValueError, match=r"\(1025, 1, 1024\)|too large"):
        read_crops(Finding(np.concatenate([runs, [[1024 * 1024 - 1, 0, 1, 1]]]).astype(np.int32), 1024, noise))


def test_parts_of_a_buffer_are_aligned_and_apart() -> None:
    parts = [Part((3, 2), np.int64), Part((0,), np.int16), Part((5,), np.int16), Part((64,), np.uint32)]
    buffer = np.zeros(buffer_bytes(parts), np.uint8)
    views = split_buffer(buffer, parts)
    for n, (view, part) in enumerate(zip(views, parts, strict=True), 1):
        assert (view.shape, view.dtype) == (part.shape, part.dtype)
        assert (view.ctypes.data - buffer.ctypes.data) % 256 == 0
        view[...] = n
    assert [np.unique(view).tolist() for view in views] == [[1], [], [3], [4]]
