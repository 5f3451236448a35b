"""The body and its outline: what they span, and that an outline can be kept."""

import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kernels.body import Body, BodyOutline, find_body, outline_of

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

seeds = st.integers(0, 2**32 - 1)
pairs = st.tuples(st.integers(1, 7), st.integers(1, 7))


def draw_chest(shape: tuple[int, int, int]) -> npt.NDArray[np.int16]:
    """An ellipse in air with a lung in it, and a table below."""
    z, y, x = np.ogrid[[slice(extent) for extent in shape]]
    image = np.full(shape, -1000, np.int16)
    y, x = y / shape[1], x / shape[2]
    image[((y - 0.45) / 0.3) ** 2 + ((x - 0.5) / 0.4) ** 2 + 0 * z < 1] = 30
    image[((y - 0.45) / 0.2) ** 2 + ((x - 0.35) / 0.1) ** 2 + 0 * z < 1] = -850
    image[:, int(0.9 * shape[1]) :] = 200
    return image


def draw_outline(seed: int, grid: tuple[int, int] = (4, 5)) -> BodyOutline:
    ends = np.random.default_rng(seed).integers(0, 40, (*grid, 2)).astype(np.int16)
    return BodyOutline(ends, first_zy=(1, 2), step_zy=(3, 2))


def same(one: BodyOutline, other: BodyOutline) -> bool:
    """Ends of one dtype and value, in one place."""
    places = (one.first_zy, one.step_zy) == (other.first_zy, other.step_zy)
    return places and one.ends.dtype == other.ends.dtype and np.array_equal(one.ends, other.ends)


def test_a_chest_is_spanned_with_its_lung_and_without_table_and_air() -> None:
    image = draw_chest((30, 100, 120))
    outline = outline_of(find_body(image), rows_an_axis=200)
    voxels = np.argwhere(np.ones(image.shape))
    spanned = outline.spans(voxels).reshape(image.shape)
    within = (image > -1000) & (image < 200)
    np.testing.assert_array_equal(spanned, within)


@pytest.mark.parametrize("shape", [(1, 1, 5), (30, 64, 70), (3, 65, 40), (150, 300, 40), (40, 520, 60)])
def test_a_thinned_outline_has_rows_of_the_body(shape: tuple[int, int, int]) -> None:
    image = draw_chest(shape)
    body = find_body(image)
    outline = outline_of(body)
    assert max(outline.ends.shape[:2]) <= 64
    whole = outline_of(body, rows_an_axis=max(body.grid_zy))
    assert whole.ends.shape[:2] == body.grid_zy
    assert (whole.first_zy, whole.step_zy) == (body.first_zy, body.step_zy)
    z, y = (outline.first_zy[axis] + outline.step_zy[axis] * np.arange(outline.ends.shape[axis]) for axis in (0, 1))
    assert z[-1] < shape[0]
    assert y[-1] < shape[1]
    voxels = np.stack(np.meshgrid(z, y, np.arange(shape[2]), indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_array_equal(outline.spans(voxels), whole.spans(voxels))


def test_ends_are_those_of_the_first_and_last_run() -> None:
    runs = np.array([[0, 3, 5, 1], [0, 8, 9, 1], [2, 1, 4, 1], [2, 6, 7, 1], [2, 9, 12, 1]], np.int32)
    outline = outline_of(Body(runs, grid_zy=(2, 2), first_zy=(5, 7), step_zy=(1, 3)))
    assert outline.ends.tolist() == [[[3, 9], [0, 0]], [[1, 12], [0, 0]]]


def test_nothing_above_air_spans_nothing() -> None:
    outline = outline_of(find_body(np.full((3, 4, 5), -1000, np.int16)))
    assert not outline.spans(np.argwhere(np.ones((3, 4, 5)))).any()


@unhurried
@given(seeds, pairs, pairs)
def test_rows_of_a_box_have_the_ends_by_which_voxels_are_judged(
    seed: int, first: tuple[int, int], rows: tuple[int, int]
) -> None:
    outline = draw_outline(seed)
    ends = outline.ends_of_rows(first_zy=first, rows_zy=rows)
    assert ends.shape == (*rows, 2)
    voxels = np.argwhere(np.ones((*rows, 42))) + np.array([*first, 0])
    x = np.arange(42)
    between = (ends[..., :1] <= x) & (x < ends[..., 1:])
    np.testing.assert_array_equal(outline.spans(voxels), between.ravel())


@unhurried
@given(seeds, pairs)
def test_bytes_come_back_as_the_same_outline(seed: int, grid: tuple[int, int]) -> None:
    outline = draw_outline(seed, grid)
    again = BodyOutline.from_bytes(outline.to_bytes())
    assert same(again, outline)
    assert again.to_bytes() == outline.to_bytes()


def test_bytes_of_version_1_are_read() -> None:
    stored = bytes.fromhex("47 43 42 4f 01 00 01000000 02000000 03000000 04000000 05000000 06000000") + zlib.compress(
        bytes.fromhex("0100 0200 0300 ff01")
    )
    expected = BodyOutline(np.array([[[1, 2], [3, 511]]], np.int16), first_zy=(3, 4), step_zy=(5, 6))
    assert same(BodyOutline.from_bytes(stored), expected)


@pytest.mark.parametrize("cut", [0, 3, 20, 40])
def test_other_bytes_are_refused(cut: int) -> None:
    stored = draw_outline(1).to_bytes()
    with pytest.raises(ValueError, match="no outline"):
        BodyOutline.from_bytes(stored[:cut])


@pytest.mark.parametrize("at", [0, 4, 6])
def test_another_kind_version_or_size_is_refused(at: int) -> None:
    stored = bytearray(draw_outline(1).to_bytes())
    stored[at] += 1
    with pytest.raises(ValueError, match="version 1"):
        BodyOutline.from_bytes(bytes(stored))
