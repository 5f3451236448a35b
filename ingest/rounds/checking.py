"""Holding a sidecar and its folder against the archive, before anything is written: every problem, by line."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from ingest.faults import CaseLeftOut
from ingest.frames import ScanGrid, read_placed
from ingest.rounds.campaign import Wanted
from ingest.rounds.sidecar import SidecarRow, file_name
from schema.annotation import AnnotationState
from schema.errors import SourceError

STATUSES = {each.value: each for each in (AnnotationState.DRAFT, AnnotationState.SUBMITTED)}
_ENDINGS = (".nii.gz", ".nii")
_UNLABELLED = ("imagesTr", "imagesTs")


@dataclass(frozen=True)
class Problem:
    """Something wrong with a sidecar or its folder, and what to do about it."""

    line: int | None
    """Of the sidecar; None for what is about a file that no row names."""
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.message}; {self.remedy}"


class SidecarRefused(SourceError):
    """A sidecar and its folder do not fit each other or the archive; nothing was taken."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        super().__init__(f"{path}: {problems[0]}{more}; nothing was taken")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Return:
    """What came back of one finding by one annotator."""

    wanted: Wanted
    annotator: str
    state: AnnotationState
    path: Path
    labels: tuple[int, ...] | None
    """Those of the file that are meant, ascending; None: all."""
    shared: bool
    """Whether the file holds other findings too; then its labels are counted from 1 for each."""


@dataclass(frozen=True)
class Archived:
    """What the archive knows of what a sidecar may name."""

    scans: frozenset[str]
    findings: Mapping[tuple[str, int], Wanted]
    """By scan and index, those that the round is about."""
    annotators: frozenset[str]
    handed_out: Mapping[str, frozenset[UUID]]
    """What each annotator was given in this round and was not withdrawn; nothing where all of it was."""


def may_bring(handed_out: Mapping[str, frozenset[UUID]], annotator: str, finding: UUID) -> bool:
    """Tell whether an annotator may bring a finding; whoever was never given any may bring any."""
    given = handed_out.get(annotator)
    return given is None or finding in given


class SidecarCheck:
    """Checks the rows of one sidecar."""

    def __init__(self, folder: Path, sidecar: Path, archived: Archived, annotator: str | None) -> None:
        self.folder = folder
        self.sidecar = sidecar
        self.archived = archived
        self.annotator = annotator
        self.problems: list[Problem] = []
        self.names = read_label_names(folder)

    def returns(self, rows: Sequence[SidecarRow]) -> list[Return]:
        """Give what came back, in the order of the sidecar.

        Raises:
            SidecarRefused: there is any problem.
        """
        placed = [(row, place) for row in rows if (place := self._place(row)) is not None]
        groups: dict[tuple[UUID, str], list[tuple[SidecarRow, _Place]]] = defaultdict(list)
        for row, place in placed:
            groups[place.wanted.id, place.annotator].append((row, place))
        found = [self._joined(each) for each in groups.values()]
        if not self.problems:
            self._check_files([place for _, place in placed])
        if not self.problems:
            self._check_labels(placed)
        if self.problems:
            raise SidecarRefused(self.sidecar, sorted(self.problems, key=lambda each: each.line or 0))
        findings = _by_file(placed)
        return [
            Return(place.wanted, place.annotator, place.state, place.path, labels, len(findings[place.path]) > 1)
            for place, labels in found
        ]

    def _place(self, row: SidecarRow) -> "_Place | None":
        before = len(self.problems)
        wanted, annotator, state = self._wanted(row), self._annotator(row), self._state(row)
        path, labels = self._path(row, wanted), self._labels(row)
        if len(self.problems) > before or wanted is None or annotator is None or state is None or path is None:
            return None
        if not may_bring(self.archived.handed_out, annotator, wanted.id):
            message = f"finding {row.finding} of {row.scan} was not handed out to {annotator}, or was withdrawn"
            self._tell(row, message, "take the row out")
            return None
        return _Place(wanted, annotator, state, path, labels)

    def _tell(self, row: SidecarRow, message: str, remedy: str) -> None:
        self.problems.append(Problem(row.line, message, remedy))

    def _wanted(self, row: SidecarRow) -> Wanted | None:
        name = row.scan.removesuffix(".nii.gz")
        if name not in self.archived.scans:
            self._tell(row, f"there is no scan {row.scan!r}", "name a scan of the round's collection")
            return None
        index = int(row.finding) if row.finding.isdecimal() and len(row.finding) < 10 else -1
        wanted = self.archived.findings.get((name, index))
        if wanted is None:
            indices = sorted(each for scan, each in self.archived.findings if scan == name)
            known = ", ".join(map(str, indices[:20])) or "none"
            self._tell(row, f"{name} has no finding {row.finding!r} in this round", f"its findings are: {known}")
            return None
        if row.text and _plain(row.text) != _plain(wanted.text):
            message = f"the row's words are not those of finding {row.finding} of {name}"
            self._tell(row, message, "was one column sorted alone? Give the row its own words, or none")
        return wanted

    def _annotator(self, row: SidecarRow) -> str | None:
        name = row.annotator or self.annotator
        if not name:
            self._tell(row, "the row names no annotator", "fill the column, or say --annotator NAME")
        elif self.annotator and name != self.annotator:
            self._tell(row, f"the row is {name}'s, and --annotator says {self.annotator}", "leave one of them out")
        elif name not in self.archived.annotators:
            remedy = f"`groundct person add {name} --role annotator` adds one"
            self._tell(row, f"there is no annotator {name!r}", remedy)
        else:
            return name
        return None

    def _state(self, row: SidecarRow) -> AnnotationState | None:
        state = STATUSES.get(row.status.lower())
        if state is None:
            self._tell(row, f"{row.status!r} is no status of a row", f"write {' or '.join(STATUSES)}")
        return state

    def _path(self, row: SidecarRow, wanted: Wanted | None) -> Path | None:
        if wanted is None:
            return None
        name = row.file or file_name(wanted.scan, wanted.index)
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            self._tell(row, f"the file {name!r} is not within the folder", "name files by their place below it")
            return None
        candidates = [path, *(path.with_name(path.name + ending) for ending in _ENDINGS)]
        candidates += [path.with_name(path.name.removesuffix(".gz"))]
        found = next((each for each in candidates if each.is_file()), None)
        if found is None:
            self._tell(row, f"there is no file {name}", "bring the file, or take the row out")
        return found

    def _labels(self, row: SidecarRow) -> tuple[int, ...]:
        values: list[int] = []
        for word in filter(None, (part.strip() for part in row.label.split(";"))):
            if word.isdecimal() and 0 < int(word) < 2**16:
                values.append(int(word))
            elif word in self.names:
                values += self.names[word]
            else:
                self._tell(row, f"{word!r} is no label", "write labels as 1;2;3, or as dataset.json names them")
        return tuple(sorted(set(values)))

    def _joined(self, rows: "Sequence[tuple[SidecarRow, _Place]]") -> "tuple[_Place, tuple[int, ...] | None]":
        """Make one of the rows of one finding by one annotator."""
        (first, place), last = rows[0], rows[-1][0]
        if len({(each.path, each.state) for _, each in rows}) > 1:
            message = f"finding {first.finding} of {first.scan} has rows of different files or statuses"
            self._tell(last, message, f"see line {first.line}; give all of them the same")
        labels = [label for _, each in rows for label in each.labels]
        if len(labels) != len(set(labels)) or (len(rows) > 1 and not all(each.labels for _, each in rows)):
            message = f"finding {first.finding} of {first.scan} has two rows for the same"
            self._tell(last, message, f"see line {first.line}; keep one row for each label")
        return place, tuple(sorted(labels)) or None

    def _check_files(self, places: "Sequence[_Place]") -> None:
        """Find files beside those that rows name, which no row names."""
        named = {each.path for each in places}
        for folder in sorted({path.parent for path in named}):
            for path in sorted(folder.iterdir()):
                drawn = path.name.endswith(_ENDINGS) and not path.name.startswith(".") and path.is_file()
                if drawn and path not in named and folder.name not in _UNLABELLED:
                    message = f"{path.relative_to(self.folder)} has no row"
                    self.problems.append(Problem(None, message, "add its row, or take the file out"))

    def _check_labels(self, placed: "Sequence[tuple[SidecarRow, _Place]]") -> None:
        """Hold labels that rows name against those of their files."""
        by_file: dict[Path, list[tuple[SidecarRow, _Place]]] = defaultdict(list)
        for row, place in placed:
            by_file[place.path].append((row, place))
        for path, rows in by_file.items():
            if any(place.labels for _, place in rows) or len(_by_file(rows)[path]) > 1:
                self._check_file(path, rows)

    def _check_file(self, path: Path, rows: "Sequence[tuple[SidecarRow, _Place]]") -> None:
        name = path.relative_to(self.folder)
        if len({place.wanted.scan for _, place in rows}) > 1:
            self._tell(rows[-1][0], f"{name} has rows of several scans", "a file is about one scan")
            return
        if len(_by_file(rows)[path]) > 1 and not all(place.labels for _, place in rows):
            row = next(row for row, place in rows if not place.labels)
            self._tell(row, f"{name} holds several findings", "say in the label column which labels are whose")
            return
        try:
            drawn = set(read_labels_of(path, rows[0][1].wanted.grid))
        except CaseLeftOut:
            return  # it is told when the file is read
        owner: dict[int, SidecarRow] = {}
        for row, place in rows:
            for label in place.labels:
                if label not in drawn:
                    self._tell(row, f"{name} has no label {label}", "draw it, or take it out of the row")
                if label in owner:
                    message = f"label {label} of {name} is given to two findings"
                    self._tell(row, message, f"see line {owner[label].line}")
                owner[label] = row
        for label in sorted(drawn - set(owner)):
            self._tell(rows[-1][0], f"label {label} of {name} has no row", "name it in a row, or erase it")


@dataclass(frozen=True)
class _Place:
    """What a row means."""

    wanted: Wanted
    annotator: str
    state: AnnotationState
    path: Path
    labels: tuple[int, ...]


def _by_file(placed: "Sequence[tuple[SidecarRow, _Place]]") -> dict[Path, set[tuple[UUID, str]]]:
    found: dict[Path, set[tuple[UUID, str]]] = defaultdict(set)
    for _, place in placed:
        found[place.path].add((place.wanted.id, place.annotator))
    return found


def _plain(words: str) -> str:
    return " ".join(words.split())


def read_labels_of(path: Path, grid: ScanGrid) -> list[int]:
    """Give the labels that a file holds, ascending.

    Raises:
        CaseLeftOut: it cannot be read.
    """
    labels: list[int] = read_placed(path, grid)[0].labels().tolist()
    return labels


def read_label_names(folder: Path) -> dict[str, tuple[int, ...]]:
    """Give the labels that an nnU-Net folder's dataset.json names, with a region's several; none without the file.

    Raises:
        SourceError: the file cannot be used.
    """
    path = folder / "dataset.json"
    if not path.is_file():
        return {}
    try:
        named = json.loads(path.read_text("utf-8")).get("labels", {})
        return dict(_label_names(named))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SourceError(f'{path}: its "labels" cannot be read ({error}); write {{"name": 1, ...}}') from error


def _label_names(named: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Both ways round: {"nodule": 1}, as today, and {"1": "nodule"}, as once."""
    for name, value in named.items():
        if isinstance(value, str) and name.isdecimal():
            yield value, (int(name),)
        else:
            yield name, tuple(int(each) for each in (value if isinstance(value, list) else [value]))
