"""What a device sums against what the CPU sums: equal integers, whatever the finding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.cuda.crops import Finding
from compute.kernels.cuda.devices import SHARE_WORDS, Device
from compute.kernels.cuda.gather import LabelSums, gather_findings
from compute.kernels.cuda.layouts import lay_out
from compute.kernels.intensities import hu_histograms, intensities_of
from compute.kernels.mesh import mesh_area_mm2, mesh_cases
from compute.kernels.moments import moment_sums, moments_of
from compute.kernels.runs import label_runs, place_runs, runs_by_label

VOLUME = (400, 500, 600)
LABELS = ([1], [3, 2], [1, 300, 60000], [65535, 4, 9, 8, 7])

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Drawn:
    """Labels and HU of a crop that stands somewhere in a volume."""

    labels: Array
    image: Array
    origin: tuple[int, int, int] = (0, 0, 0)
    volume: tuple[int, int, int] = VOLUME

    @property
    def finding(self) -> Finding:
        """What goes to a device."""

        def read(box: tuple[tuple[int, int, int], tuple[int, int, int]]) -> Array:
            start, stop = np.subtract(box, self.origin).tolist()
            return self.image[tuple(map(slice, start, stop))]

        return Finding(self.runs, self.volume[1], read)

    @property
    def runs(self) -> npt.NDArray[np.int32]:
        """In the volume."""
        return place_runs(label_runs(self.labels), self.labels.shape, origin_zyx=self.origin, volume_zyx=self.volume)

    @property
    def expected(self) -> LabelSums:
        """What the CPU sums."""
        moments = moment_sums(self.runs, self.volume[1])
        place = {"height": self.volume[1], "origin_zyx": self.origin, "label": moments.label}
        cases = [mesh_cases(runs, self.volume[1]) for _, runs in runs_by_label(self.runs)]
        hu = hu_histograms(self.runs, self.image, **place)
        return LabelSums(moments, hu, np.array(cases, np.int64).reshape(-1, 256))


def draw(seed: int, *, most: tuple[int, int, int] = (6, 8, 90)) -> Drawn:
    """Noise, or blocks that touch each other and the borders; or nothing."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, most, endpoint=True).tolist())
    values = np.array([0, *LABELS[seed % 4]], np.uint16)
    share = random.choice([0.0, 0.02, 0.5, 1.0], p=[0.05, 0.35, 0.4, 0.2])
    labels = np.where(random.random(shape) < share, random.choice(values, shape), 0).astype(np.uint16)
    if seed % 3 == 0:
        labels[:, shape[1] // 2 :] = values[-1]
    image = random.normal(-200, 900, shape).clip(-32768, 32767).astype(np.int16)
    image.ravel()[random.integers(0, image.size, 3)] = -32768, 32767, 3072
    origin = tuple(random.integers(0, np.subtract(VOLUME, shape), endpoint=True).tolist())
    return Drawn(labels, image, origin)


def assert_equal(one: LabelSums, other: LabelSums) -> None:
    for name in ("label", "gram", "boxes"):
        mine, theirs = getattr(one.moments, name), getattr(other.moments, name)
        assert mine.dtype == theirs.dtype == np.int64
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    assert [each.first_hu for each in one.hu] == [each.first_hu for each in other.hu]
    for mine, theirs in zip(one.hu, other.hu, strict=True):
        np.testing.assert_array_equal(mine.counts, theirs.counts)
    np.testing.assert_array_equal(one.mesh_cases, other.mesh_cases)


def check(drawn: Sequence[Drawn], device: Device, **limit: int) -> None:
    found = gather_findings([each.finding for each in drawn], device, **limit)
    for sums, each in zip(found, drawn, strict=True):
        assert_equal(sums, each.expected)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_equals_the_cpu_on_200_findings_in_batches(first: int, device: Device) -> None:
    check([draw(seed) for seed in range(first, first + 20)], device)


@pytest.mark.parametrize("limit_bytes", [1, 3 << 20])
def test_batches_of_any_size_give_the_same(limit_bytes: int, device: Device) -> None:
    check([draw(seed) for seed in range(40, 60)], device, limit_bytes=limit_bytes)


@pytest.mark.parametrize(
    "part",
    [np.s_[3:4, 5:6, 6:7], np.s_[2], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1], np.s_[:], np.s_[0, 0, 31:33]],
)
def test_single_voxels_planes_and_borders(part: tuple[slice, ...], device: Device) -> None:
    labels, image = np.zeros((6, 7, 130), np.uint8), np.full((6, 7, 130), 40, np.int16)
    labels[part] = 255
    check([Drawn(labels, image)], device)


@pytest.mark.parametrize("width", [29, 30, 31, 32, 61, 62, 63, 64, 65])
def test_rows_that_just_fill_words(width: int, device: Device) -> None:
    labels, image = np.ones((2, 2, width), np.uint8), np.arange(4 * width, dtype=np.int16).reshape(2, 2, width)
    check([Drawn(labels, image, (3, 5, 7))], device)


def test_an_entity_of_several_shares(device: Device) -> None:
    random = np.random.default_rng(5)
    labels = np.zeros((24, 70, 160), np.uint8)
    labels[1:-1, 1:-1, 1:-1] = random.random((22, 68, 158)) < 0.9
    drawn = Drawn(labels, random.integers(-1100, 3200, labels.shape).astype(np.int16))
    shares = lay_out(drawn.runs, VOLUME[1]).shares
    assert len(shares) > 3
    assert SHARE_WORDS in np.diff(shares[:, 1:])
    check([drawn], device)


def test_every_hu_once(device: Device) -> None:
    image = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16).reshape(16, 64, 64)
    (sums,) = gather_findings([Drawn(np.ones(image.shape, np.uint8), image).finding], device)
    assert sums.hu[0].first_hu == -32768
    assert sums.hu[0].counts.tolist() == [1] * 65536


def test_the_far_corner_of_a_large_volume(device: Device) -> None:
    shape, volume = (3, 4, 5), (2048, 2048, 2048)
    z, y, x = np.subtract(volume, shape).tolist()
    check([Drawn(np.ones(shape, np.uint8), np.zeros(shape, np.int16), (z, y, x), volume)], device)


def test_300_labels_of_one_voxel_each(device: Device) -> None:
    labels = np.arange(300, dtype=np.uint16).reshape(10, 5, 6)
    check([Drawn(labels, labels.astype(np.int16))], device)


def test_findings_without_runs_give_no_rows(device: Device) -> None:
    empty, full = (Drawn(np.full((2, 3, 4), label, np.uint8), np.zeros((2, 3, 4), np.int16)) for label in (0, 1))
    assert list(gather_findings([], device)) == []
    check([empty], device)
    check([empty, full, empty, full], device)


def test_images_in_other_memory_layouts(device: Device) -> None:
    drawn = draw(7)
    turned = np.asfortranarray(drawn.image)
    backwards = drawn.image[::-1, :, ::-1].copy()[::-1, :, ::-1]
    check([Drawn(drawn.labels, image, drawn.origin) for image in (turned, backwards)], device)


def test_the_order_of_runs_does_not_matter(device: Device) -> None:
    drawn = draw(11)
    turned = replace(drawn.finding, runs=drawn.runs[::-1].copy())
    (sums,) = gather_findings([turned], device)
    assert_equal(sums, drawn.expected)


def test_what_is_derived_is_equal_too(device: Device) -> None:
    drawn = draw(9)
    (mine,), theirs = gather_findings([drawn.finding], device), drawn.expected
    steps_mm = np.array([[0.1, 0, 1.5], [0, 0.7, 0], [0.7, 0.05, 0]])
    for name, values in vars(moments_of(mine.moments)).items():
        np.testing.assert_array_equal(values, getattr(moments_of(theirs.moments), name), err_msg=name)
    for name, values in vars(intensities_of(mine.hu)).items():
        np.testing.assert_array_equal(values, getattr(intensities_of(theirs.hu), name), err_msg=name)
    np.testing.assert_array_equal(mesh_area_mm2(mine.mesh_cases, steps_mm), mesh_area_mm2(theirs.mesh_cases, steps_mm))
