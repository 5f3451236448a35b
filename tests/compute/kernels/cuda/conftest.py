"""Devices for tests: a real one where there is one, and one that runs the very text of the kernels on the CPU."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.cuda.devices import DEFINITIONS, Device, NoDevice, kernel_source, open_device

EMULATION = Path(__file__).with_name("emulation.c")
OPTIONS = ("-std=gnu11", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-Wno-unknown-pragmas")
GUARD = 4096
POISON = 0xA5


@dataclass
class EmulatedDevice:
    """Runs kernels on the CPU; see emulation.c. Fresh memory is full of rubbish, and stays fenced in."""

    library: ctypes.CDLL
    name: str = "emulated"
    fenced: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    seeds: Any = field(default_factory=count)

    def empty_host(self, size: int) -> npt.NDArray[np.uint8]:
        return np.full(size, POISON, np.uint8)

    def upload(self, host: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        array = self._fence(host.size)
        array[:] = host
        return array

    def zeros(self, size: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        array = self._fence(size * np.dtype(dtype).itemsize)
        array[:] = 0
        return array.view(dtype)

    def launch(self, kernel: str, blocks: int, *arrays: npt.NDArray[Any]) -> None:
        assert blocks > 0, "CUDA refuses to launch nothing"
        assert all(array.flags.c_contiguous for array in arrays)
        pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
        seed = ctypes.c_ulonglong(next(self.seeds))
        diverged = self.library.emulate(getattr(self.library, kernel), blocks, seed, pointers, len(arrays))
        assert not diverged, f"threads of {kernel} stand at different barriers"
        for whole in self.fenced:
            assert (whole[:GUARD] == POISON).all(), f"{kernel} wrote before an array"
            assert (whole[-GUARD:] == POISON).all(), f"{kernel} wrote behind an array"

    def download(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array.copy()

    def _fence(self, size: int) -> npt.NDArray[np.uint8]:
        whole = np.full(size + 2 * GUARD, POISON, np.uint8)
        self.fenced.append(whole)
        return whole[GUARD : GUARD + size]


@pytest.fixture(scope="session")
def emulate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], EmulatedDevice]:
    """Makes devices that run the kernels of a file."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no gcc to run the kernels on the CPU with")

    def emulated(kernels: Path) -> EmulatedDevice:
        library = tmp_path_factory.mktemp("emulation") / "kernels.so"
        line = [compiler, *OPTIONS, *DEFINITIONS, f'-DKERNELS="{kernels}"', "-o", library, EMULATION]
        subprocess.run(line, check=True, timeout=60)
        return EmulatedDevice(ctypes.CDLL(str(library)))

    return emulated


@pytest.fixture(scope="session")
def emulation(emulate: Callable[[Path], EmulatedDevice], tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernels as a library of the CPU's."""
    text = tmp_path_factory.mktemp("kernels") / "kernels.cu"
    text.write_text(kernel_source(), encoding="utf-8")
    return emulate(text).library


@pytest.fixture(params=["emulated", pytest.param("cupy", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> Device:
    """Every test that takes it runs on the CPU, and on a CUDA device where there is one."""
    if request.param == "emulated":
        return EmulatedDevice(request.getfixturevalue("emulation"))
    try:
        return open_device()
    except NoDevice as reason:
        pytest.skip(str(reason))
