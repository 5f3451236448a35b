"""The orientation audit: does a mask lie on its image as it is stored, or rather mirrored or with axes swapped?

A lesion differs from its surroundings where it really is, and hardly anywhere else. So the voxels inside a finding and
those around it are looked up under every reading that keeps the array's shape, and the readings are compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compute.kernels.body import AIR_BELOW_HU, BodyOutline, find_body, outline_of
from compute.kernels.readings import Reading, readings_of
from compute.kernels.samples import VoxelSamples
from compute.kernels.separation import separation
from compute.kernels.volumes import Floats, Image, check_image

# Chosen on 400 lesion-like regions of a real chest CT, carelessly drawn, on the same made a cube (47 other readings)
# and on 40 phantoms, one to six findings at a time: at most 1 scan in 5,000 was called suspect though it was not.
FLOOR = 0.35
"""What another reading must score at least to be believed: above nearly all wrong readings of small lesions."""
LEAD = 0.1
"""What it must score above every other reading, beside `_LEAD_OF_ONE` over the root of the voxels looked up."""
_LEAD_OF_ONE = 3.0  # 0.1 at 900 voxels: wrong readings of small lesions score high by chance
_HALF_WEIGHT_VOXELS = 100  # a finding of so many voxels counts half as much as a large one


@dataclass(frozen=True)
class ReadingScore:
    """How one reading of a mask fits its image."""

    reading: Reading
    score: float
    """0 to 1: separation of inside from shell times the share of the inside that is in the body, mean over findings."""
    air_share: float
    """Share of the findings' sampled voxels below -500 HU (air or lung); 0 without any. Evidence for a person."""


@dataclass(frozen=True)
class OrientationAudit:
    """The verdict on one mask."""

    stored: ReadingScore
    best_other: ReadingScore | None
    """The best of the other readings; None where there is none, as in a volume of one voxel."""
    suspect: bool
    """True where `best_other` fits far better than the mask as stored and than every third reading."""
    readings: tuple[ReadingScore, ...]
    """All of them, the stored one first."""


def audit_orientation(
    image_zyx: npt.NDArray[np.generic], samples_per_finding: Sequence[VoxelSamples]
) -> OrientationAudit:
    """Compare all readings of a mask by the HU inside its findings and around them.

    It rather misses a wrong mask than accuses a right one: findings that hardly stand out, or of few voxels, decide
    nothing. A fault of many scans shows in some of them.

    Args:
        image_zyx: (z,y,x) int16 HU of the whole volume.
        samples_per_finding: what `sample_inside_and_shell` gave for each finding, in that volume. None, or only empty
            ones, give scores of 0 and no suspicion.

    Raises:
        ValueError: not three axes, an image without voxels, another dtype, or samples outside the image.
    """
    image = check_image(image_zyx)
    if image.size == 0:
        raise ValueError(f"an image of shape {image.shape} shows no orientation")
    findings = [samples for samples in samples_per_finding if len(samples.inside_zyx)]
    _check_samples(findings, image.shape)
    body = find_body(image)
    outline = outline_of(body, rows_an_axis=max(body.grid_zy))
    scores = tuple(_score(reading, image, outline, findings) for reading in readings_of(image.shape))
    best = max(scores[1:], key=lambda other: other.score, default=None)
    return OrientationAudit(scores[0], best, best is not None and _stands_out(best, scores, findings), scores)


def _check_samples(findings: Sequence[VoxelSamples], shape: tuple[int, ...]) -> None:
    for samples in findings:
        for zyx in (samples.inside_zyx, samples.shell_zyx):
            if (zyx < 0).any() or (zyx >= shape).any():
                raise ValueError(f"samples of shape {zyx.shape} reach outside the image of shape {shape}")


def _stands_out(best: ReadingScore, scores: Sequence[ReadingScore], findings: Sequence[VoxelSamples]) -> bool:
    """Far above the next: where two readings fit about equally well, neither is known to be right."""
    voxels = sum(len(samples.inside_zyx) for samples in findings)
    following = max(score.score for score in scores if score is not best)
    return voxels > 0 and best.score >= FLOOR and best.score - following >= LEAD + _LEAD_OF_ONE / np.sqrt(voxels)


def _score(reading: Reading, image: Image, body: BodyOutline, findings: Sequence[VoxelSamples]) -> ReadingScore:
    fits = np.array([_fit(reading, image, body, samples) for samples in findings]).reshape(-1, 2)
    weights = np.array([_weight(samples) for samples in findings])
    score, air_share = weights @ fits / max(weights.sum(), np.finfo(np.float64).tiny)
    return ReadingScore(reading, float(score), float(air_share))


def _fit(reading: Reading, image: Image, body: BodyOutline, samples: VoxelSamples) -> tuple[Floats, Floats]:
    inside = reading.of(samples.inside_zyx, image.shape)
    hu = image[tuple(inside.T)]
    around = image[tuple(reading.of(samples.shell_zyx, image.shape).T)]
    return separation(hu, around) * body.spans(inside).mean(), (hu < AIR_BELOW_HU).mean()


def _weight(samples: VoxelSamples) -> float:
    voxels = len(samples.inside_zyx)
    return voxels / (voxels + _HALF_WEIGHT_VOXELS)
