"""What is known of every label of a mask at once: its extent, and under an image its Hounsfield units."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compute.kernels.intensities import Intensities, label_intensities
from compute.kernels.moments import Moments, label_moments
from compute.kernels.volumes import Triple, check_image, check_labels, check_same_shape


@dataclass(frozen=True)
class LabelStatistics(Moments):
    """`Moments`, and the HU of the same rows; `hu` is None where no image was given."""

    hu: Intensities | None


def label_statistics(
    labels_zyx: npt.NDArray[np.generic],
    image_zyx: npt.NDArray[np.generic] | None = None,
    *,
    origin_zyx: Triple = (0, 0, 0),
) -> LabelStatistics:
    """One row for each label that occurs, ascending; an array without labels, or of no extent, gives no rows.

    Reads the labels once, and once more with an image, of which it touches only what lies under labels.

    Args:
        labels_zyx: (z,y,x), uint8, uint16 or bool, 0 = background, labels in any number and with any gaps.
        image_zyx: int16 HU of the same shape, or None.
        origin_zyx: where the crop's first voxel stands; boxes (half-open) and centroids are in that frame.

    Raises:
        ValueError: not three axes, another dtype, or shapes that differ.
    """
    labels = check_labels(labels_zyx)
    moments = label_moments(labels, origin_zyx=origin_zyx)
    if image_zyx is None:
        return LabelStatistics(**vars(moments), hu=None)
    image = check_image(image_zyx)
    check_same_shape(labels, image)
    hu = label_intensities(labels, image, label=moments.label, voxels=moments.voxels)
    return LabelStatistics(**vars(moments), hu=hu)
