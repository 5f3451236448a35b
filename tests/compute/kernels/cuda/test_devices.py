"""How a device is opened, that its kernels compile for real chips, and that the emulation sees what is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from compute.kernels.cuda.devices import DEFINITIONS, THREADS, Device, NoDevice, kernel_source, open_device

REVERSE = """
KERNEL void reverse(const int *in, int *out)
{
    __shared__ int all[THREADS];
    const int thread = threadIdx.x;
    all[thread] = in[thread];
    __syncthreads();
    out[THREADS - 1 - thread] = all[thread ^ 1];
}
"""


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_120"])
def test_kernels_compile_without_a_device(architecture: str) -> None:
    nvrtc = pytest.importorskip("cupy", reason="CuPy, by which NVRTC is reached, is not installed").cuda.nvrtc
    try:
        nvrtc.getVersion()
    except RuntimeError as reason:
        pytest.skip(f"no NVRTC: {reason}")
    program = nvrtc.createProgram(kernel_source(), "gather.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*DEFINITIONS, f"-arch={architecture}", "-std=c++17", "-Werror=all-warnings"))
        assert nvrtc.getCUBIN(program).startswith(b"\x7fELF")
    finally:
        nvrtc.destroyProgram(program)


def test_without_cupy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(NoDevice, match=r"groundct\[gpu\]"):
        open_device()


def test_without_a_device_the_cpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cupy = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace())
    with pytest.raises(NoDevice, match="CPU"):
        open_device()


def reversed_pairs(device: Device) -> np.ndarray:
    numbers = np.arange(THREADS, dtype=np.int32)
    out = device.zeros(THREADS, np.int32)
    device.launch("reverse", 1, device.upload(numbers.view(np.uint8)), out)
    return device.download(out)


@pytest.fixture
def reverse(emulate: Callable[[Path], Device], tmp_path: Path) -> Callable[[str, str], np.ndarray]:
    """Runs a kernel with one passage in another wording."""

    def run(passage: str, wording: str) -> np.ndarray:
        assert passage in REVERSE
        kernels = tmp_path / "reverse.cu"
        kernels.write_text(REVERSE.replace(passage, wording))
        return reversed_pairs(emulate(kernels))

    return run


def test_emulated_threads_wait_for_each_other(reverse: Callable[[str, str], np.ndarray]) -> None:
    expected = (np.arange(THREADS) ^ 1)[::-1]
    np.testing.assert_array_equal(reverse("", ""), expected)
    assert (reverse("__syncthreads();", "") != expected).any()


def test_emulation_sees_a_barrier_that_not_all_reach(reverse: Callable[[str, str], np.ndarray]) -> None:
    with pytest.raises(AssertionError, match="different barriers"):
        reverse("__syncthreads();", "if (thread != 7) __syncthreads();")


@pytest.mark.parametrize(("index", "where"), [("THREADS - thread", "behind"), ("thread - 1", "before")])
def test_emulation_sees_writes_outside(index: str, where: str, reverse: Callable[[str, str], np.ndarray]) -> None:
    with pytest.raises(AssertionError, match=where):
        reverse("THREADS - 1 - thread", index)


def test_emulated_shared_memory_holds_rubbish_at_first(reverse: Callable[[str, str], np.ndarray]) -> None:
    assert (reverse("all[thread] = in[thread];", "") == np.int32(-0x5A5A5A5B)).all()
