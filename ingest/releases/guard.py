"""What must not stand in two splits: a patient, a volume, a report with findings. What nearly does is named too."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from scipy.sparse import csr_array
from sqlmodel import Session, col

from schema.errors import SourceError
from schema.finding import Finding
from schema.release import LeakKind
from schema.report import Report
from schema.scan import Patient, Scan, Study, Volume

NEAR = 0.9
"""Reports whose runs of five words are shared to this part, or more, of all that both have, are near-duplicates."""
_RUN = 5
_ROWS = 512
"""Reports that are compared with all others at a time."""
EVERY = "*"


@dataclass(frozen=True, order=True)
class Leak:
    """One thing in two splits: two scans, by name, the first before the second."""

    kind: LeakKind
    one: str
    other: str
    what: str
    """The patient, the volume's digest, or the report's study."""


class Waiver(BaseModel):
    """A leak that a release is to have knowingly; `*` on both sides stands for every pair of its kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LeakKind
    one: str
    other: str
    reason: str

    def covers(self, leak: Leak) -> bool:
        """Tell whether it names the leak."""
        named = {self.one.removesuffix(".nii.gz"), self.other.removesuffix(".nii.gz")}
        return self.kind is leak.kind and named in ({EVERY}, {leak.one, leak.other})


@dataclass(frozen=True)
class NearReports:
    """Two scans in two splits whose reports nearly say the same."""

    one: str
    other: str
    alike: float


@dataclass(frozen=True)
class _Guarded:
    scan: str
    split: str
    patient: str
    volume: str | None
    study: str
    words: tuple[str, ...]
    """Of the findings and the impression, in lower case; none where the study has no report or no finding."""


def read_waivers(path: Path) -> list[Waiver]:
    """Read a JSON list of `{"kind", "one", "other", "reason"}`.

    Raises:
        SourceError: it cannot be read, or is something else.
    """
    try:
        return TypeAdapter(list[Waiver]).validate_python(json.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as JSON ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise SourceError(f"{path}: {place}: {first['msg']}; a waiver has kind, one, other and reason") from error


class Guard:
    """Looks at the scans of a release that is being made."""

    def __init__(self, session: Session, splits: Mapping[UUID, str]) -> None:
        self._scans = list(_guarded(session, splits))

    def leaks(self) -> list[Leak]:
        """Give every pair of scans in two splits that share a patient, voxels or a report."""
        found = [
            *self._pairs(LeakKind.PATIENT, {scan.scan: scan.patient for scan in self._scans}),
            *self._pairs(LeakKind.VOLUME, {scan.scan: scan.volume for scan in self._scans if scan.volume}),
            *self._pairs(LeakKind.REPORT, {scan.scan: _digest(scan.words) for scan in self._scans if scan.words}),
        ]
        return sorted(found)

    def _pairs(self, kind: LeakKind, keys: Mapping[str, str]) -> Iterator[Leak]:
        """A report of one study is one report: its scans are told by their patient."""
        known = {scan.scan: scan for scan in self._scans}
        groups: dict[str, list[str]] = defaultdict(list)
        for scan, key in keys.items():
            groups[key].append(scan)
        for key, scans in groups.items():
            for one, other in combinations(sorted(scans), 2):
                same_study = known[one].study == known[other].study
                if known[one].split != known[other].split and not (kind is LeakKind.REPORT and same_study):
                    yield Leak(kind, one, other, key)

    def near_reports(self) -> list[NearReports]:
        """Give the pairs in two splits whose reports nearly say the same, the most alike first."""
        scans = [scan for scan in self._scans if len(scan.words) >= _RUN]
        pairs = _near_pairs([scan.words for scan in scans])
        found = [
            NearReports(scans[n].scan, scans[m].scan, alike)
            for n, m, alike in pairs
            if scans[n].split != scans[m].split and scans[n].words != scans[m].words
        ]
        return sorted(found, key=lambda near: (-near.alike, near.one, near.other))


def _guarded(session: Session, splits: Mapping[UUID, str]) -> Iterator[_Guarded]:
    report = sa.select(col(Report.study_id), col(Report.findings), col(Report.impression))
    report = report.where(sa.or_(col(Report.language).startswith("en"), col(Report.language) == "und"))
    texts = {study: (findings, impression) for study, findings, impression in session.execute(report)}
    drawn = sa.exists().where(col(Finding.scan_id) == col(Scan.id)).label("drawn")
    query = (
        sa.select(col(Scan.id), col(Scan.name), col(Patient.key), col(Volume.digest), col(Study.id), drawn)
        .add_columns(col(Study.name))
        .join(Study, col(Study.id) == col(Scan.study_id))
        .join(Patient, col(Patient.id) == col(Study.patient_id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .where(col(Scan.id) == sa.any_(sa.literal(list(splits), sa.ARRAY(sa.Uuid()))))
        .order_by(col(Scan.name))
    )
    for key, name, patient, volume, study, has_finding, study_name in session.execute(query):
        words = _words(texts.get(study, ())) if has_finding else ()
        yield _Guarded(name, splits[key], patient, volume, study_name, words)


def _words(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", " ".join(text or "" for text in texts).lower()))


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def _near_pairs(texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, int, float]]:
    """Give (n, m, share) for n < m whose sets of runs of words have a Jaccard index of `NEAR` or more."""
    if not texts:
        return
    numbers: dict[tuple[str, ...], int] = {}
    runs = [
        {numbers.setdefault(run, len(numbers)) for run in zip(*(words[n:] for n in range(_RUN)), strict=False)}
        for words in texts
    ]
    sizes = np.array([len(each) for each in runs])
    columns = np.array([number for each in runs for number in sorted(each)])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    table = csr_array((np.ones(len(columns), np.int32), columns, starts), shape=(len(texts), len(numbers)))
    for start in range(0, len(texts), _ROWS):
        shared = (table[start : start + _ROWS] @ table.T).tocoo()
        rows, others = shared.row + start, shared.col
        alike = shared.data / (sizes[rows] + sizes[others] - shared.data)
        near = (alike >= NEAR) & (rows < others)
        yield from zip(rows[near].tolist(), others[near].tolist(), alike[near].tolist(), strict=True)
