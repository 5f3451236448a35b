"""A painted body that lesions are placed in: which voxels they take, and what is still free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ingest.phantoms.body import LEFT_LUNG, RIGHT_LUNG, Anatomy, Body, paint_body
from ingest.phantoms.lesions import Lesion, Stroke
from ingest.phantoms.solids import Box, Grid, Mask

Owners = NDArray[np.int32]
LEAST_VOXELS = 6


@dataclass(frozen=True)
class Canvas:
    """A body on a grid (x,y,z). `owners` names the lesion that holds a voxel: n, or -n where it is not marked."""

    grid: Grid
    anatomy: Anatomy
    owners: Owners

    def fits(self, lesion: Lesion, *, share: float) -> bool:
        """Whether at least `share` of a lesion lies in its region and clear of every other one."""
        total = kept = 0
        for stroke in lesion.strokes:
            box, mask = self._cover(stroke)
            room = mask & (self.anatomy.regions[box] == lesion.region)
            total, kept = total + int(mask.sum()), kept + int((room & self._clear(box)).sum())
        return kept >= max(LEAST_VOXELS, share * total)

    def paint(self, lesion: Lesion, owner: int) -> None:
        """Paint a lesion where its region is free and note it as held by `owner`."""
        for stroke in lesion.strokes:
            box, mask = self._cover(stroke)
            free = (self.owners[box] == 0) | (np.abs(self.owners[box]) == owner)
            mask &= free & (self.anatomy.regions[box] == lesion.region)
            self.anatomy.image[box][mask] = stroke.hu
            self.owners[box][mask] = owner if stroke.marked else -owner

    def noisy(self, rng: np.random.Generator) -> NDArray[np.int16]:
        """The image with noise, as whole HU: lung tissue is rougher than anything else."""
        lung = (self.anatomy.regions == RIGHT_LUNG) | (self.anatomy.regions == LEFT_LUNG)
        sigma = np.where(lung & (self.owners == 0), np.float32(28), np.float32(8))
        noise = sigma * rng.standard_normal(self.grid.shape, dtype=np.float32)
        return np.asarray(np.clip(np.rint(self.anatomy.image + noise), -1024, 3071), dtype=np.int16)

    def _cover(self, stroke: Stroke) -> tuple[Box, Mask]:
        box = self.grid.crop(stroke.solid.bounds())
        return box, stroke.solid.contains(self.grid[box])

    def _clear(self, box: Box) -> Mask:
        taken = self.owners[box] != 0
        return ~ndimage.binary_dilation(taken) if taken.any() else ~taken


def open_canvas(body: Body, grid: Grid) -> Canvas:
    """A body painted on a grid, with no lesion in it."""
    return Canvas(grid, paint_body(body, grid), np.zeros(grid.shape, dtype=np.int32))
