"""A CUDA device behind five verbs, so that all around the kernels can be tested without one."""

from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

THREADS = 256
"""Of every block."""
SHARE_WORDS = 2048
"""Words of 32 voxels that a block goes through at most."""

DEFINITIONS = (f"-DTHREADS={THREADS}", f"-DSHARE_WORDS={SHARE_WORDS}")
"""What a compiler must be told to read the kernels."""

Bytes: TypeAlias = npt.NDArray[np.uint8]
DeviceArray: TypeAlias = Any
"""An array in the device's memory that can be sliced and viewed like NumPy's."""


class NoDevice(RuntimeError):
    """There is no CUDA device, or no CuPy to reach it; the text says which and what to do."""


class Device(Protocol):
    """Where kernels run, in the order in which they are launched."""

    name: str
    """The maker's name of it."""

    def empty_host(self, size: int) -> Bytes:
        """Memory of the host that travels fast; it must live until something behind `upload` was downloaded."""

    def upload(self, host: Bytes) -> DeviceArray:
        """A copy of it in the device's memory."""

    def zeros(self, size: int, dtype: npt.DTypeLike) -> DeviceArray:
        """A new array (size,) of zeros in the device's memory."""

    def launch(self, kernel: str, blocks: int, *arrays: DeviceArray) -> None:
        """Run that many blocks of a kernel, at least one; the arrays are its arguments, whose types nobody checks."""

    def download(self, array: DeviceArray) -> npt.NDArray[Any]:
        """A copy in the host's memory, once all that was launched is done."""


def kernel_source() -> str:
    """The text of all kernels; the first file has the types of the others."""
    texts = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("gather.cu", "overlaps.cu"))
    return "\n".join(texts)


def open_device() -> Device:
    """The current CUDA device.

    Raises:
        NoDevice: CuPy is not installed, or finds no device.
    """
    try:
        cupy, cupyx = import_module("cupy"), import_module("cupyx")
    except ImportError as error:
        raise NoDevice(f"CuPy cannot be imported ({error}): install the extra groundct[gpu]") from error
    if not cupy.cuda.is_available():
        raise NoDevice("CuPy finds no CUDA device: look at nvidia-smi, or compute on the CPU")
    return _Cupy(cupy, cupyx.empty_pinned)


class _Cupy:
    """A device that CuPy reaches; kernels are compiled at their first launch and kept in CuPy's cache."""

    def __init__(self, cupy: Any, empty_pinned: Callable[..., Bytes]) -> None:
        self._cupy = cupy
        self._empty_pinned = empty_pinned
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
        self.name: str = properties["name"].decode()
        self._kernels = cupy.RawModule(code=kernel_source(), options=DEFINITIONS)

    def empty_host(self, size: int) -> Bytes:
        return self._empty_pinned(size, np.uint8)

    def upload(self, host: Bytes) -> DeviceArray:
        array = self._cupy.empty(host.shape, host.dtype)
        array.set(host)
        return array

    def zeros(self, size: int, dtype: npt.DTypeLike) -> DeviceArray:
        return self._cupy.zeros(size, dtype)

    def launch(self, kernel: str, blocks: int, *arrays: DeviceArray) -> None:
        self._kernels.get_function(kernel)((blocks,), (THREADS,), arrays)

    def download(self, array: DeviceArray) -> npt.NDArray[Any]:
        host: npt.NDArray[Any] = array.get()
        return host
