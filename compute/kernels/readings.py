"""The ways in which a mask's axes may be meant: swapped and mirrored, so that the array keeps its shape."""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from compute.kernels.volumes import Ints, Triple

_AXES = "ijk"


@dataclass(frozen=True)
class Reading:
    """The mask's voxel m shows the image's voxel c, where c[a] = m[axes_ijk[a]], counted from the end if mirrored."""

    axes_ijk: Triple
    mirrored_ijk: tuple[bool, bool, bool]

    @property
    def name(self) -> str:
        """In words, such as "i and j swapped, k mirrored"; "as stored" for what changes nothing."""
        mirrored = [axis for axis, turned in zip(_AXES, self.mirrored_ijk, strict=True) if turned]
        parts = [_axes_in_words(self.axes_ijk), f"{_listed(mirrored)} mirrored" if mirrored else ""]
        return ", ".join(part for part in parts if part) or "as stored"

    def of(self, voxels_zyx: Ints, shape_zyx: tuple[int, ...]) -> Ints:
        """The image's voxels (n,3) in z,y,x that the mask's voxels (n,3) show, in an image of that shape."""
        extents = np.array(shape_zyx[::-1])
        read = voxels_zyx[:, ::-1][:, list(self.axes_ijk)]
        return np.where(self.mirrored_ijk, extents - 1 - read, read)[:, ::-1]


AS_STORED = Reading((0, 1, 2), (False, False, False))


def readings_of(shape_zyx: tuple[int, ...]) -> tuple[Reading, ...]:
    """Every reading that maps an array of this shape onto itself, `AS_STORED` first.

    8 where all extents differ, 16 with two equal ones, 48 for a cube. An axis of one voxel is neither mirrored nor
    swapped.
    """
    extents = shape_zyx[::-1]
    orders = [(a, b, c) for a, b, c in permutations(range(3)) if _keeps((a, b, c), extents)]
    along_i, along_j, along_k = (_turns(extent) for extent in extents)
    turns = product(along_i, along_j, along_k)
    return tuple(Reading(axes, turned) for axes, turned in product(orders, turns))


def _keeps(axes: Triple, extents: tuple[int, ...]) -> bool:
    """Whether each axis takes the place of one as long; one of a single voxel stays, as nothing would change."""
    return all(place == axis or extents[place] == extents[axis] > 1 for place, axis in enumerate(axes))


def _turns(extent: int) -> tuple[bool, ...]:
    return (False, True) if extent > 1 else (False,)


def _axes_in_words(axes: Triple) -> str:
    moved = [axis for place, axis in enumerate(axes) if place != axis]
    if len(moved) == 3:
        return f"i, j, k read as {', '.join(_AXES[axis] for axis in axes)}"
    return f"{_listed(sorted(_AXES[axis] for axis in moved))} swapped" if moved else ""


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
