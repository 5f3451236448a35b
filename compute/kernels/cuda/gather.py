"""Integer sums over the voxels of labels, on a device: those from which the CPU's code derives every figure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compute.kernels.cuda.buffers import Part, buffer_bytes, split_buffer
from compute.kernels.cuda.crops import BATCH_BYTES, Crops, Finding, iter_batches
from compute.kernels.cuda.devices import THREADS, Device, DeviceArray
from compute.kernels.cuda.layouts import Layout, join_layouts
from compute.kernels.intensities import HuHistogram
from compute.kernels.moments import MomentSums
from compute.kernels.volumes import Image, Ints

_CELL_CASES = 256
_HU_VALUES = 1 << 16
# Where 1, z, y, x, zz, zy, zx, yy, yx and xx stand in a Gram matrix of (1, z, y, x).
_GRAM = np.array([[0, 1, 2, 3], [1, 4, 5, 6], [2, 5, 7, 8], [3, 6, 8, 9]])
# What has a lowest and a highest value: z, y, x and HU.
_ENDS = 4
_NO_END = np.iinfo(np.int32).max


@dataclass(frozen=True)
class LabelSums:
    """What is known of n labels, ascending, in the frame of the whole volume."""

    moments: MomentSums
    """As `compute.kernels.moments.moment_sums` gives them."""
    hu: list[HuHistogram]
    """n, as `compute.kernels.intensities.hu_histograms` gives them."""
    mesh_cases: Ints
    """(n,256), each as `compute.kernels.mesh.mesh_cases` gives it."""


@dataclass(frozen=True)
class _Sums:
    """Of all n labels of a batch, as the device wrote them."""

    gram: npt.NDArray[np.uint64]
    """(n,10)"""
    low: npt.NDArray[np.int32]
    """(n,4), inclusive."""
    high: npt.NDArray[np.int32]
    """(n,4), inclusive."""
    cases: npt.NDArray[np.uint32]
    """(n,256)"""


def gather_findings(
    findings: Iterable[Finding], device: Device, *, limit_bytes: int = BATCH_BYTES
) -> Iterator[LabelSums]:
    """The sums of each finding's labels, equal to those of the CPU; a finding without runs gives no rows.

    What `Finding.read` raises is not caught. Sums wrap at 64 bits as the CPU's do: they are exact for volumes of up to
    2,048 voxels along each side.

    Raises:
        ValueError: as `read_crops`.
    """
    for batch in iter_batches(findings, limit_bytes=limit_bytes):
        yield from _gather_batch(batch, device)


def _gather_batch(batch: Sequence[Crops], device: Device) -> Iterator[LabelSums]:
    """One buffer goes up and its tail comes back; the histograms follow, once their lengths are known."""
    layout = join_layouts([crops.layout for crops in batch])
    images = [image for crops in batch for image in crops.images]
    sums, hu = _gather(layout, images, device) if images else (_no_sums(), [])
    end = 0
    for crops in batch:
        part = np.s_[end : (end := end + len(crops.images))]
        yield _label_sums(crops.layout.label, _Sums(*(each[part] for each in vars(sums).values())), hu[part])


def _gather(layout: Layout, images: Sequence[Image], device: Device) -> tuple[_Sums, list[HuHistogram]]:
    inputs, outputs = _inputs(layout), _outputs(len(images))
    host = device.empty_host(buffer_bytes(inputs + outputs))
    _fill(split_buffer(host, inputs + outputs), layout, images)
    buffer = device.upload(host)
    shares, windows, runs, run_count, image, *sums = split_buffer(buffer, inputs + outputs)
    bits = device.zeros(layout.words, np.uint32)
    hu_counts = device.zeros(len(images) * _HU_VALUES, np.uint32)
    device.launch("paint", -(-len(layout.runs) // THREADS), runs, run_count, bits)
    device.launch("gather", len(layout.shares), shares, windows, bits, image, *sums, hu_counts)
    results = _Sums(*split_buffer(device.download(buffer[buffer_bytes(inputs) :]), outputs))
    return results, _histograms(results, _packed(results, (hu_counts, *sums[1:3]), device))


def _inputs(layout: Layout) -> list[Part]:
    tables = (layout.shares, layout.windows, layout.runs)
    image = Part((int(layout.image_voxels.sum()),), np.int16)
    return [*(Part(table.shape, np.int64) for table in tables), Part((1,), np.int64), image]


def _outputs(labels: int) -> list[Part]:
    ends = Part((labels, _ENDS), np.int32)
    return [Part((labels, 10), np.uint64), ends, ends, Part((labels, _CELL_CASES), np.uint32)]


def _fill(parts: Sequence[npt.NDArray[Any]], layout: Layout, images: Sequence[Image]) -> None:
    shares, windows, runs, run_count, voxels, gram, low, high, cases = parts
    shares[:], windows[:], runs[:], run_count[:] = layout.shares, layout.windows, layout.runs, len(layout.runs)
    gram[:], low[:], high[:], cases[:] = 0, _NO_END, -_NO_END, 0
    end = 0
    for image in images:
        voxels[end : (end := end + image.size)].reshape(image.shape)[:] = image


def _packed(sums: _Sums, counts_low_high: Sequence[DeviceArray], device: Device) -> list[npt.NDArray[np.uint32]]:
    """The counts of each label from its lowest to its highest HU."""
    first = np.concatenate([[0], np.cumsum(sums.high[:, -1].astype(np.int64) - sums.low[:, -1] + 1)])
    host = device.empty_host(first[:-1].nbytes)
    host.view(np.int64)[:] = first[:-1]
    packed = device.zeros(int(first[-1]), np.uint32)
    device.launch("pack", len(sums.low), *counts_low_high, device.upload(host).view(np.int64), packed)
    return np.split(device.download(packed), first[1:-1])


def _histograms(sums: _Sums, counts: Sequence[npt.NDArray[np.uint32]]) -> list[HuHistogram]:
    lowest = sums.low[:, -1].tolist()
    return [HuHistogram(hu, each.astype(np.int64)) for hu, each in zip(lowest, counts, strict=True)]


def _no_sums() -> _Sums:
    return _Sums(*(np.empty(part.shape, part.dtype) for part in _outputs(0)))


def _label_sums(label: Ints, sums: _Sums, hu: list[HuHistogram]) -> LabelSums:
    boxes = np.stack([sums.low[:, :3], sums.high[:, :3] + 1], axis=1).astype(np.int64)
    gram = sums.gram.view(np.int64)[:, _GRAM]
    return LabelSums(MomentSums(label, gram, boxes), hu, sums.cases.astype(np.int64))
