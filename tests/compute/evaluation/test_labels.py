"""Labels from the numbers of a file: cast under `rexrank`, refused with the reason under `groundct`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute.evaluation.labels import LabelsRefused, Reason, as_labels, as_prediction
from compute.evaluation.settings import GROUNDCT, REXRANK

BY_LABEL = replace(GROUNDCT, instances="labels")

REFUSED: tuple[tuple[list[float], Reason, str], ...] = (
    ([0, 1, np.nan], Reason.NOT_FINITE, "it holds nan, which is not a number"),
    ([0, np.inf, 0.5], Reason.NOT_FINITE, "it holds inf"),
    ([0, 0.25, 1], Reason.PROBABILITIES, "it holds 0.25, a probability: choose a threshold"),
    ([0, 0.25, 2], Reason.NOT_INTEGRAL, "it holds 0.25, which is not a whole number"),
    ([0, -0.5, 1], Reason.NOT_INTEGRAL, "it holds -0.5"),
    ([0, -3, 1], Reason.NEGATIVE, "it holds -3, which is below 0"),
    ([0, 65_536, 1], Reason.TOO_LARGE, "it holds 6.554e+04, which is above 65535"),
)


@pytest.mark.parametrize(("values", "reason", "message"), REFUSED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_label_is_refused_with_the_reason(
    values: list[float], reason: Reason, message: str, dtype: Any
) -> None:
    slab = np.array(values, dtype).reshape(1, 3, 1)
    for read in (as_labels, as_prediction):
        with pytest.raises(LabelsRefused, match=message.replace("+", r"\+")) as refused:
            read(slab, GROUNDCT)
        assert refused.value.reason is reason


def test_negative_and_large_integers_are_refused() -> None:
    for slab, reason in ((np.array([0, -1], np.int16), Reason.NEGATIVE), (np.array([70_000]), Reason.TOO_LARGE)):
        with pytest.raises(LabelsRefused) as refused:
            as_labels(slab, GROUNDCT)
        assert refused.value.reason is reason


@pytest.mark.parametrize("values", [[0, 2, 1], [0, 255, 0]])
def test_a_prediction_holds_0_and_1_where_its_instances_are_components(values: list[int]) -> None:
    slab = np.array(values, np.uint8)
    with pytest.raises(LabelsRefused, match="where a prediction is 0 or 1") as refused:
        as_prediction(slab, GROUNDCT)
    assert refused.value.reason is Reason.NOT_BINARY
    assert as_prediction(slab, BY_LABEL) is slab
    assert as_labels(slab, GROUNDCT) is slab


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16, np.int64, np.float32])
def test_whole_numbers_of_any_dtype_are_labels(dtype: Any) -> None:
    labels = as_prediction(np.array([[0, 1], [1, 0]], dtype), GROUNDCT)
    assert labels.dtype in (np.uint8, np.uint16)
    assert labels.tolist() == [[0, 1], [1, 0]]


def test_every_integer_dtype_keeps_large_labels() -> None:
    for dtype in (np.uint16, np.int32, np.float64):
        assert as_labels(np.array([65_535, 256], dtype), GROUNDCT).tolist() == [65_535, 256]


def test_an_empty_slab_has_no_labels() -> None:
    assert as_labels(np.zeros((0, 4), np.float32), GROUNDCT).shape == (0, 4)


def test_everything_is_cast_as_published() -> None:
    assert as_prediction(np.array([0, 255, 256, 257, 300], np.int32), REXRANK).tolist() == [0, 255, 0, 1, 44]
    assert as_prediction(np.array([0.9, 1.0, 1.9]), REXRANK).tolist() == [0, 1, 1]
    assert as_labels(np.array([np.nan, 3]), REXRANK)[1] == 3
