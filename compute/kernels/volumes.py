"""What an array must be to enter a kernel. The checks live here; nothing here computes."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Labels: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
Image: TypeAlias = npt.NDArray[np.int16]
Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Triple: TypeAlias = tuple[int, int, int]


def check_labels(labels_zyx: npt.NDArray[np.generic]) -> Labels:
    """The same (z,y,x) array, as uint8 or uint16 labels with 0 for background; a bool mask is seen as label 1.

    Nothing is copied.

    Raises:
        ValueError: it has not three axes, or another dtype.
    """
    _check_axes("labels", labels_zyx)
    if labels_zyx.dtype == np.bool_:
        return labels_zyx.view(np.uint8)
    if labels_zyx.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"labels must be uint8, uint16 or bool, not {labels_zyx.dtype} (shape {labels_zyx.shape})")
    return labels_zyx  # type: ignore[return-value]  # the dtype was looked at just now


def check_image(image_zyx: npt.NDArray[np.generic]) -> Image:
    """The same (z,y,x) array, as int16 HU.

    Raises:
        ValueError: it has not three axes, or another dtype.
    """
    _check_axes("image", image_zyx)
    if image_zyx.dtype != np.int16:
        raise ValueError(f"image must be int16 HU, not {image_zyx.dtype} (shape {image_zyx.shape})")
    return image_zyx  # type: ignore[return-value]  # the dtype was looked at just now


def check_same_shape(labels_zyx: Labels, image_zyx: Image) -> None:
    """Raise ValueError where labels and image differ in shape."""
    if labels_zyx.shape != image_zyx.shape:
        raise ValueError(f"labels have shape {labels_zyx.shape} and the image has shape {image_zyx.shape}")


def check_inside(shape_zyx: tuple[int, ...], *, origin_zyx: Triple, volume_zyx: Triple) -> None:
    """Raise ValueError where a crop of `shape_zyx` at `origin_zyx` does not lie within a volume of `volume_zyx`."""
    ends = (start + extent for start, extent in zip(origin_zyx, shape_zyx, strict=True))
    if min(origin_zyx) < 0 or any(end > whole for end, whole in zip(ends, volume_zyx, strict=True)):
        raise ValueError(f"a crop of shape {shape_zyx} at {origin_zyx} leaves the volume of shape {volume_zyx}")


def _check_axes(name: str, array: npt.NDArray[np.generic]) -> None:
    if array.ndim != 3:
        raise ValueError(f"{name} must be (z,y,x), not of shape {array.shape}")
