"""Reading dataset.json: the cases of a file in the ReXGroundingCT layout, and what is wrong with its words.

Knows no database and opens no other file.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ingest.faults import CaseLeftOut, FaultDraft, fault
from schema.annotation import AnnotationPolicy
from schema.collection import ScanName
from schema.errors import SourceError
from schema.import_run import FaultKind
from schema.ontology import assignable_codes

SPLITS = ("train", "val", "test")
T = TypeVar("T")

_COUNTS_END = 2**31
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL and halves of characters: JSON can hold them, a text of the database cannot."""


@dataclass(frozen=True)
class CaseFinding:
    """One finding of a case, at its index; counts are what the file declares, None where it declares none."""

    index: int
    text: str
    category: str | None
    declared_entities: int | None
    declared_voxels: int | None
    present: bool = True
    refers_to_prior: bool | None = None
    policy: AnnotationPolicy | None = None
    """None: what the case's protocol says."""


@dataclass(frozen=True)
class Case:
    """One scan of the file."""

    name: ScanName
    split: str
    protocol: str | None
    shape_vox: tuple[int, int, int]
    findings: tuple[CaseFinding, ...]
    source_sha256: str
    """sha256 of the case's own JSON."""
    faults: tuple[FaultDraft, ...] = ()

    @property
    def declares_counts(self) -> bool:
        """Whether the file says what the mask holds; rows of a withheld test do not."""
        return any(f.declared_entities is not None or f.declared_voxels is not None for f in self.findings)


@dataclass
class CaseFile:
    """What was read: the cases that can be used, and the faults of the others and of the file as a whole."""

    path: Path
    sha256: str
    cases: list[Case] = field(default_factory=list)
    left_out: list[tuple[str, tuple[FaultDraft, ...]]] = field(default_factory=list)
    """Name and faults of each case that cannot be used."""
    leaks: list[FaultDraft] = field(default_factory=list)
    """Patients who stand in two splits."""


def read_case_file(path: Path) -> CaseFile:
    """Read a dataset.json or a file of the same form.

    Raises:
        SourceError: it cannot be read, is not JSON (with line and column), or is no object of splits.
    """
    content = _read_bytes(path)
    splits = _parse_splits(path, content)
    result = CaseFile(path, hashlib.sha256(content).hexdigest())
    repeated = {name for name, n in Counter(_names(splits)).items() if n > 1}
    for split, raw in ((split, raw) for split, cases in splits.items() for raw in cases):
        try:
            result.cases.append(_parse_case(raw, split, path, repeated))
        except CaseLeftOut as error:
            if (one := (_label(raw, split), error.faults)) not in result.left_out:
                result.left_out.append(one)
    result.leaks = list(_leaks(result.cases, path))
    return result


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _parse_splits(path: Path, content: bytes) -> dict[str, list[Any]]:
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise SourceError(
            f"{path}: line {error.lineno}, column {error.colno}: {error.msg}; mend the JSON file"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise SourceError(f"{path}: is nested too deeply for a dataset file; mend the JSON file") from error
    except ValueError as error:  # the interpreter's limit on the digits of a number
        raise SourceError(f"{path}: holds a number of thousands of digits; mend the JSON file") from error
    if not isinstance(document, dict) or not set(document) & set(SPLITS):
        raise SourceError(
            f'{path}: is not a dataset file; it should be {{"train": [...], "val": [...], "test": [...]}}'
        )
    if wrong := [split for split, cases in document.items() if not isinstance(cases, list)]:
        raise SourceError(f'{path}: "{wrong[0]}" should be a list of cases')
    return document


def _names(splits: dict[str, list[Any]]) -> Iterator[str]:
    for cases in splits.values():
        for raw in cases:
            if isinstance(raw, dict) and isinstance(raw.get("name"), str):
                yield raw["name"].removesuffix(".nii.gz")


def _label(raw: object, split: str) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return _shown_name(name) if isinstance(name, str) else f"a case of {split}"


def _shown_name(name: str) -> str:
    """Give a name, whatever it holds, as one line that the database can keep."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name.removesuffix(".nii.gz"))


class _Reader:
    """Takes values out of one case and says what is wrong with them."""

    def __init__(self, raw: dict[str, Any], path: Path) -> None:
        self.raw = raw
        self.path = path
        self.scan = _shown_name(raw["name"]) if isinstance(raw.get("name"), str) else None

    def fault(self, kind: FaultKind, message: str, finding: int | None = None) -> FaultDraft:
        return fault(kind, message, scan=self.scan, finding=finding, path=self.path)

    def leave_out(self, kind: FaultKind, message: str, finding: int | None = None) -> CaseLeftOut:
        return CaseLeftOut(self.fault(kind, message, finding))

    def need(self, key: str, kind: type[T]) -> T:
        if key not in self.raw:
            raise self.leave_out(FaultKind.MISSING_KEY, f'the case has no "{key}"')
        value = self.raw[key]
        if not isinstance(value, kind):
            raise self.leave_out(FaultKind.WRONG_TYPE, f'"{key}" is {_type(value)}, not {kind.__name__}')
        return value

    def by_index(self, key: str, kind: type[T], indices: range) -> list[T | None]:
        """Give a dict of the case by finding index; all None where the case has no such key."""
        if key not in self.raw:
            return [None for _ in indices]
        values = self.need(key, dict)
        if sorted(values) != sorted(str(i) for i in indices):
            message = f'"{key}" has the keys {_shown(values)}, the findings are 0 to {len(indices) - 1}'
            raise self.leave_out(FaultKind.BAD_KEYS, message)
        return [self._typed(key, index, values[str(index)], kind) for index in indices]

    def _typed(self, key: str, index: int, value: object, kind: type[T]) -> T:
        if not isinstance(value, kind) or isinstance(value, bool):
            message = f'"{key}" of finding {index} is {_type(value)}, not {kind.__name__}'
            raise self.leave_out(FaultKind.WRONG_TYPE, message, index)
        if isinstance(value, int) and not 0 <= value < _COUNTS_END:
            raise self.leave_out(FaultKind.WRONG_TYPE, f'"{key}" of finding {index} is {value}, not a count', index)
        if isinstance(value, str) and (wrong := _UNSTORABLE.search(value)):
            message = f'"{key}" of finding {index} holds the character {wrong[0]!a}, which is no text'
            raise self.leave_out(FaultKind.WRONG_TYPE, message, index)
        return value


def _type(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _shown(keys: object) -> str:
    return ", ".join(json.dumps(key) for key in list(keys)[:6])  # type: ignore[call-overload]


def _parse_case(raw: object, split: str, path: Path, repeated: set[str]) -> Case:
    if not isinstance(raw, dict):
        raise CaseLeftOut(fault(FaultKind.WRONG_TYPE, f'a case of "{split}" is {_type(raw)}, not an object', path=path))
    reader = _Reader(raw, path)
    name = _parse_name(reader)
    if name.scan in repeated:
        raise reader.leave_out(FaultKind.DUPLICATE_SCAN, "the file has more than one case of this name; none comes in")
    findings, faults = _parse_findings(reader)
    protocol = raw.get("protocol")
    if protocol is not None and (not isinstance(protocol, str) or _UNSTORABLE.search(protocol)):
        raise reader.leave_out(FaultKind.WRONG_TYPE, f'"protocol" is {json.dumps(protocol)}, not a text')
    digest = hashlib.sha256(json.dumps([split, raw], sort_keys=True).encode()).hexdigest()
    return Case(name, split, protocol, _parse_shape(reader), findings, digest, tuple(faults))


def _parse_name(reader: _Reader) -> ScanName:
    try:
        return ScanName.parse(reader.need("name", str))
    except ValueError as error:
        raise reader.leave_out(FaultKind.BAD_NAME, str(error)) from None


def _parse_shape(reader: _Reader) -> tuple[int, int, int]:
    shape = reader.need("shape", list)
    if len(shape) != 3 or not all(type(n) is int and 0 < n < 2**15 for n in shape):
        raise reader.leave_out(FaultKind.WRONG_TYPE, f'"shape" is {json.dumps(shape)}, not three positive numbers')
    return shape[0], shape[1], shape[2]


def _parse_findings(reader: _Reader) -> tuple[tuple[CaseFinding, ...], list[FaultDraft]]:
    texts = reader.need("findings", dict)
    indices = range(len(texts))
    if set(texts) != {str(i) for i in indices}:
        message = f'"findings" has the keys {_shown(texts)}, not 0 to {len(texts) - 1}'
        raise reader.leave_out(FaultKind.BAD_KEYS, message)
    words, categories = reader.by_index("findings", str, indices), reader.by_index("categories", str, indices)
    entities, voxels = reader.by_index("entity_counts", int, indices), reader.by_index("pixels", int, indices)
    more = [_parse_more(reader, i) for i in indices]
    categories = [category or each.pop("category", None) for category, each in zip(categories, more, strict=True)]
    findings = tuple(CaseFinding(i, words[i] or "", categories[i], entities[i], voxels[i], **more[i]) for i in indices)
    return findings, [one for finding in findings for one in _word_faults(reader, finding)]


def _parse_more(reader: _Reader, index: int) -> dict[str, Any]:
    """Read what our own export says of a finding under the case's key `groundct`, where it says anything."""
    said = reader.raw.get("groundct", {})
    kinds = {"present": bool, "refers_to_prior": bool, "policy": str, "categories": str}
    if not isinstance(said, dict) or not all(isinstance(each, dict) for each in said.values()):
        raise reader.leave_out(FaultKind.WRONG_TYPE, '"groundct" is not an object of objects by finding')
    found = {name: said[name][str(index)] for name in kinds if str(index) in said.get(name, {})}
    if wrong := [name for name, value in found.items() if not isinstance(value, kinds[name])]:
        message = f'"groundct": "{wrong[0]}" of finding {index} is {_type(found[wrong[0]])}'
        raise reader.leave_out(FaultKind.WRONG_TYPE, message, index)
    if "categories" in found:
        found["category"] = found.pop("categories")
    try:
        return found | ({"policy": AnnotationPolicy.parse(found["policy"])} if "policy" in found else {})
    except ValueError as error:
        raise reader.leave_out(FaultKind.WRONG_TYPE, f'"groundct": {error}', index) from None


def _word_faults(reader: _Reader, finding: CaseFinding) -> Iterator[FaultDraft]:
    if not finding.text.strip():
        yield reader.fault(FaultKind.EMPTY_TEXT, "the finding has no text", finding.index)
    if finding.category is not None and finding.category not in assignable_codes():
        message = f"{json.dumps(finding.category)} is not a code of the ontology"
        yield reader.fault(FaultKind.UNKNOWN_CATEGORY, message, finding.index)


def _leaks(cases: list[Case], path: Path) -> Iterator[FaultDraft]:
    places: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        places[case.name.patient].append(case)
    for patient, scans in sorted(places.items()):
        if len({case.split for case in scans}) > 1:
            scans.sort(key=lambda case: case.name.scan)
            where = ", ".join(f"{case.name.scan} in {case.split}" for case in scans)
            message = f"patient {patient} stands in two splits: {where}"
            yield fault(FaultKind.PATIENT_IN_TWO_SPLITS, message, scan=scans[0].name.scan, path=path)
