"""What is measured of a finding's entities: each quantity a function from the finding to columns of the database.

A column holds one value for each entity, ascending by label. What needs millimetres or HU asks for the scan's frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from compute.kernels.axes import principal_axes
from compute.kernels.body import BodyOutline
from compute.kernels.components import component_counts
from compute.kernels.cuda.gather import LabelSums
from compute.kernels.diameters import in_plane_diameters, max_diameter_mm
from compute.kernels.frames import boxes_lps_mm, centroid_lps_mm, steps_zyx_lps_mm, voxel_volume_mm3
from compute.kernels.intensities import BIN_HU, HuHistogram, Intensities, hu_histograms, intensities_of
from compute.kernels.mesh import mesh_area_mm2, mesh_cases, mesh_volume_mm3, sphericity
from compute.kernels.moments import Moments, label_moments, moments_of
from compute.kernels.runs import Runs, runs_by_label
from compute.kernels.shell import SHELL_MM, ShellContrast, shell_box, shell_contrast
from compute.kernels.sides import side_of
from compute.kernels.volumes import Ints
from schema.arrays.box import Box, Index
from schema.finding import Side

Column: TypeAlias = Sequence[Any] | NDArray[Any]
Quantity: TypeAlias = Callable[["DrawnFinding"], Mapping[str, Column]]


@dataclass(frozen=True)
class GeometrySettings:
    """What a user may choose; stored with every value."""

    shell_mm: float = SHELL_MM
    """How far the shell reaches around an entity, in mm."""
    entropy_bin_hu: int = BIN_HU
    """The width of the bins of the entropy."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shell_mm", float(self.shell_mm))  # so that 8 and 8.0 are stored alike


@dataclass(frozen=True)
class ScanFrame:
    """Where a scan's voxels are in the patient, and how to read them."""

    read: Callable[[Box], NDArray[np.int16]]
    """Gives the HU of a half-open box (z, y, x)."""
    affine_ras: NDArray[np.float64]
    midline_lps_mm: float | None
    """LPS x against which sides are told; None: they are not."""
    body: BodyOutline | None = None
    """Where the body ends; nothing is cut off at it where it is None."""

    @cached_property
    def steps_mm(self) -> NDArray[np.float64]:
        """LPS vectors from a voxel to the next along z, y and x, shape (3,3)."""
        return steps_zyx_lps_mm(self.affine_ras)


@dataclass(frozen=True)
class DrawnFinding:
    """The entities of a finding, at least one, as runs in the scan's voxels, and the scan itself."""

    runs: Runs
    shape_zyx: Index
    frame: ScanFrame | None
    settings: GeometrySettings
    sums: LabelSums | None = None
    """What a device gathered of the entities; None: it is gathered here, when it is asked for."""
    device: str = "cpu"
    """Where the sums were gathered: cpu, or the GPU's name."""

    @property
    def height(self) -> int:
        """Voxels along y, by which runs count rows."""
        return self.shape_zyx[1]

    @cached_property
    def entities(self) -> list[tuple[int, Runs]]:
        """Label and runs of each."""
        return runs_by_label(self.runs)

    @cached_property
    def moments(self) -> Moments:
        """Count, box, centroid and covariance of each."""
        if self.sums is not None:
            return moments_of(self.sums.moments)
        return label_moments(self.runs, self.height)

    def box(self, n: int) -> Box:
        """The smallest box around one."""
        (z0, y0, x0), (z1, y1, x1) = self.moments.box_min_zyx[n].tolist(), self.moments.box_max_zyx[n].tolist()
        return (z0, y0, x0), (z1, y1, x1)

    @cached_property
    def histograms(self) -> list[HuHistogram] | None:
        """The HU of each; None without a frame. One entity's crop is in memory at a time."""
        if self.sums is not None:
            return self.sums.hu
        if self.frame is None:
            return None
        return [self._histogram(n, self.frame) for n in range(len(self.entities))]

    def _histogram(self, n: int, frame: ScanFrame) -> HuHistogram:
        label, runs = self.entities[n]
        box = self.box(n)
        crop = frame.read(box)
        (histogram,) = hu_histograms(runs, crop, height=self.height, origin_zyx=box[0], label=np.array([label]))
        return histogram

    @cached_property
    def mesh_cases(self) -> Ints:
        """How often each of the 256 cells occurs in the mesh of each, shape (n,256)."""
        if self.sums is not None:
            return self.sums.mesh_cases
        return np.stack([mesh_cases(runs, self.height) for _, runs in self.entities])

    @cached_property
    def intensities(self) -> Intensities | None:
        """What the histograms say."""
        if self.histograms is None:
            return None
        return intensities_of(self.histograms, bin_hu=self.settings.entropy_bin_hu)


def position(finding: DrawnFinding) -> dict[str, Column]:
    """Centroid in voxels and in the patient, box in the patient, volume and side."""
    k, j, i = finding.moments.centroid_zyx.T
    voxels = {"centroid_i": i, "centroid_j": j, "centroid_k": k}
    if finding.frame is None:
        return voxels
    x, y, z = centroid_lps_mm(finding.moments.centroid_zyx, finding.frame.affine_ras).T
    volume_mm3 = finding.moments.voxels * voxel_volume_mm3(finding.frame.affine_ras)
    side = [_side(each, finding.frame.midline_lps_mm) for each in x.tolist()]
    centroid = {"x_lps_mm": x, "y_lps_mm": y, "z_lps_mm": z}
    return {**voxels, **centroid, **_box(finding, finding.frame.affine_ras), "volume_mm3": volume_mm3, "side": side}


def _box(finding: DrawnFinding, affine_ras: NDArray[np.float64]) -> dict[str, Column]:
    low, high = boxes_lps_mm(finding.moments.box_min_zyx, finding.moments.box_max_zyx, affine_ras)
    ends = {"min": low, "max": high}
    return {
        f"box_{end}_{axis}_lps_mm": each for end, box in ends.items() for axis, each in zip("xyz", box.T, strict=True)
    }


def _side(x_lps_mm: float, midline_lps_mm: float | None) -> Side | None:
    return None if midline_lps_mm is None else Side(side_of(x_lps_mm, midline_lps_mm).lower())


def components(finding: DrawnFinding) -> dict[str, Column]:
    """Connected components under 6, 18 and 26 neighbours."""
    _, counts = component_counts(finding.runs, finding.height)
    return dict(zip(("components6", "components18", "components26"), counts.T, strict=True))


def intensities(finding: DrawnFinding) -> dict[str, Column]:
    """Mean, spread, extremes, percentiles and shares of the HU."""
    if finding.intensities is None:
        return {}
    return {f"hu_{name}": column for name, column in vars(finding.intensities).items()}


def surface(finding: DrawnFinding) -> dict[str, Column]:
    """Area, volume and sphericity of the mesh."""
    if finding.frame is None:
        return {}
    area = mesh_area_mm2(finding.mesh_cases, finding.frame.steps_mm)
    volume = mesh_volume_mm3(finding.mesh_cases, finding.frame.steps_mm)
    return {"surface_area_mm2": area, "mesh_volume_mm3": volume, "sphericity": sphericity(area, volume)}


def diameter(finding: DrawnFinding) -> dict[str, Column]:
    """The greatest diameter in space."""
    if finding.frame is None:
        return {}
    steps_mm = finding.frame.steps_mm
    return {"max_diameter_mm": [max_diameter_mm(runs, finding.height, steps_mm) for _, runs in finding.entities]}


def in_plane(finding: DrawnFinding) -> dict[str, Column]:
    """The long and the short axis as a radiologist measures them, and their slice."""
    if finding.frame is None:
        return {}
    steps_mm = finding.frame.steps_mm
    axes = [in_plane_diameters(runs, finding.height, steps_mm) for _, runs in finding.entities]
    return dict(zip(("long_axis_mm", "short_axis_mm", "long_axis_k"), zip(*axes, strict=True), strict=True))


def axes(finding: DrawnFinding) -> dict[str, Column]:
    """The principal axes, their ratios and the direction of the longest."""
    if finding.frame is None:
        return {}
    moments = finding.moments
    found = principal_axes(moments.voxels, moments.second_moments_zyx, finding.frame.steps_mm)
    return {
        "major_axis_mm": found.major_mm,
        "minor_axis_mm": found.minor_mm,
        "least_axis_mm": found.least_mm,
        "elongation": found.elongation,
        "flatness": found.flatness,
        **{f"major_axis_{axis}": found.major_lps[:, n] for n, axis in enumerate("xyz")},
    }


def shell(finding: DrawnFinding) -> dict[str, Column]:
    """HU of the shell around each entity, and the contrast to it."""
    if finding.frame is None:
        return {}
    shells = [_shell(finding, finding.frame, n) for n in range(len(finding.entities))]
    return {
        "shell_voxels": [each.voxels for each in shells],
        "shell_hu_mean": [each.hu_mean for each in shells],
        "hu_contrast": [each.contrast for each in shells],
    }


def _shell(finding: DrawnFinding, frame: ScanFrame, n: int) -> ShellContrast:
    reach: dict[str, Any] = {"shell_mm": finding.settings.shell_mm, "steps_mm": frame.steps_mm}
    box = shell_box(finding.box(n), shape_zyx=finding.shape_zyx, **reach)
    return shell_contrast(
        finding.entities[n][1],
        finding.runs,
        frame.read(box),
        height=finding.height,
        origin_zyx=box[0],
        body=frame.body,
        **reach,
    )


CORE: tuple[Quantity, ...] = (position, components, intensities, surface, diameter)
"""What every benchmark compares."""
FULL: tuple[Quantity, ...] = (*CORE, in_plane, axes, shell)
