"""What is compared: a drawn finding and a predicted one."""

from dataclasses import dataclass

import numpy as np

from compute.kernels.runs import Runs
from compute.kernels.volumes import Floats, Triple


@dataclass(frozen=True)
class FindingPair:
    """What was drawn of a finding and what is predicted of it, in the same voxels."""

    truth: Runs
    """Its labels are the drawn instances."""
    prediction: Runs
    shape_zyx: Triple
    steps_mm: Floats | None
    """LPS vectors from a voxel to the next along z, y and x, shape (3,3); None: nothing is told in millimetres."""
    focal: bool | None = None
    """By its category; None where it is neither or unknown, and then no instance is found by distance or missed."""
    exhaustive: bool = True
    """Whether the truth shows all that there is."""

    @property
    def voxel_mm3(self) -> float | None:
        """The volume of a voxel; None without steps."""
        return None if self.steps_mm is None else float(abs(np.linalg.det(self.steps_mm)))
