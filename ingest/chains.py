"""Reading a file of chains of thought, such as anatomical_cot.json: tolerant of how it is laid out. Knows no database.

Accepted are an object of scans, each with an object or list of chains by finding, and a list of records that name their
scan and finding; splits may stand above either. A chain is a list of steps, an object of them, or a text of lines.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.faults import FaultDraft, fault
from schema.errors import SourceError
from schema.import_run import FaultKind
from schema.reasoning import ReasoningLevel

MOST_BYTES = 2**30
MOST_STEPS = 100
MOST_CHARACTERS = 20_000
"""Of a step's text."""

_SPLITS = {"train", "val", "valid", "test"}
_SCAN = (
    "name",
    "scan",
    "scan_name",
    "volume",
    "volume_name",
    "volumename",
    "file",
    "file_name",
    "filename",
    "case",
    "case_id",
)
_FINDING = ("finding_index", "finding_idx", "finding_id", "finding_key", "index", "idx", "finding", "finding_text")
_CHAINS = ("findings", "chains", "cots", "anatomical_cot")
_STEPS = ("steps", "chain", "cot", "reasoning", "chain_of_thought", "anatomical_cot", "thoughts", "path")
_TEXT = ("text", "description", "sentence", "thought", "reasoning", "content", "caption", "statement")
_BOX = ("box", "bbox", "bounding_box", "boundingbox", "box_3d", "bbox_3d", "coordinates")
_LEVEL = ("level", "step_name", "stage", "type", "name", "step")
_PLACE = ("place", "location", "region", "anatomy", "structure", "organ", "label")
_FRAME = ("box_frame", "frame", "coordinate_system", "coordinates_in", "space", "unit", "units")
_CORNERS = (("min", "max"), ("start", "end"), ("low", "high"))
_LINES = re.compile(r"\s*(?:\r?\n|->|→|⇒)\s*")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

_LEVEL_WORDS: tuple[tuple[ReasoningLevel, str], ...] = (
    (ReasoningLevel.LESION, r"lesion|finding|abnormality|entity"),
    (ReasoningLevel.SEGMENT, r"segment"),
    (ReasoningLevel.LOBE, r"lobe|lingula"),
    (ReasoningLevel.STRUCTURE, r"structure|airway|bronch|vessel|pleura|mediastin|organ"),
    (ReasoningLevel.SIDE, r"side|lung|hemithorax|laterality"),
    (ReasoningLevel.SCAN, r"scan|whole|volume|image|ct"),
)


@dataclass(frozen=True)
class ReadStep:
    """One step; what is not recognised of it is None."""

    text: str
    level: ReasoningLevel | None = None
    place: str | None = None
    box_source: tuple[float, ...] | None = None
    box_frame: str | None = None


@dataclass(frozen=True)
class ReadChain:
    """A chain about one finding of one scan."""

    scan: str
    finding: int | str
    """Its index, or its words."""
    steps: tuple[ReadStep, ...]
    source: Any
    """As it came."""


@dataclass(frozen=True)
class _Found:
    """A chain before its steps are read."""

    scan: str
    finding: int | str
    value: Any


class _Unreadable(ValueError):
    """A part of the file that is no chain."""


def read_chains(path: Path) -> Iterator[ReadChain | FaultDraft]:
    """Give the chains of a file, and a fault for each part that is none.

    Raises:
        SourceError: the file cannot be read, is larger than any such file, or is no JSON of objects and lists.
    """
    for found in _walk(_load(path)):
        if isinstance(found, FaultDraft):
            yield found
            continue
        try:
            yield ReadChain(found.scan, found.finding, tuple(_steps(found.value)), found.value)
        except _Unreadable as error:
            index = found.finding if isinstance(found.finding, int) else None
            yield fault(FaultKind.WRONG_TYPE, str(error), scan=found.scan, finding=index, path=path)


def _load(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError(f"{path}: is larger than {MOST_BYTES >> 30} GiB; no such file is, so it was not read")
        document = json.loads(path.read_text("utf-8-sig"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(document, dict | list):
        raise SourceError(f"{path}: is neither a JSON object nor a list")
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _walk(document: Any) -> Iterator[_Found | FaultDraft]:
    if isinstance(document, list):
        for number, record in enumerate(document):
            yield from _record(record, f"record {number}")
    elif document and document.keys() <= _SPLITS:
        for part in document.values():
            yield from _walk(part) if isinstance(part, dict | list) else [_strange("a split is no object or list")]
    elif _get(document, _SCAN) is not None:
        yield from _record(document, "the record")
    else:
        for scan, chains in document.items():
            yield from _of_scan(scan, chains)


def _strange(message: str, scan: str | None = None) -> FaultDraft:
    return fault(FaultKind.WRONG_TYPE, message, scan=scan)


def _record(record: Any, where: str) -> Iterator[_Found | FaultDraft]:
    scan = _get(record, _SCAN) if isinstance(record, dict) else None
    if not isinstance(scan, str):
        yield _strange(f"{where} names no scan")
        return
    yield from _of_scan(scan, record)


def _of_scan(scan: str, chains: Any) -> Iterator[_Found | FaultDraft]:
    if isinstance(chains, dict):
        if (finding := _get(chains, _FINDING)) is not None and isinstance(finding, int | str):
            yield _Found(scan, _finding(finding), chains)
        elif (below := _get(chains, _CHAINS)) is not None:
            yield from _of_scan(scan, below)
        else:
            yield from (_Found(scan, _finding(key), value) for key, value in chains.items())
    elif isinstance(chains, list):
        for number, value in enumerate(chains):
            named = _get(value, _FINDING) if isinstance(value, dict) else None
            yield _Found(scan, _finding(number if named is None else named), value)
    else:
        yield _strange("what stands under the scan is neither an object nor a list", scan)


def _finding(key: Any) -> int | str:
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    text = str(key).strip()
    match = re.fullmatch(r"(?:finding[\s_-]*)?(\d{1,4})", text, re.IGNORECASE)
    return int(match[1]) if match else text


def _steps(chain: Any) -> Iterator[ReadStep]:
    listed = _listed(chain)
    if not listed:
        raise _Unreadable("the chain has no step that can be read")
    if len(listed) > MOST_STEPS:
        raise _Unreadable(f"the chain has {len(listed)} steps; {MOST_STEPS} at most")
    for value in listed:
        step = _step(value)
        if len(step.text) > MOST_CHARACTERS:
            raise _Unreadable(f"a step has {len(step.text)} characters; {MOST_CHARACTERS:,} at most")
        yield step
    if not all(_is_storable(each) for each in _leaves(chain)):
        raise _Unreadable("it holds characters or numbers that a database cannot")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from (leaf for each in value.values() for leaf in _leaves(each))
    elif isinstance(value, list):
        yield from (leaf for each in value for leaf in _leaves(each))
    else:
        yield value


def _is_storable(leaf: Any) -> bool:
    return math.isfinite(leaf) if isinstance(leaf, float) else not _UNSTORABLE.search(str(leaf))


def _listed(chain: Any) -> list[Any]:
    if isinstance(chain, str):
        return [line for line in _LINES.split(chain.strip()) if line]
    if isinstance(chain, list):
        return chain
    if isinstance(chain, dict):
        if (below := _get(chain, _STEPS)) is not None:
            return _listed(below)
        named = {*_FINDING, *_SCAN}
        return [_with_level(key, value) for key, value in chain.items() if key.lower() not in named]
    raise _Unreadable(f"the chain is neither steps nor text but {type(chain).__name__}")


def _with_level(level: str, value: Any) -> dict[str, Any]:
    return {"level": level, **value} if isinstance(value, dict) else {"level": level, "text": value}


def _step(value: Any) -> ReadStep:
    if isinstance(value, str):
        return ReadStep(value.strip(), _level(value))
    if not isinstance(value, dict):
        raise _Unreadable(f"a step is neither text nor object but {type(value).__name__}")
    text, place, level = (_words(_get(value, names)) for names in (_TEXT, _PLACE, _LEVEL))
    said = text or place or level or ""
    known = next((found for words in (level, place, text) if words and (found := _level(words))), None)
    return ReadStep(said, known, place, _box(_get(value, _BOX)), _words(_get(value, _FRAME)))


def _words(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _level(words: str) -> ReasoningLevel | None:
    """Give the narrowest level whose word stands in the words before any colon, or in all of them."""
    head = words.split(":", 1)[0] if ":" in words else words
    for level, pattern in _LEVEL_WORDS:
        if re.search(rf"\b(?:{pattern})", head, re.IGNORECASE):
            return level
    return None


def _box(value: Any) -> tuple[float, ...] | None:
    """Read six numbers: in a row, as two corners, or by name; None for anything else."""
    if isinstance(value, dict):
        value = _corners(value)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, list) for each in value):
        value = [*value[0], *value[1]]
    if not isinstance(value, list) or len(value) != 6:
        return None
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in value):
        return None
    return tuple(float(n) for n in value)


def _corners(box: Mapping[str, Any]) -> list[Any] | None:
    keys = {key.lower().replace("_", ""): value for key, value in box.items()}
    for low, high in _CORNERS:
        if low in keys and high in keys:
            return [keys[low], keys[high]]
        named = [f"{axis}{end}" for end in (low, high) for axis in "xyz"]
        if all(name in keys for name in named):
            return [keys[name] for name in named]
    return None


def _get(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Give the value of the first of several keys, in any case, spelled with `_`, `-` or a space; None without any."""
    keys = {re.sub(r"[\s-]", "_", key.lower()): key for key in value}
    return next((value[keys[name]] for name in names if name in keys), None)
