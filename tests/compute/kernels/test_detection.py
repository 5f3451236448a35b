"""Precision, recall, panoptic quality: their formulas, and what nothing gives."""

import pytest

from compute.kernels.detection import Detection, PanopticQuality, detection, found_by_size, panoptic_quality


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((3, 1, 2), (3 / 4, 3 / 5, 2 / 3)),
        ((0, 0, 0), (1, 1, 1)),
        ((0, 2, 0), (0, 1, 0)),
        ((0, 0, 2), (1, 0, 0)),
        ((0, 1, 1), (0, 0, 0)),
    ],
)
def test_precision_and_recall(counts: tuple[int, int, int], expected: tuple[float, float, float]) -> None:
    assert detection(*counts) == Detection(*map(pytest.approx, expected))  # type: ignore[arg-type]


def test_panoptic_quality_is_the_sum_of_iou_over_the_mean_count() -> None:
    found = panoptic_quality([0.6, 0.8], fp=1, fn=3)
    assert found.quality == pytest.approx((0.6 + 0.8) / (2 + 1 / 2 + 3 / 2))
    assert found.quality == pytest.approx(found.segmentation * found.recognition)
    assert panoptic_quality([], fp=0, fn=0) == PanopticQuality(1, 1, 1)
    assert panoptic_quality([], fp=1, fn=0) == PanopticQuality(0, 0, 0)


def test_sizes_fall_into_classes_whose_lower_edge_they_hold() -> None:
    there, found = found_by_size([0.5, 1, 2, 9, 10, 11], [True, False, True, True, False, True], [1, 10])
    assert (there.tolist(), found.tolist()) == ([1, 3, 2], [1, 2, 1])
    assert [part.tolist() for part in found_by_size([], [], [1, 10])] == [[0, 0, 0], [0, 0, 0]]
