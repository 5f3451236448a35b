"""One stretch of bytes seen as several arrays, alike in the memory of the host and of a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from compute.kernels.cuda.devices import DeviceArray

# Enough for every type, and for whole lines of a device's cache.
_ALIGNED = 256


@dataclass(frozen=True)
class Part:
    """An array's place in a buffer; it begins aligned to 256 bytes if the buffer does."""

    shape: tuple[int, ...]
    dtype: npt.DTypeLike

    @property
    def nbytes(self) -> int:
        """Bytes of the array itself."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def taken(self) -> int:
        """Bytes up to where the next part begins."""
        return -(-self.nbytes // _ALIGNED) * _ALIGNED


def buffer_bytes(parts: Sequence[Part]) -> int:
    """How long a buffer of these parts is."""
    return sum(part.taken for part in parts)


def split_buffer(buffer: DeviceArray, parts: Sequence[Part]) -> list[DeviceArray]:
    """Views of a buffer's parts, one behind another from its beginning; the buffer is uint8 (n,)."""
    views, start = [], 0
    for part in parts:
        views.append(buffer[start : start + part.nbytes].view(part.dtype).reshape(part.shape))
        start += part.taken
    return views
