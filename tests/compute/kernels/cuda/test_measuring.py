"""A finding measured with the sums of a device has the values that the CPU gives it."""

import numpy as np

from compute.geometry import measure_finding
from compute.kernels.cuda.devices import Device
from compute.quantities import ScanFrame
from schema.arrays.box import box_slices
from schema.arrays.runs import LabelRuns

AFFINE = np.array([[-0.7, 0, 0, 40], [0, -0.7, 0, 10], [0, 0, 2, -100], [0, 0, 0, 1]])


def test_every_measure_is_equal(device: Device) -> None:
    random = np.random.default_rng(3)
    labels = random.choice(np.array([0, 0, 0, 1, 2, 700], np.uint16), (9, 20, 70))
    image = random.integers(-2000, 3000, labels.shape).astype(np.int16)
    frame = ScanFrame(lambda box: image[box_slices(box)], AFFINE, 0.0)
    runs = LabelRuns.from_dense(labels)
    here, there = measure_finding(runs, frame), measure_finding(runs, frame, device=device)
    assert [one.label for one in there] == [1, 2, 700]
    assert {one.geometry.pop("device") for one in here} == {"cpu"}
    assert {one.geometry.pop("device") for one in there} == {device.name}
    assert there == here


def test_without_a_scan_the_device_is_not_used(device: Device) -> None:
    (one,) = measure_finding(LabelRuns.from_dense(np.ones((2, 3, 4), np.uint8)), None, device=device)
    assert (one.geometry["device"], one.geometry["volume_mm3"]) == ("cpu", None)
