"""Every entity's padded crop, by one `find_objects` a finding: how one gets at an entity with SciPy alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from benchmarks.geometry.case import Case

PAD = 1


@dataclass(frozen=True)
class Crop:
    """One entity: its mask and HU (z,y,x) in its box, which is grown by one voxel of background on every side."""

    finding: int
    label: int
    box: tuple[slice, slice, slice]
    """Its own box in the volume, not grown."""
    mask: NDArray[np.bool_]
    """Grown; beyond the volume's edge it is background too."""
    image: NDArray[np.int16]
    """Grown; repeats the last voxel beyond the volume's edge."""

    @property
    def inside(self) -> tuple[slice, slice, slice]:
        """The box within the crop."""
        z, y, x = self.mask.shape
        return slice(PAD, z - PAD), slice(PAD, y - PAD), slice(PAD, x - PAD)

    @property
    def origin_zyx(self) -> tuple[int, int, int]:
        """The box's first voxel in the volume."""
        z, y, x = (side.start for side in self.box)
        return z, y, x

    @property
    def bounds_zyx(self) -> tuple[tuple[int, int], ...]:
        """The box, half-open."""
        return tuple((side.start, side.stop) for side in self.box)


def iter_crops(case: Case) -> Iterator[Crop]:
    """The crops of a case, finding after finding, ascending by label."""
    for finding, labels in enumerate(case.labels):
        for n, found in enumerate(find_objects(labels)):
            if found is not None:
                z, y, x = found
                mask = np.pad(labels[found] == n + 1, PAD)
                yield Crop(finding, n + 1, (z, y, x), mask, np.pad(case.image[found], PAD, mode="edge"))
