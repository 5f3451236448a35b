"""Slices of a scan for pictures: the HU of one, and labels cut and laid out alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.jobs.frames import open_voxels
from compute.pictures import Plane, SliceView
from schema.arrays.box import Box
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.scan import Volume


@dataclass(frozen=True)
class ScanSlice:
    """One slice of a scan, laid out as `view` says."""

    view: SliceView
    place: int
    """Along the view's axis, in voxels."""
    hu: NDArray[np.generic]
    """(rows, columns)."""
    _box: Box

    @property
    def name(self) -> str:
        """Say which slice it is, such as `k = 12`."""
        return f"{'ijk'[self.view.axis]} = {self.place}"

    def labels(self, labels: LabelRuns) -> NDArray[np.uint16]:
        """Give labels of the scan on this slice, (rows, columns)."""
        return np.asarray(self.view.lay_out(labels.to_dense(self._box, np.uint16)), np.uint16)


class SlicedScan:
    """Cuts slices out of one scan.

    Raises:
        ArrayStoreError: its voxels cannot be read.
    """

    def __init__(self, volume: Volume, arrays: ArrayStore) -> None:
        self._affine_ras = np.array(volume.affine_ras).reshape(4, 4)
        self._spacing_mm = tuple(volume.spacing_mm)
        self._read, self._shape_zyx = open_voxels(volume, arrays)

    def view(self, plane: Plane = Plane.AXIAL) -> SliceView:
        """Give how slices of a plane are cut and laid out."""
        return SliceView.of(self._affine_ras, self._spacing_mm, plane)

    def cut(self, view: SliceView, place: int) -> ScanSlice:
        """Cut the slice at a place along the view's axis."""
        box = _slab(self._shape_zyx, 2 - view.axis, place)
        return ScanSlice(view, place, view.lay_out(self._read(box)), box)


def fullest_slice(labels: LabelRuns, view: SliceView) -> int:
    """Give the place along the view's axis with the most labelled voxels; the middle one of several. Not for none."""
    z, y, start, stop, _ = labels.runs.astype(np.int64).T
    if view.axis == 0:
        steps = np.zeros(labels.shape_zyx[2] + 1, np.int64)
        np.add.at(steps, start, 1)
        np.add.at(steps, stop, -1)
        counts = np.cumsum(steps)
    else:
        counts = np.bincount(y if view.axis == 1 else z, weights=stop - start)
    best = np.flatnonzero(counts == counts.max())
    return int(best[len(best) // 2])


def _slab(shape_zyx: Sequence[int], axis: int, place: int) -> Box:
    start, stop = [0, 0, 0], list(shape_zyx)
    start[axis], stop[axis] = place, place + 1
    return (start[0], start[1], start[2]), (stop[0], stop[1], stop[2])
