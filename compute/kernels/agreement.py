"""How two readers of one finding agree, and what most readers of several drew."""

from collections.abc import Sequence
from dataclasses import dataclass

from compute.kernels.borders import border_voxels, union_runs
from compute.kernels.detection import detection
from compute.kernels.instances import component_instances
from compute.kernels.matching import match_optimally
from compute.kernels.overlaps import count_overlaps, dice
from compute.kernels.runs import LABEL, Runs, run_lengths
from compute.kernels.surface_distances import surface_distances
from compute.kernels.volumes import Floats, Triple
from compute.kernels.votes import summed_votes

MATCHED = 0.2
"""Two readers' entities are the same from this Dice on, as in the benchmark."""
CONNECTIVITY = 26
"""Of the entities of a consensus."""


@dataclass(frozen=True)
class PairAgreement:
    """How two drawings of a finding agree; the same either way round."""

    dice: float
    """Of all voxels; 1 where both drew nothing."""
    surface: float | None
    """Share of both surfaces within the tolerance of the other, 0 where one drew nothing; None without millimetres."""
    detection: float
    """F1 of entities matched at a Dice of `MATCHED` or more; 1 where both drew nothing."""


def pair_agreement(
    one: Runs, other: Runs, shape_zyx: Triple, steps_zyx_lps_mm: Floats | None, tolerance_mm: float
) -> PairAgreement:
    """Tell how two drawings agree.

    Args:
        one: (n,4), in the frame of the whole volume.
        other: likewise.
        shape_zyx: the volume's shape.
        steps_zyx_lps_mm: (3,3), as `frames.steps_zyx_lps_mm` gives it; None without a volume.
        tolerance_mm: how far apart surfaces may be and agree.
    """
    unions = [union_runs(runs) for runs in (one, other)]
    voxels = [int(run_lengths(runs).sum()) for runs in unions]
    shared = int(count_overlaps(*unions).shared_voxels.sum())
    overlaps = count_overlaps(one, other)
    matching = match_optimally(overlaps, overlaps.dice(), MATCHED)
    found = detection(len(matching.matches), len(matching.unmatched_prediction), len(matching.unmatched_truth))
    surface = _surface(one, other, shape_zyx, steps_zyx_lps_mm, tolerance_mm)
    nothing = not any(voxels)
    return PairAgreement(float(dice(shared, *voxels)), surface, 1.0 if nothing else found.f1)


def _surface(one: Runs, other: Runs, shape_zyx: Triple, steps: Floats | None, tolerance_mm: float) -> float | None:
    if steps is None:
        return None
    distances = surface_distances(border_voxels(one, shape_zyx), border_voxels(other, shape_zyx), steps)
    return distances.nsd(tolerance_mm)


def majority(drawings: Sequence[Runs], shape_zyx: Triple) -> Runs:
    """The voxels that more than half of the readers labelled, whatever the labels, as entities by 26 neighbours.

    Args:
        drawings: a table of runs of each reader, in the frame of the whole volume; at least one.
        shape_zyx: the volume's shape.
    """
    votes = summed_votes(drawings, [1] * len(drawings))
    most = votes[2 * votes[:, LABEL] > len(drawings)]
    return component_instances(union_runs(most), shape_zyx, connectivity=CONNECTIVITY)
