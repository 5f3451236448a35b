"""The HU of entities on their way to a device, and batches of them that fit there. Nothing here reads a file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compute.kernels.cuda.layouts import Layout, lay_out
from compute.kernels.runs import Runs
from compute.kernels.volumes import Image, Triple, check_image

BATCH_BYTES = 1 << 30
"""Device memory that a batch takes at most, where nobody asks for another limit."""

# The device counts an entity's voxels, and the cells between them, in 32 bits.
_MOST_VOXELS = 1 << 30
# For each label: a count of 32 bits for each of 65,536 HU, twice while they are packed, then what is smaller.
_BYTES_A_LABEL = (2 << 18) + (1 << 12)


@dataclass(frozen=True)
class Finding:
    """A finding's runs, and the scan under them."""

    runs: Runs
    """(m,4) in the frame of the whole volume, in any order."""
    height: int
    """The volume's extent along y, by which ROW counts."""
    read: Callable[[tuple[Triple, Triple]], Image]
    """Gives the int16 HU of a half-open box (z,y,x) of the volume, in any memory layout."""


@dataclass(frozen=True)
class Crops:
    """A finding in memory: the HU of a box around each label, as finding boxes are often most of a volume."""

    layout: Layout
    images: Sequence[Image]

    @property
    def device_bytes(self) -> int:
        """Memory that it takes on a device, from above."""
        layout = self.layout
        tables = layout.windows.nbytes + layout.runs.nbytes + layout.shares.nbytes + 4 * layout.words
        return tables + sum(image.nbytes + _BYTES_A_LABEL for image in self.images)


def read_crops(finding: Finding) -> Crops:
    """Read the smallest box around each label.

    Raises:
        ValueError: a label's box has over 2**30 voxels, or what was read is not its int16 HU.
    """
    layout = lay_out(finding.runs, finding.height)
    return Crops(layout, [_read(finding, box.tolist()) for box in layout.boxes])


def iter_batches(findings: Iterable[Finding], *, limit_bytes: int = BATCH_BYTES) -> Iterator[list[Crops]]:
    """The crops of the findings in their order, as many findings together as fit; a larger one goes alone.

    No more than a batch and the finding behind it are in memory.

    Raises:
        ValueError: as `read_crops`.
    """
    batch: list[Crops] = []
    taken = 0
    for crops in map(read_crops, findings):
        if batch and taken + crops.device_bytes > limit_bytes:
            yield batch
            batch, taken = [], 0
        batch.append(crops)
        taken += crops.device_bytes
    if batch:
        yield batch


def _read(finding: Finding, box: list[list[int]]) -> Image:
    (z0, y0, x0), (z1, y1, x1) = box
    shape = z1 - z0, y1 - y0, x1 - x0
    if np.prod(shape) > _MOST_VOXELS:
        raise ValueError(f"a label's box of shape {shape} is too large for a device")
    image = check_image(finding.read(((z0, y0, x0), (z1, y1, x1))))
    if image.shape != shape:
        raise ValueError(f"the image of a label's box has shape {image.shape} instead of {shape}")
    return image
