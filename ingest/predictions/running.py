"""Scoring the predictions of a folder, case by case, in parallel; a run that was stopped goes on where it was."""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from compute.evaluation.rows import finding_rows
from compute.evaluation.settings import EvaluatorSettings
from compute.evaluation.statistics import statistics
from compute.evaluation.summaries import summarise
from compute.jobs.cluster import map_unordered
from ingest.predictions.cases import ScoredCase, SplitCases, read_scored_cases
from ingest.predictions.faults import PredictionFault
from ingest.predictions.reading import FolderTruths, Truths, file_sha256
from ingest.predictions.release import release_split
from ingest.predictions.scoring import CaseJob, CaseResult
from ingest.predictions.spacing import Spacings, scan_of
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import SourceError
from schema.version import software_version

Progress = Callable[[int, int], None]
"""Told the cases done and the cases in all."""


@dataclass(frozen=True)
class Source:
    """What predictions are scored against."""

    name: str
    """Of the dataset's JSON file, or of a release."""
    split: str
    sha256: str | None
    """Of the JSON file, or the release's digest."""
    cases: SplitCases
    truths: Truths

    @classmethod
    def of_files(cls, dataset: Path, masks: Path, split: str = "test") -> "Source":
        """Give the split of a dataset's JSON file, with its masks in a folder.

        Raises:
            SourceError: the file or the folder cannot be used.
        """
        if not masks.is_dir():
            raise SourceError(f"--gt_dir {masks}: there is no such folder")
        cases = read_scored_cases(dataset, split)
        return cls(dataset.name, split, file_sha256(dataset), cases, FolderTruths(masks))

    @classmethod
    def of_release(cls, database: Database, arrays: ArrayStore, release: str, split: str = "test") -> "Source":
        """Give the split of a release.

        Raises:
            NotFound: there is no such release, or no such split of it.
        """
        cases, truths, digest = release_split(database, arrays, release, split)
        return cls(release, split, digest, cases, truths)


@dataclass(frozen=True)
class EvaluationOptions:
    """What is scored, and how."""

    source: Source
    predictions: Path
    """The folder of predictions, under the same names."""
    output: Path
    only: frozenset[str] | None = None
    """Names of the scans that are scored; None: all of the split."""
    spacings: Spacings = Spacings()  # noqa: RUF009 - it is frozen
    workers: int = 1
    address: str | None = None
    """Of a Dask scheduler whose workers are used instead."""
    again: bool = False
    """Score again what is scored."""


def evaluate_predictions(
    options: EvaluationOptions, settings: EvaluatorSettings, progress: Progress | None = None
) -> dict[str, Any]:
    """Score predictions, write the result, and give it: `summary` and `cases` as published, ours under `groundct`.

    Results of an earlier run are taken over where settings, software, entry and both files are the same. Until the
    result is written they stand in a journal beside it.

    Raises:
        SourceError: a folder or the dataset's file cannot be used, or the result cannot be written.
    """
    split = _split(options)
    cases = split.cases
    journal = Journal(options.output)
    known = {} if options.again else journal.results()
    keys = {file: result.facts["key"] for file, result in known.items() if result.facts.get("key")}
    spacings = options.spacings.of(case.file for case in cases)
    job = CaseJob(options.source.truths, options.predictions, settings, spacings, keys)
    results: dict[str, CaseResult] = {}

    def give_up(case: ScoredCase, error: Exception) -> tuple[str, CaseResult]:
        return case.file, job.give_up(case, f"its worker died, perhaps for want of memory ({type(error).__name__})")

    scored = map_unordered(_Named(job), cases, workers=options.workers, address=options.address, give_up=give_up)
    with journal:
        for done, (file, result) in enumerate(scored, 1):
            results[file] = result or known[file]
            if result:
                journal.add(result)
            if progress:
                progress(done, len(cases))
    document = _document(options, settings, [results[case.file] for case in cases], split)
    journal.finish(document)
    return document


def plan_evaluation(options: EvaluationOptions) -> dict[str, Any]:
    """Say what would be scored, and what is missing; nothing is scored.

    Raises:
        SourceError: as for scoring.
    """
    split = _split(options)
    files = [case.file for case in split.cases]
    return {
        "cases": len(files),
        "missing_predictions": [file for file in files if not (options.predictions / file).is_file()],
        "missing_truths": [file for file in files if options.source.truths.sha256(file) is None],
        "without_mask": split.without_mask,
        "unused": _unused(options.predictions, set(files)),
        "faults": [fault.to_json() for fault in split.faults],
    }


@dataclass(frozen=True)
class _Named:
    job: CaseJob

    def __call__(self, case: ScoredCase) -> tuple[str, CaseResult | None]:
        return case.file, self.job(case)


def _split(options: EvaluationOptions) -> SplitCases:
    if not options.predictions.is_dir():
        raise SourceError(f"--pred_dir {options.predictions}: there is no such folder")
    split = options.source.cases
    if options.only is None:
        return split
    return replace(split, cases=[case for case in split.cases if scan_of(case.file) in options.only])


def _document(
    options: EvaluationOptions,
    settings: EvaluatorSettings,
    results: list[CaseResult],
    split: SplitCases,
) -> dict[str, Any]:
    source = options.source
    rows = [result.row for result in results]
    faults = [*split.faults, *(fault for result in results for fault in result.faults)]
    document: dict[str, Any] = {
        "summary": summarise(rows, settings),
        "cases": rows,
        "groundct": {
            "settings": settings.to_json(),
            "settings_sha256": settings.digest,
            "software": software_version(),
            "dataset": {"name": source.name, "split": source.split, "sha256": source.sha256},
            "inputs": {result.file: result.facts for result in results},
            "faults": [fault.to_json() for fault in faults],
            "suspicions": [result.suspicion for result in results if result.suspicion],
            "without_mask": split.without_mask,
            "unused": _unused(options.predictions, {result.file for result in results}),
        },
    }
    document["groundct"]["statistics"] = statistics(finding_rows(document))
    return document


def _unused(predictions: Path, files: Collection[str]) -> list[str]:
    """NIfTI files that no case is named after."""
    return sorted(path.name for path in predictions.iterdir() if ".nii" in path.suffixes and path.name not in files)


def read_result(path: Path) -> dict[str, Any]:
    """Give a result that was written.

    Raises:
        SourceError: it cannot be read, or is the result of another evaluator.
    """
    try:
        document = json.loads(path.read_bytes())
        document["groundct"]["settings"], document["groundct"]["inputs"], document["cases"]
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: is no result of groundct evaluate; score the predictions again") from error
    result: dict[str, Any] = document
    return result


class Journal:
    """Results that are there: those of a finished output, and the lines beside it of a run that was stopped."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.lines = output.with_name(f"{output.name}.partial.jsonl")

    def results(self) -> dict[str, CaseResult]:
        """Give them by file; what cannot be read is not there."""
        return {result.file: result for result in (*self._finished(), *self._begun())}

    def __enter__(self) -> "Journal":
        try:
            self._stream = self.lines.open("a", encoding="utf-8")
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._stream.write("\n")  # ends a line that was cut off
        except BlockingIOError as error:
            self._stream.close()
            raise SourceError(f"{self.output}: another run is writing it; wait for it, or give another name") from error
        except OSError as error:
            raise SourceError(f"{self.lines}: cannot be written ({error.strerror or error})") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def add(self, result: CaseResult) -> None:
        """Write a result down."""
        self._stream.write(json.dumps(asdict(result)) + "\n")
        self._stream.flush()

    def finish(self, document: dict[str, Any]) -> None:
        """Write the output at once as a whole, and remove the lines."""
        aside = self.output.with_name(f"{self.output.name}.tmp")
        try:
            with aside.open("w", encoding="utf-8") as stream:
                json.dump(document, stream, indent=2)
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(self.output)
            self.lines.unlink(missing_ok=True)
        except OSError as error:
            raise SourceError(f"{self.output}: cannot be written ({error.strerror or error})") from error

    def _finished(self) -> Iterable[CaseResult]:
        try:
            document = json.loads(self.output.read_bytes())
            ours = document["groundct"]
            for row in document["cases"]:
                file = row["file"]
                yield CaseResult(
                    file,
                    row,
                    ours["inputs"][file],
                    tuple(PredictionFault(**fault) for fault in ours["faults"] if fault["file"] == file),
                    next((one for one in ours["suspicions"] if one["file"] == file), None),
                )
        except (OSError, ValueError, KeyError, TypeError):
            return

    def _begun(self) -> Iterable[CaseResult]:
        try:
            lines = self.lines.read_text(encoding="utf-8").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                stored = json.loads(line)
                faults = tuple(PredictionFault(**fault) for fault in stored.pop("faults"))
                yield CaseResult(**stored, faults=faults)
            except (ValueError, KeyError, TypeError):
                continue  # it was cut off
