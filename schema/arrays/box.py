"""Boxes of voxels in stored order (z, y, x): half-open, in voxels, as plain tuples."""

from collections.abc import Sequence
from typing import SupportsIndex

Index = tuple[int, int, int]
"""Three numbers of voxels in the order (z, y, x)."""
Box = tuple[Index, Index]
"""`(start, stop)`, half-open: the voxels with start <= index < stop on every axis."""


def parse_shape(shape_zyx: Sequence[SupportsIndex]) -> Index:
    """Plain integers from any three, each at least 1; ValueError otherwise."""
    shape = tuple(int(size) for size in shape_zyx)
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"a shape (z, y, x) of three positive sizes is needed, not {shape}")
    return shape


def parse_box(box: Box | None, shape_zyx: Index) -> Box:
    """The box itself once it is known to lie within the shape (it may be empty); the whole shape for None."""
    if box is None:
        return (0, 0, 0), shape_zyx
    for start, stop, size in zip(*box, shape_zyx, strict=True):
        if not 0 <= start <= stop <= size:
            raise ValueError(f"box {box} does not lie within the shape {shape_zyx}")
    return box


def align_box(box: Box, step: int, shape_zyx: Index) -> Box:
    """The smallest box around `box` whose corners are multiples of `step`, cut off at the shape."""
    (z0, y0, x0), stop = box
    z1, y1, x1 = (min(-(-end // step) * step, size) for end, size in zip(stop, shape_zyx, strict=True))
    return (z0 // step * step, y0 // step * step, x0 // step * step), (z1, y1, x1)


def box_shape(box: Box) -> Index:
    """Its sizes (z, y, x)."""
    (z0, y0, x0), (z1, y1, x1) = box
    return z1 - z0, y1 - y0, x1 - x0


def box_slices(box: Box) -> tuple[slice, slice, slice]:
    """What selects it from an array (z, y, x)."""
    (z0, y0, x0), (z1, y1, x1) = box
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)
