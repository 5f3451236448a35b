"""Scoring one case: its files in, its row of the result out, and what is wrong with it."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.evaluation.labels import LabelsRefused
from compute.evaluation.scoring import FindingPair, case_stats, score_finding, score_missing
from compute.evaluation.settings import EvaluatorSettings
from compute.kernels.arrangements import Arrangement, find_better_arrangement
from compute.kernels.runs import Runs
from ingest.faults import CaseLeftOut
from ingest.masks import TooManyRuns
from ingest.predictions.cases import ScoredCase
from ingest.predictions.faults import PredictionFault, fault_of, prediction_fault, truth_fault
from ingest.predictions.reading import Shape, Truths, file_sha256, read_prediction
from ingest.predictions.spacing import Spacings, scan_of
from schema.collection import ScanName
from schema.version import software_version

log = logging.getLogger(__name__)

_NO_RUNS = np.empty((0, 4), np.int32)


@dataclass(frozen=True)
class CaseResult:
    """What one case gave."""

    file: str
    row: dict[str, Any]
    """As it stands among `cases` of the result."""
    facts: dict[str, Any]
    """What the row came from: the digests of both files, the entry, the spacing, and `key` over them all."""
    faults: tuple[PredictionFault, ...] = ()
    suspicion: dict[str, Any] | None = None
    """Another arrangement of the prediction that fits far better."""


class Unusable(Exception):
    """A file of a case cannot be used; `fault` says why."""

    def __init__(self, fault: PredictionFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True)
class CaseJob:
    """Scores a case; runs in a worker."""

    truths: Truths
    predictions: Path
    settings: EvaluatorSettings
    spacings: Spacings = field(default_factory=Spacings)
    known: dict[str, str] = field(default_factory=dict)
    """The keys of results that are there, by file; a case whose key is the same is not scored again."""

    def __call__(self, case: ScoredCase) -> CaseResult | None:
        """Give the case's result, or None where the known one holds."""
        facts: dict[str, Any] = {}
        try:
            facts = self._facts(case)
            if self.known.get(case.file) == facts["key"]:
                return None
            return self._score(case, facts)
        except Unusable as error:
            return CaseResult(case.file, {"file": case.file, "error": error.fault.kind}, facts, (error.fault,))
        except Exception as error:
            log.exception("scoring %s", case.file)
            return self.give_up(case, f"it could not be scored ({type(error).__name__}: {error})")

    def give_up(self, case: ScoredCase, why: str) -> CaseResult:
        """Give the result of a case that could not be scored, which the next run tries again.

        It counts as one without a prediction: a prediction that breaks the evaluator must not raise a mean.
        """
        fault = prediction_fault("failed", case.file, why)
        try:
            shape_vox, truths = self._truth(case)
            row = self._missing(case, truths, shape_vox, self._steps_mm(case, shape_vox), fault)
        except Exception:
            log.exception("reading the mask of %s", case.file)
            row = {"file": case.file, "error": fault.kind}
        return CaseResult(case.file, row, {}, (fault,))

    def _facts(self, case: ScoredCase) -> dict[str, Any]:
        facts = {
            "truth_sha256": self.truths.sha256(case.file),
            "prediction_sha256": file_sha256(self.predictions / case.file),
            "volume": _state(self.spacings.find_volume(case.file)),
            "patient": _patient(case.file),
            "protocol": case.protocol,
            "exhaustive": case.exhaustive,
            "categories": {str(index): code for index, code in sorted(case.categories.items())},
        }
        words = [self.settings.digest, software_version(), self.spacings.table_mm.get(scan_of(case.file)), facts]
        return {**facts, "key": hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()}

    def _score(self, case: ScoredCase, facts: dict[str, Any]) -> CaseResult:
        shape_vox, truths = self._truth(case)
        steps = self._steps_mm(case, shape_vox)
        facts = {**facts, "spacing_mm": None if steps is None else np.linalg.norm(steps, axis=1)[::-1].tolist()}
        try:
            predictions = self._prediction(case, len(truths), shape_vox)
        except Unusable as error:
            return CaseResult(
                case.file, self._missing(case, truths, shape_vox, steps, error.fault), facts, (error.fault,)
            )
        pairs = _pairs(case, truths, predictions, shape_vox, steps)
        findings = {f"finding_{n}": score_finding(pair, self.settings) for n, pair in enumerate(pairs)}
        suspicion = _suspicion(case, find_better_arrangement(truths, predictions, shape_vox[::-1]))
        return CaseResult(case.file, self._row(case, findings), facts, suspicion=suspicion)

    def _truth(self, case: ScoredCase) -> tuple[Shape, list[Runs]]:
        try:
            return self.truths.read(case.file, self.settings)
        except (CaseLeftOut, LabelsRefused) as error:
            raise Unusable(truth_fault(error, case.file)) from error

    def _steps_mm(self, case: ScoredCase, shape_vox: Shape) -> NDArray[np.float64] | None:
        steps = self.truths.steps_mm(case.file)
        return self.spacings.steps_mm(case.file, shape_vox) if steps is None else steps

    def _prediction(self, case: ScoredCase, findings: int, shape_vox: Shape) -> list[Runs]:
        path = self.predictions / case.file
        if not path.is_file():
            raise Unusable(
                prediction_fault("missing_prediction", case.file, "there is no prediction of that name", path)
            )
        try:
            return read_prediction(path, findings, shape_vox, self.settings)
        except (CaseLeftOut, LabelsRefused) as error:
            raise Unusable(fault_of(error, case.file, path)) from error
        except TooManyRuns as error:
            raise Unusable(prediction_fault("too_fragmented", case.file, str(error), path)) from error

    def _missing(
        self,
        case: ScoredCase,
        truths: list[Runs],
        shape_vox: Shape,
        steps: NDArray[np.float64] | None,
        fault: PredictionFault,
    ) -> dict[str, Any]:
        if self.settings.missing == "left_out":
            return {"file": case.file, "error": fault.kind}
        pairs = _pairs(case, truths, [_NO_RUNS] * len(truths), shape_vox, steps)
        findings = {f"finding_{n}": score_missing(pair, self.settings) for n, pair in enumerate(pairs)}
        return {**self._row(case, findings), "error": fault.kind}

    def _row(self, case: ScoredCase, findings: dict[str, dict[str, Any]]) -> dict[str, Any]:
        return {"file": case.file, "findings": findings, "case_stats": case_stats(findings, self.settings)}


def _suspicion(case: ScoredCase, found: Arrangement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"file": case.file, "arrangement": found.name, "dice": found.dice, "stored_dice": found.stored_dice}


def _pairs(
    case: ScoredCase,
    truths: Sequence[Runs],
    predictions: Sequence[Runs],
    shape_vox: Shape,
    steps: NDArray[np.float64] | None,
) -> list[FindingPair]:
    return [
        FindingPair(truth, prediction, shape_vox[::-1], steps, case.focal(n), case.exhaustive)
        for n, (truth, prediction) in enumerate(zip(truths, predictions, strict=True))
    ]


def _state(path: Path | None) -> list[int] | None:
    """Size and time of a CT, of which only the header is read."""
    return None if path is None else [(state := path.stat()).st_size, state.st_mtime_ns]


def _patient(file: str) -> str:
    """Whose scan it is by its name; a file of another name is a patient of its own."""
    try:
        return ScanName.parse(file).patient
    except ValueError:
        return file
