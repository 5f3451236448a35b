"""Labels of one finding in their canonical sparse form: the same whatever dtype, crop or file they came from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from schema.arrays.box import Box, Index, box_shape, parse_box, parse_shape
from schema.arrays.digest import start_digest, update_digest
from schema.arrays.loops import fill_runs, find_fault, find_runs

DenseLabels = NDArray[np.uint8 | np.uint16]
"""Labels (z, y, x) as they are stored; 0 is background."""

Integers = TypeVar("Integers", bound=NDArray[np.unsignedinteger])


@dataclass(frozen=True, eq=False)
class LabelRuns:
    """The labels of one finding over one scan.

    `runs`, uint32 of shape (n, 5), has rows (z, y, x_start, x_stop, label): half-open in x, the longest runs of one
    non-zero label within one row of x, in the order (z, y, x_start). So equal labels have equal runs.
    It is checked on construction and read-only afterwards; ValueError names the first run that is wrong.
    """

    runs: NDArray[np.uint32]
    shape_zyx: Index

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape_zyx", parse_shape(self.shape_zyx))
        object.__setattr__(self, "runs", _parse_runs(self.runs, self.shape_zyx))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelRuns):
            return NotImplemented
        return self.shape_zyx == other.shape_zyx and np.array_equal(self.runs, other.runs)

    def __hash__(self) -> int:
        return hash((self.shape_zyx, self.runs.tobytes()))

    @classmethod
    def empty(cls, shape_zyx: Sequence[int]) -> "LabelRuns":
        """Background everywhere."""
        return cls(np.empty((0, 5), np.uint32), parse_shape(shape_zyx))

    @classmethod
    def from_dense(
        cls,
        labels_zyx: NDArray[np.integer] | NDArray[np.bool_],
        origin_zyx: Sequence[int] = (0, 0, 0),
        shape_zyx: Sequence[int] | None = None,
    ) -> "LabelRuns":
        """The labels of a dense crop (z, y, x) whose first voxel is `origin_zyx` in a scan of `shape_zyx`.

        Without a shape the crop is the scan. Booleans count as label 1; what is not C-order is copied.

        Raises:
            ValueError: not three axes, not integers, a label below 0 or above 2**32 - 1, a crop beyond the scan.
        """
        labels = _parse_dense(labels_zyx)
        z, y, x = (int(start) for start in origin_zyx)
        stop = z + labels.shape[0], y + labels.shape[1], x + labels.shape[2]
        shape = parse_shape(labels.shape if shape_zyx is None else shape_zyx)
        parse_box(((z, y, x), stop), shape)
        return cls(find_runs(labels, z, y, x), shape)

    @classmethod
    def concatenate(cls, slabs: "Iterable[LabelRuns]", shape_zyx: Sequence[int]) -> "LabelRuns":
        """Join parts of one finding that follow one another in z; ValueError when they do not."""
        parts = [np.empty((0, 5), np.uint32), *(slab.runs for slab in slabs)]
        return cls(np.concatenate(parts), parse_shape(shape_zyx))

    @property
    def voxels(self) -> int:
        """The number of labelled voxels."""
        return int(np.sum(self.runs[:, 3] - self.runs[:, 2], dtype=np.int64))

    def labels(self) -> NDArray[np.uint32]:
        """The labels that occur, ascending."""
        return np.unique(self.runs[:, 4])

    def box_zyx(self) -> Box | None:
        """The smallest half-open box with every labelled voxel; None where there is none."""
        if not len(self.runs):
            return None
        z0, y0, x0 = (int(start) for start in self.runs[:, :3].min(axis=0))
        z1, y1, x1 = (int(stop) for stop in self.runs[:, [0, 1, 3]].max(axis=0))
        return (z0, y0, x0), (z1 + 1, y1 + 1, x1)

    def select(self, label: int) -> "LabelRuns":
        """The runs of one label alone; background everywhere when it does not occur."""
        return LabelRuns(self.runs[self.runs[:, 4] == label], self.shape_zyx)

    def to_dense(self, box: Box | None = None, dtype: type[np.uint8 | np.uint16] = np.uint8) -> DenseLabels:
        """A dense array (z, y, x) of the box, or of the whole scan: 0 is background.

        Raises:
            ValueError: the box is not within the scan, or a label anywhere in the finding does not fit the dtype.
        """
        start, stop = parse_box(box, self.shape_zyx)
        greatest = int(self.runs[:, 4].max(initial=0))
        if greatest > np.iinfo(dtype).max:
            raise ValueError(f"label {greatest} does not fit {np.dtype(dtype)}")
        dense = np.zeros(box_shape((start, stop)), dtype)
        fill_runs(dense, self.runs, *start)
        return dense

    def digest(self) -> str:
        """SHA-256, hexadecimal, over the shape and the runs: the finding's leaf in every greater digest.

        The bytes are laid down in `schema.arrays.digest`, with a test vector.
        """
        digest = start_digest("labels", self.shape_zyx)
        update_digest(digest, self.runs, "<u4")
        return digest.hexdigest()


def _parse_runs(runs: NDArray[np.uint32], shape_zyx: Index) -> NDArray[np.uint32]:
    if runs.dtype != np.uint32 or runs.ndim != 2 or runs.shape[1] != 5:
        raise ValueError(f"runs must be uint32 of shape (n, 5), not {runs.dtype} of shape {runs.shape}")
    frozen = _frozen(np.ascontiguousarray(runs))
    fault = find_fault(frozen, *shape_zyx)
    if fault >= 0:
        raise ValueError(f"run {fault} {runs[fault].tolist()} is not a longest run in order within {shape_zyx}")
    return frozen


def _frozen(array: Integers) -> Integers:
    # Read-only arrays are a type of their own to the compiler, so loops that see these alone compile once.
    view = array.view()
    view.flags.writeable = False
    return view


def _parse_dense(labels: NDArray[np.integer] | NDArray[np.bool_]) -> NDArray[np.unsignedinteger]:
    if labels.ndim != 3 or labels.dtype.kind not in "bui":
        raise ValueError(f"labels must be integers (z, y, x), not {labels.dtype} of shape {labels.shape}")
    # A view as unsigned integers of the same width costs nothing; a label below 0 would become a huge one.
    if labels.dtype.kind == "i" and labels.min(initial=0) < 0:
        raise ValueError(f"labels must not be negative, but one is {labels.min()}")
    if labels.dtype.itemsize == 8 and labels.max(initial=0) >= 2**32:
        raise ValueError(f"labels must be below 2**32, but one is {labels.max()}")
    native = np.ascontiguousarray(labels, dtype=labels.dtype.newbyteorder("="))
    return _frozen(native.view(f"u{labels.dtype.itemsize}"))
