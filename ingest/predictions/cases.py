"""Which cases of a dataset's JSON file are scored, and what it says of their findings."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ingest.predictions.faults import PredictionFault, prediction_fault
from schema.annotation import AnnotationPolicy, Policy
from schema.errors import SourceError
from schema.ontology import Focality, rexgroundingct_ontology


@dataclass(frozen=True)
class ScoredCase:
    """One case: its file's name in both folders, and what is known of its findings."""

    file: str
    categories: dict[int, str]
    """The codes of its findings by index, as far as the file gives them."""
    protocol: str | None
    exhaustive: bool
    """Whether its mask shows all that there is."""

    def focal(self, finding: int) -> bool | None:
        """Whether a finding's category is focal; None where it is neither, or not known."""
        focality = _FOCALITY.get(self.categories.get(finding, ""))
        return focality is Focality.FOCAL if focality in (Focality.FOCAL, Focality.NON_FOCAL) else None


_FOCALITY = {category.code: category.focality for category in rexgroundingct_ontology().categories}


@dataclass(frozen=True)
class SplitCases:
    """The cases of a split by name, each once."""

    cases: list[ScoredCase]
    faults: list[PredictionFault]
    """Of entries that cannot be used."""
    without_mask: list[str]
    """Names of entries without `seg_path` beside others that have one: they are not scored."""


def read_scored_cases(path: Path, split: str) -> SplitCases:
    """Give the cases of a split.

    A case's file is that of `seg_path`, or where no entry has one, its `name`. Its mask is taken as exhaustive where
    its `protocol`, or without one its split, is one of those that are drawn exhaustively.

    Raises:
        SourceError: the file cannot be read, is not JSON, or has no such split.
    """
    cases: dict[str, ScoredCase] = {}
    faults, without_mask = [], []
    entries = _entries(path, split)
    some_have_paths = any(isinstance(entry, dict) and entry.get("seg_path") for entry in entries)
    for n, entry in enumerate(entries):
        try:
            case = _case(entry, split)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            faults.append(prediction_fault("bad_entry", f"{split} {n}", f"the entry cannot be read ({error})", path))
            continue
        if some_have_paths and not entry.get("seg_path"):
            without_mask.append(case.file)
        else:
            cases.setdefault(case.file, case)
    return SplitCases([cases[file] for file in sorted(cases)], faults, sorted(without_mask))


def _entries(path: Path, split: str) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise SourceError(f"{path}: is not an object of splits")
    entries = content.get(split)
    if not isinstance(entries, list):
        known = ", ".join(key for key, value in content.items() if isinstance(value, list)) or "none"
        raise SourceError(f"{path}: has no split {split!r}; its splits are: {known}; give one by --split")
    return entries


def _case(entry: dict[str, Any], split: str) -> ScoredCase:
    file = PurePosixPath(str(entry.get("seg_path") or entry["name"])).name
    if file in ("", "..") or "\\" in file or "\0" in file:
        raise ValueError(f"{file!r} is no file name")
    categories = {int(index): str(code) for index, code in (entry.get("categories") or {}).items()}
    protocol = entry.get("protocol")
    exhaustive = AnnotationPolicy.of_protocol(protocol or split).kind is Policy.EXHAUSTIVE
    return ScoredCase(file, categories, protocol, exhaustive)
