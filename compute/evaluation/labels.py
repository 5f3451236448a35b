"""Labels from the voxels of a file: cast as the published script casts them, or refused with the reason."""

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.evaluation.settings import EvaluatorSettings
from compute.kernels.volumes import Labels
from schema.errors import SourceError

MAX_LABEL = 65_535


class Reason(StrEnum):
    """Why voxels are no labels."""

    NOT_FINITE = "not_finite"
    PROBABILITIES = "probabilities"
    NOT_INTEGRAL = "not_integral"
    NEGATIVE = "negative"
    TOO_LARGE = "too_large"
    NOT_BINARY = "not_binary"


_WORDS = {
    Reason.NOT_FINITE: "which is not a number",
    Reason.PROBABILITIES: "a probability: choose a threshold and save 0 and 1",
    Reason.NOT_INTEGRAL: "which is not a whole number: save 0 and 1",
    Reason.NEGATIVE: "which is below 0",
    Reason.TOO_LARGE: f"which is above {MAX_LABEL}",
    Reason.NOT_BINARY: "where a prediction is 0 or 1",
}


class LabelsRefused(SourceError):
    """Voxels are no labels, and are not made so; `reason` says why, and the message how to mend it."""

    def __init__(self, reason: Reason, value: float) -> None:
        super().__init__(f"it holds {value:.4g}, {_WORDS[reason]}")
        self.reason = reason
        self.value = value


def as_labels(slab: NDArray[Any], settings: EvaluatorSettings) -> Labels:
    """The labels that a slab of numbers, of any shape and dtype, holds: uint8 or uint16, of the same shape.

    Under `as_uint8` they are cast whatever they are: .9 becomes 0 and 256 becomes 0. Labels as they should be are not
    copied.

    Raises:
        LabelsRefused: without `as_uint8`, a number that is no label.
    """
    if settings.as_uint8:
        with np.errstate(invalid="ignore"):  # what is not finite is cast too
            return slab.astype(np.uint8, copy=False)
    if slab.dtype in (np.uint8, np.uint16):
        return slab
    _check(slab)
    return slab.astype(np.uint8 if slab.dtype == np.bool_ else np.uint16)


def as_prediction(slab: NDArray[Any], settings: EvaluatorSettings) -> Labels:
    """As `as_labels`, of a prediction: where its instances are components, it must hold 0 and 1 only.

    Raises:
        LabelsRefused: as `as_labels`; or another label than 0 and 1 where instances are components.
    """
    labels = as_labels(slab, settings)
    if not settings.as_uint8 and settings.instances == "components":
        _refuse(Reason.NOT_BINARY, labels, labels > 1)
    return labels


def _check(slab: NDArray[Any]) -> None:
    if slab.dtype.kind == "f":
        _refuse(Reason.NOT_FINITE, slab, ~np.isfinite(slab))
        _refuse(_broken(slab), slab, slab != np.rint(slab))
    _refuse(Reason.NEGATIVE, slab, slab < 0)
    _refuse(Reason.TOO_LARGE, slab, slab > MAX_LABEL)


def _broken(slab: NDArray[Any]) -> Reason:
    """What numbers that are not whole are: probabilities if all lie between 0 and 1."""
    probable = slab.size and slab.min() >= 0 and slab.max() <= 1
    return Reason.PROBABILITIES if probable else Reason.NOT_INTEGRAL


def _refuse(reason: Reason, slab: NDArray[Any], wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        raise LabelsRefused(reason, float(slab[wrong][0]))
