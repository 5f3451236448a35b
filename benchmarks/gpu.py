"""Entities summed on a CUDA device and on the CPU: the same crops, held equal, side by side.

python -m benchmarks.gpu [--json FILE] [--cases 4] [--findings 12] [--entities 8] [--repeats 5] [--seed 0]

A case is a volume of 512 x 512 x 300 voxels of noise and findings of ball-shaped entities, each of which is a crop. The
volume is in memory: reading and inflating are not measured. The CPU works in one thread. Bandwidth is counted in the
fewest bytes that a kernel must move. Exits with 1 where there is no device, or where the two do not agree.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from compute.kernels.cuda.crops import Finding
from compute.kernels.cuda.devices import Device, DeviceArray, NoDevice, open_device
from compute.kernels.cuda.gather import LabelSums, gather_findings
from compute.kernels.cuda.layouts import lay_out
from compute.kernels.intensities import HuHistogram, hu_histograms, intensities_of
from compute.kernels.mesh import mesh_area_mm2, mesh_cases
from compute.kernels.moments import moment_sums, moments_of
from compute.kernels.runs import Runs, label_runs, run_lengths, runs_by_label

VOLUME_ZYX = (300, 512, 512)
STEPS_MM = np.diag([1.0, 0.7, 0.7])
COPIED_BYTES = 1 << 31
TOLERANCE = 1e-5


@dataclass
class Watched:
    """A device that counts the bytes of its transfers and times its kernels by the device's own events."""

    device: Device
    cupy: Any
    up: int = 0
    down: int = 0
    zeroed: int = 0
    events: list[tuple[str, Any, Any]] = field(default_factory=list)

    def empty_host(self, size: int) -> npt.NDArray[np.uint8]:
        """As the device's."""
        return self.device.empty_host(size)

    def upload(self, host: npt.NDArray[np.uint8]) -> DeviceArray:
        """As the device's."""
        self.up += host.nbytes
        return self.device.upload(host)

    def zeros(self, size: int, dtype: npt.DTypeLike) -> DeviceArray:
        """As the device's."""
        self.zeroed += size * np.dtype(dtype).itemsize
        return self.device.zeros(size, dtype)

    def launch(self, kernel: str, blocks: int, *arrays: DeviceArray) -> None:
        """As the device's, between two events."""
        start, stop = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        start.record()
        self.device.launch(kernel, blocks, *arrays)
        stop.record()
        self.events.append((kernel, start, stop))

    def download(self, array: DeviceArray) -> npt.NDArray[Any]:
        """As the device's."""
        host = self.device.download(array)
        self.down += host.nbytes
        return host

    def kernel_seconds(self) -> dict[str, float]:
        """Time in each kernel, once all is done."""
        seconds: dict[str, float] = defaultdict(float)
        for kernel, start, stop in self.events:
            stop.synchronize()
            seconds[kernel] += self.cupy.cuda.get_elapsed_time(start, stop) / 1000
        return dict(seconds)


def draw_case(random: np.random.Generator, findings: int, entities: int) -> list[Finding]:
    """The findings of one case."""
    image = random.standard_normal(VOLUME_ZYX, np.float32)
    image *= 150
    image -= 200
    hu = image.astype(np.int16)
    return [_draw_finding(random, hu, entities) for _ in range(findings)]


def _draw_finding(random: np.random.Generator, hu: npt.NDArray[np.int16], entities: int) -> Finding:
    labels = np.zeros(VOLUME_ZYX, np.uint8)
    for label in range(1, entities + 1):
        radius = int(np.exp(random.uniform(np.log(2), np.log(40))))
        centre = random.integers(radius, np.subtract(VOLUME_ZYX, radius))
        box = tuple(slice(at - radius, at + radius + 1) for at in centre.tolist())
        offsets = np.ogrid[tuple(slice(-radius, radius + 1) for _ in range(3))]
        labels[box][sum(offset**2 for offset in offsets) <= radius**2] = label
    return Finding(label_runs(labels), VOLUME_ZYX[1], lambda box: hu[tuple(map(slice, *box))])


def gather_on_cpu(findings: Sequence[Finding]) -> list[LabelSums]:
    """What `gather_findings` gives, by the CPU's kernels in this thread."""
    return [_sums_of(finding) for finding in findings]


def _sums_of(finding: Finding) -> LabelSums:
    entities, moments = runs_by_label(finding.runs), moment_sums(finding.runs, finding.height)
    boxes = zip(entities, moments.boxes.tolist(), strict=True)
    hu = [_histogram(finding, label, runs, box) for (label, runs), box in boxes]
    return LabelSums(moments, hu, np.array([mesh_cases(runs, finding.height) for _, runs in entities]))


def _histogram(finding: Finding, label: int, runs: Runs, box: list[list[int]]) -> HuHistogram:
    (z0, y0, x0), (z1, y1, x1) = box
    crop, place = finding.read(((z0, y0, x0), (z1, y1, x1))), (z0, y0, x0)
    (histogram,) = hu_histograms(runs, crop, height=finding.height, origin_zyx=place, label=np.array([label]))
    return histogram


def disagreements(mine: Sequence[LabelSums], theirs: Sequence[LabelSums]) -> list[str]:
    """What differs: of integers anything, of what is derived from them more than the tolerance."""
    pairs = [(_values(one), _values(other)) for one, other in zip(mine, theirs, strict=True)]
    names = [name for one, other in pairs for name in one if not _agree(one[name], other[name])]
    return sorted(set(names))


def _values(sums: LabelSums) -> dict[str, npt.NDArray[Any]]:
    return {
        **vars(sums.moments),
        "hu_counts": np.concatenate([each.counts for each in sums.hu]),
        "hu_first": np.array([each.first_hu for each in sums.hu]),
        "mesh_cases": sums.mesh_cases,
        **vars(moments_of(sums.moments)),
        **vars(intensities_of(sums.hu)),
        "mesh_area_mm2": mesh_area_mm2(sums.mesh_cases, STEPS_MM),
    }


def _agree(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    if one.shape != other.shape:
        return False
    tolerance = 0 if np.issubdtype(one.dtype, np.integer) else TOLERANCE
    return bool(np.allclose(one, other, rtol=tolerance, atol=0))


def copy_bytes_a_second(cupy: Any, repeats: int) -> float:
    """Bytes that a copy within the device's memory reads and writes in a second, the median copy's."""
    one, other = (cupy.ones(COPIED_BYTES, np.uint8) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        start, stop = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        other.data.copy_from_device_async(one.data, COPIED_BYTES)
        stop.record()
        stop.synchronize()
        seconds.append(cupy.cuda.get_elapsed_time(start, stop) / 1000)
    return float(2 * COPIED_BYTES / median(seconds[1:]))


def fewest_bytes(findings: Sequence[Finding]) -> dict[str, int]:
    """What each kernel must move at least: what it needs read once, and what it makes written once."""
    layouts = [lay_out(finding.runs, finding.height) for finding in findings]
    words = sum(4 * layout.words for layout in layouts)
    tables = sum(layout.windows.nbytes + layout.shares.nbytes for layout in layouts)
    runs = sum(layout.runs.nbytes for layout in layouts)
    return {"paint": runs + words, "gather": tables + words + 2 * voxels_of(findings)}


def voxels_of(findings: Sequence[Finding]) -> int:
    """Voxels with a label."""
    return sum(int(run_lengths(finding.runs).sum()) for finding in findings)


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """The median time of some runs behind one that is not counted."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])


def measure(device: Device, cupy: Any, findings: Sequence[Finding], repeats: int) -> dict[str, Any]:
    """All figures."""
    mine, theirs = list(gather_findings(findings, device)), gather_on_cpu(findings)
    copied = copy_bytes_a_second(cupy, repeats)
    watched = Watched(device, cupy)
    list(gather_findings(findings, watched))
    return {
        "entities": sum(len(sums.hu) for sums in theirs),
        "voxels": voxels_of(findings),
        "differing": disagreements(mine, theirs),
        "gpu_seconds": seconds_of(lambda: list(gather_findings(findings, device)), repeats),
        "cpu_seconds": seconds_of(lambda: gather_on_cpu(findings), repeats),
        "copy_bytes_a_second": copied,
        "bytes_up": watched.up,
        "bytes_down": watched.down,
        "bytes_zeroed": watched.zeroed,
        "kernels": _kernels(watched.kernel_seconds(), fewest_bytes(findings), copied),
    }


def _kernels(seconds: dict[str, float], moved: dict[str, int], copied: float) -> dict[str, dict[str, float]]:
    return {
        name: {"seconds": seconds[name], "fewest_bytes": size, "share_of_copy": size / seconds[name] / copied}
        for name, size in moved.items()
    }


def print_report(report: dict[str, Any]) -> None:
    """A table for people."""
    for where in ("gpu", "cpu"):
        seconds = report[f"{where}_seconds"]
        per_second = report["cases"] / seconds, report["entities"] / seconds
        print(f"{where}: {seconds:.4f} s, {per_second[0]:.2f} cases/s, {per_second[1]:.1f} entities/s")  # noqa: T201
    moved = (f"{report[f'bytes_{way}'] / 1e6:.1f} MB {way}" for way in ("up", "down", "zeroed"))
    print(f"moved: {', '.join(moved)}; copies {report['copy_bytes_a_second'] / 1e9:.0f} GB/s")  # noqa: T201
    for name, kernel in report["kernels"].items():
        share = 100 * kernel["share_of_copy"]
        print(f"{name}: {1000 * kernel['seconds']:.3f} ms, {share:.0f}% of the copy's bandwidth")  # noqa: T201
    print(f"differing: {', '.join(report['differing']) or 'nothing'}")  # noqa: T201


def main() -> None:
    """Measure, print, and exit with 1 where there is nothing to measure or where results differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    for name, default in (("cases", 4), ("findings", 12), ("entities", 8), ("repeats", 5), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    try:
        device = open_device()
    except NoDevice as reason:
        sys.exit(str(reason))
    cupy = import_module("cupy")
    random = np.random.default_rng(arguments.seed)
    cases = [draw_case(random, arguments.findings, arguments.entities) for _ in range(arguments.cases)]
    findings = [finding for case in cases for finding in case]
    report = {
        "device": cupy.cuda.runtime.getDeviceProperties(0)["name"].decode(),
        "cupy": cupy.__version__,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "cases": len(cases),
        **measure(device, cupy, findings, arguments.repeats),
    }
    print_report(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))
    sys.exit(1 if report["differing"] else 0)


if __name__ == "__main__":
    main()
