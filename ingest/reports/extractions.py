"""Files of reports that were read elsewhere: `reports_dataset.json`, and what the published pipeline leaves behind.

The parts of a study's document are told by their shape, however they are nested and named:

rewritten:  {"Findings": {region: [sentence, ...]}, "Impressions": text}
extracted:  {"S1": [phrase, "L1,I1", abnormal, refers to a prior]}, codes into the rewritten report, then "Y" or "N"
positives:  {"P1": phrase}, the abnormal ones renumbered
categories: {"P1": "2b"}
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.faults import FaultDraft, fault
from ingest.reports.sentences import split_sentences
from schema.collection import StudyName
from schema.errors import SourceError
from schema.import_run import FaultKind, Severity
from schema.report import Region

LARGEST_FILE_BYTES = 2_000_000_000
_NAME_KEYS = ("study", "study_id", "StudyName", "name", "VolumeName", "volume", "id")
_NUMBERED = re.compile(r"[SP](\d+)")
_CODE = re.compile(r"([LHMCNBAI])\s*(\d+)")
_CATEGORY = re.compile(r"\d{1,2}[a-z]?")
_NO_TEXT = re.compile(r"\\u0000|\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]")
_NOTHING_GIVEN = re.compile(r"\s*(not given\.?|none\.?)?\s*", re.IGNORECASE)
_LETTERS = dict(zip("LHMCNBAI", Region, strict=True))
_WORDS = {
    "lung": Region.LUNGS,
    "airway": Region.LUNGS,
    "pleura": Region.LUNGS,
    "heart": Region.HEART,
    "vessel": Region.HEART,
    "mediastin": Region.MEDIASTINUM,
    "hila": Region.MEDIASTINUM,
    "chest": Region.CHEST_WALL,
    "axilla": Region.CHEST_WALL,
    "neck": Region.LOWER_NECK,
    "bone": Region.BONES,
    "abdom": Region.UPPER_ABDOMEN,
    "impression": Region.IMPRESSION,
}


@dataclass(frozen=True)
class Seen:
    """An observation as a file gives it; sentences number the rewritten ones."""

    phrase: str
    present: bool
    refers_to_prior: bool
    sentences: tuple[int, ...]
    category: str | None


@dataclass
class ExtractedReport:
    """What a file says of a study."""

    name: StudyName
    source: list[Any] = field(default_factory=list)
    """The study's documents as they came."""
    rewritten: list[tuple[Region, str]] = field(default_factory=list)
    observations: list[Seen] = field(default_factory=list)


def read_extractions(paths: Sequence[Path], faults: list[FaultDraft]) -> list[ExtractedReport]:
    """Read files, whose documents of one study belong together; what is wrong with one is added to the faults.

    Raises:
        SourceError: a file cannot be read, or holds no study.
    """
    documents: dict[str, list[Any]] = {}
    for path in paths:
        found = list(_documents(_load(path)))
        if not found:
            raise SourceError(f"{path}: names no study like 'train_1741_b', nor a volume")
        for name, document in found:
            documents.setdefault(StudyName.parse(name).study, []).append(document)
    return [
        _read(StudyName.parse(name), found, faults)
        for name, found in documents.items()
        if _is_text(name, found, faults)
    ]


def _load(path: Path) -> Any:
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise SourceError(f"{path}: is larger than {LARGEST_FILE_BYTES / 1e9:.0f} GB; part it by studies")
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: cannot be read as JSON ({error})") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _documents(value: Any) -> Iterator[tuple[str, Any]]:
    """Give what belongs to a study, by the study's name or a volume's, at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from _documents(each)
    elif isinstance(value, dict):
        own = next((value[key] for key in _NAME_KEYS if _is_name(value.get(key))), None)
        if own is not None:
            yield own, value
            return
        for key, each in value.items():
            if _is_name(key):
                yield key, each
            else:
                yield from _documents(each)


def _is_name(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        StudyName.parse(value)
    except ValueError:
        return False
    return True


def _is_text(study: str, documents: list[Any], faults: list[FaultDraft]) -> bool:
    """Whether PostgreSQL can hold it."""
    text = json.dumps(documents)
    if _NO_TEXT.search(text) is None:
        return True
    message = f"{study}: holds a NUL character, or half of a surrogate pair"
    faults.append(fault(FaultKind.UNREADABLE_FILE, message))
    return False


def _read(name: StudyName, documents: list[Any], faults: list[FaultDraft]) -> ExtractedReport:
    report = ExtractedReport(name, documents)
    parts = list(_parts(documents))
    places: dict[str, int] = {}
    for part in parts:
        if _is_rewritten(part) and not report.rewritten:
            places = _take_rewritten(report, part, faults)
    extracted = _merged(parts, _is_extracted)
    positives, categories = _merged(parts, _is_positives), _merged(parts, _is_categories)
    codes = _codes(extracted, positives, categories)
    for number, key in enumerate(sorted(extracted, key=_number)):
        phrase, said, abnormal, prior = (*extracted[key], "", "", "")[:4]
        sentences = tuple(_sentences(report, places, phrase, str(said)))
        present = str(abnormal).strip().upper().startswith("Y")
        refers_to_prior = str(prior).strip().upper().startswith("Y")
        report.observations.append(Seen(phrase, present, refers_to_prior, sentences, codes.get(number)))
    if not report.observations:
        message = f'{name.study}: there is no extraction like {{"S1": [phrase, codes, "Y", "N"]}}'
        faults.append(fault(FaultKind.MISSING_KEY, message, severity=Severity.WARNING))
    return report


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _parts(each)


def _is_rewritten(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("Findings"), dict)


def _numbered(part: Mapping[str, Any], letter: str) -> dict[str, Any]:
    return {key: each for key, each in part.items() if key[:1] == letter and _NUMBERED.fullmatch(key)}


def _is_extracted(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in _numbered(part, "S").items() if isinstance(each, list) and _is_phrase(each)}


def _is_phrase(parts: list[Any]) -> bool:
    return bool(parts) and isinstance(parts[0], str) and bool(parts[0].strip())


def _is_positives(part: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: each for key, each in _numbered(part, "P").items() if isinstance(each, str)}
    return {key: each for key, each in named.items() if not _CATEGORY.fullmatch(each.strip())}


def _is_categories(part: Mapping[str, Any]) -> dict[str, Any]:
    named = {key: each for key, each in _numbered(part, "P").items() if isinstance(each, str)}
    return {key: each.strip() for key, each in named.items() if _CATEGORY.fullmatch(each.strip())}


def _merged(parts: Sequence[dict[str, Any]], of_kind: Any) -> dict[str, Any]:
    return {key: each for part in parts for key, each in of_kind(part).items()}


def _number(key: str) -> int:
    return int(key[1:])


def _take_rewritten(report: ExtractedReport, part: dict[str, Any], faults: list[FaultDraft]) -> dict[str, int]:
    """Take a rewritten report's sentences; give the number of each by its code, such as L1."""
    places: dict[str, int] = {}
    letters = {region: letter for letter, region in _LETTERS.items()}
    for name, said in [*part["Findings"].items(), ("Impressions", part.get("Impressions"))]:
        region = next((each for word, each in _WORDS.items() if word in name.lower()), None)
        if region is None:
            message = f"{report.name.study}: {name[:40]!r} is none of the seven regions; it is not imported"
            faults.append(fault(FaultKind.BAD_KEYS, message, severity=Severity.WARNING))
            continue
        for number, text in enumerate(_texts(said), 1):
            places[f"{letters[region]}{number}"] = len(report.rewritten)
            report.rewritten.append((region, text))
    return places


def _texts(said: Any) -> list[str]:
    if isinstance(said, str):
        listed = [said[one.start : one.end] for one in split_sentences(said)]
    else:
        listed = [each.strip() for each in said if isinstance(each, str)] if isinstance(said, list) else []
    return [text for text in listed if not _NOTHING_GIVEN.fullmatch(text)]


def _sentences(report: ExtractedReport, places: Mapping[str, int], phrase: str, said: str) -> Iterator[int]:
    """Give the rewritten sentences that codes name; a phrase without any stands for its own."""
    codes = [(letter, f"{letter}{int(number)}") for letter, number in _CODE.findall(said)]
    found = [places[code] for _, code in codes if code in places]
    if not found:
        found = [len(report.rewritten)]
        report.rewritten.append((_LETTERS[codes[0][0]] if codes else Region.LUNGS, phrase))
    yield from dict.fromkeys(found)


def _codes(extracted: Mapping[str, Any], positives: Mapping[str, str], categories: Mapping[str, str]) -> dict[int, str]:
    """Give the category of observations by their number: by the words of the positive, or else by its place."""
    keys = sorted(extracted, key=_number)
    phrases = [extracted[key][0] for key in keys]
    abnormal = [n for n, key in enumerate(keys) if str((*extracted[key], "", "")[2]).strip().upper().startswith("Y")]
    found: dict[int, str] = {}
    for key, code in categories.items():
        same = [n for n in abnormal if phrases[n] == positives.get(key) and n not in found]
        place = _number(key) - 1
        if same:
            found[same[0]] = code
        elif key not in positives and place < len(abnormal):
            found[abnormal[place]] = code
    return found
