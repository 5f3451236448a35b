"""A small archive with known content: two rounds, two releases, a hidden split, vectors left to the tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Range
from sqlmodel import Session

from ingest.reports.importing import copy_sentences, sentence_rows
from schema.annotation import Annotation, AnnotationState, Entity, Geometry, LabelArray, Policy
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.base import API_ROLE
from schema.collection import Collection, ScanName
from schema.database import Database, Role, parse_url
from schema.descriptor import Descriptor, DescriptorKind
from schema.finding import Finding, FindingRevision, RevisionSource, Side, side_in_text
from schema.identity import annotation_id, entity_id, finding_id, reasoning_id, revision_id, scan_id
from schema.location import Location
from schema.organ import OrganMask
from schema.postgres.address import OWNER, SUPERUSER, Address
from schema.queries.cohorts import CohortPlan, draw, freeze
from schema.queries.filters import FindingFilter
from schema.queries.tables import ANNOTATION, CATEGORY, ONTOLOGY, REPORT, SCAN, SENTENCE
from schema.reasoning import Reasoning, ReasoningLevel, ReasoningStep
from schema.release import (
    Release,
    ReleaseAnnotation,
    ReleaseFinding,
    ReleaseKind,
    ReleaseScan,
    ReleaseSplit,
    Visibility,
)
from schema.report import (
    DropReason,
    EngineName,
    FindingSentence,
    Observation,
    ObservationSource,
    Reading,
    Region,
    Report,
    RewrittenSentence,
    RewrittenSource,
    Section,
    SentenceAccount,
    SentenceAlignment,
    SentenceUse,
)
from schema.review import Review, ReviewTarget, Verdict
from schema.round import Person, PersonRole, Round
from schema.scan import Patient, Scan, ScanMetadata, Study, Volume, VolumeStorage
from schema.text_check import CheckOutcome, TextCheck

COLLECTION = "ct-rate"
SHAPE_VOX = [40, 30, 20]


@contextmanager
def copied_database(server: Address, template: str, name: str) -> Iterator[Database]:
    """A migrated database that lives as long as the block."""
    with server.connect(SUPERUSER, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}")
        api, owner = (parse_url(server.url(role, name)) for role in (API_ROLE, OWNER))
        database = Database(api, owner, embedded=True)
        yield database
        database.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Drawn:
    """An entity that is a filled box, half-open, [i, j, k]."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]
    side: Side | None = Side.LEFT
    volume_mm3: float | None = 1000.0
    hu_mean: float | None = -50.0
    measured: bool = True

    @property
    def voxels(self) -> int:
        return int(np.prod(np.subtract(self.high, self.low)))


@dataclass(frozen=True)
class Said:
    """A finding as a source gives it."""

    text: str
    code: str | None
    drawn: tuple[Drawn, ...] = ()


@dataclass
class Archive:
    """Adds rows as an importer would; hidden annotations go to `hidden`, as the owner."""

    database: Database
    arrays: ArrayStore
    keys: dict[str, int] = field(default_factory=dict)

    def add_collection(self) -> None:
        with self.database.transaction(Role.OWNER) as session:
            self.keys["collection"] = _added(session, Collection(name=COLLECTION)).id
            self.keys["ontology"] = session.execute(sa.select(ONTOLOGY.c.id)).scalar_one()
            codes = session.execute(sa.select(CATEGORY.c.code, CATEGORY.c.id))
            self.keys |= {f"category {code}": key for code, key in codes}

    def add_round(self, name: str) -> None:
        with self.database.transaction(Role.OWNER) as session:
            row = Round(name=name, collection_id=self.keys["collection"], protocols=["protocol1"])
            self.keys[f"round {name}"] = _added(session, row).id

    def add_release(self, name: str, splits: dict[str, Visibility]) -> None:
        with self.database.transaction(Role.OWNER) as session:
            row = Release(
                name=name,
                collection_id=self.keys["collection"],
                ontology_id=self.keys["ontology"],
                kind=ReleaseKind.PUBLISHED,
            )
            key = self.keys[f"release {name}"] = _added(session, row).id
            session.add_all(ReleaseSplit(release_id=key, name=each, visibility=v) for each, v in splits.items())

    def add_scan(self, name: str, findings: Sequence[Said], *, volume: bool = True) -> UUID:
        """A scan with first revisions of its findings; nothing is drawn yet."""
        parts = ScanName.parse(name)
        key = scan_id(COLLECTION, name)
        with self.database.transaction(Role.OWNER) as session:
            collection = self.keys["collection"]
            patient = self._patient(session, parts.patient)
            study = Study(collection_id=collection, patient_id=patient, name=parts.study)
            study_id = _added(session, study).id
            session.add(Report(study_id=study_id))
            row = Scan(id=key, collection_id=collection, study_id=study_id, name=name, shape_vox=SHAPE_VOX)
            _added(session, row)
            if volume:
                session.add_all((_volume(key), ScanMetadata(scan_id=key, manufacturer="Siemens", source={})))
            for index, said in enumerate(findings):
                finding = finding_id(COLLECTION, name, index)
                _added(session, Finding(id=finding, scan_id=key, source_index=index))
                _added(session, self._revision(finding, 1, said))
        return key

    def revise(self, scan: str, index: int, said: Said, revision: int = 2) -> None:
        with self.database.transaction(Role.OWNER) as session:
            _added(session, self._revision(finding_id(COLLECTION, scan, index), revision, said))

    def place(self, release: str, scan: str, split: str, findings: dict[int, tuple[int, int]]) -> None:
        """Put a scan into a release: {source index: (release index, revision)}."""
        key, scan_key = self.keys[f"release {release}"], scan_id(COLLECTION, scan)
        with self.database.transaction(Role.OWNER) as session:
            _added(session, ReleaseScan(release_id=key, scan_id=scan_key, split=split, protocol="protocol1"))
            for source_index, (index, revision) in findings.items():
                finding = finding_id(COLLECTION, scan, source_index)
                named: dict[str, Any] = {
                    "finding_id": finding,
                    "revision_id": revision_id(finding, revision),
                    "index": index,
                }
                session.add(ReleaseFinding(release_id=key, scan_id=scan_key, **named))

    def draw(self, round_name: str, scan: str, findings: dict[int, Sequence[Drawn]], **options: Any) -> None:
        """Draw entities; options: state, policy, policy_limit, visibility, release (which names the annotations)."""
        visibility = options.pop("visibility", Visibility.OPEN)
        release = options.pop("release", None)
        scan_key, area = scan_id(COLLECTION, scan), "hidden" if visibility is Visibility.HIDDEN else "labels"
        stored = self.arrays.write_labels([_labels(drawn) for drawn in findings.values()], area)  # type: ignore[arg-type]
        with self.database.transaction(Role.OWNER, visibility) as session:
            array = self._label_array(session, scan_key, stored.digest, stored.stored_bytes, len(findings))
            for place, (index, drawn) in enumerate(findings.items()):
                finding = finding_id(COLLECTION, scan, index)
                key = annotation_id(finding, round_name, None, 1)
                row = Annotation(
                    id=key,
                    finding_id=finding,
                    scan_id=scan_key,
                    round_id=self.keys[f"round {round_name}"],
                    label_array_id=array,
                    array_index=place,
                    labels_digest=_labels(drawn).digest(),
                    voxels=sum(each.voxels for each in drawn),
                    **{"state": AnnotationState.ACCEPTED, "policy": Policy.UNKNOWN, **options},
                )
                _added(session, row)
                self._entities(session, key, drawn)
                if release:
                    named: dict[str, Any] = {"release_id": self.keys[f"release {release}"], "finding_id": finding}
                    session.add(ReleaseAnnotation(annotation_id=key, declared_entities=len(drawn), **named))

    def locate(self, scan: str, finding: int, round_name: str, label: int, **location: Any) -> None:
        """Say where an entity lies, in the one organ mask of its scan."""
        drawn = annotation_id(finding_id(COLLECTION, scan, finding), round_name, None, 1)
        with self.database.transaction(Role.OWNER) as session:
            if f"organs {scan}" not in self.keys:
                facts = {"names": {"1": "lung"}, "digest": "0" * 64, "stored_sha256": "0" * 64, "stored_bytes": 1}
                mask = _added(session, OrganMask(scan_id=scan_id(COLLECTION, scan), scheme="lobes", **facts))
                self.keys[f"organs {scan}"] = mask.id
            key = {"entity_id": entity_id(drawn, label), "organ_mask_id": self.keys[f"organs {scan}"]}
            session.add(Location(**key, **location, kernel_version="1", device="cpu"))

    def check(self, scan: str, finding: int, round_name: str, outcomes: dict[str, CheckOutcome], **kept: Any) -> None:
        """Say what checks tell of an annotation; what contradicts has severity 0.5."""
        found = finding_id(COLLECTION, scan, finding)
        drawn = annotation_id(found, round_name, None, 1)
        with self.database.transaction(Role.OWNER, kept.get("visibility", Visibility.OPEN)) as session:
            for name, outcome in outcomes.items():
                facts: dict[str, Any] = {"version": "1", "revision_id": revision_id(found, 1), "outcome": outcome}
                severity = 0.5 if outcome is CheckOutcome.CONTRADICTS else None
                evidence = {"entities": 1, "said": name}
                session.add(TextCheck(annotation_id=drawn, name=name, severity=severity, evidence=evidence, **facts))

    def review(
        self, scan: str, finding: int, round_name: str, target: ReviewTarget, verdict: Verdict, **said: Any
    ) -> None:
        """Say what the reviewer `rae` decided; nothing follows from it."""
        key = annotation_id(finding_id(COLLECTION, scan, finding), round_name, None, 1)
        with self.database.transaction(Role.OWNER, said.pop("visibility", Visibility.OPEN)) as session:
            if "person rae" not in self.keys:
                self.keys["person rae"] = _added(session, Person(pseudonym="rae", role=PersonRole.REVIEWER)).id
            if target is ReviewTarget.ENTITY:
                said["entity_id"] = entity_id(key, said.pop("label"))
            facts = {"annotation_id": key, "reviewer_id": self.keys["person rae"]}
            session.add(Review(**facts, target=target, verdict=verdict, **said))

    def reason(self, scan: str, finding: int, origin: str, steps: Sequence[dict[str, Any]], **kept: Any) -> None:
        """Add a chain of thought with these steps."""
        found = finding_id(COLLECTION, scan, finding)
        key = reasoning_id(found, origin)
        with self.database.transaction(Role.OWNER, kept.get("visibility", Visibility.OPEN)) as session:
            _added(session, Reasoning(id=key, finding_id=found, origin=origin, version="1"))
            session.add_all(ReasoningStep(reasoning_id=key, position=n, **step) for n, step in enumerate(steps))

    def report(self, scan: str, language: str, findings: str, impression: str) -> list[int]:
        """Give the report of a scan's study a text; the first one fills the row that is there. Gives its sentences."""
        with self.database.transaction() as session:
            study = session.execute(sa.select(SCAN.c.study_id).where(SCAN.c.name == scan)).scalar_one()
            known = sa.select(Report).where(REPORT.c.study_id == study, REPORT.c.language == "und")
            row = session.execute(known).scalar_one_or_none() or Report(study_id=study)
            row.language, row.machine_translated = language, language == "en"
            row.findings, row.impression = findings, impression
            key = self.keys[f"report {scan} {language}"] = _added(session, row).id
            texts = {Section.FINDINGS: findings, Section.IMPRESSION: impression}
            copy_sentences(session, list(sentence_rows(key, texts)))
            found = sa.select(SENTENCE.c.id).where(SENTENCE.c.report_id == key).order_by(SENTENCE.c.id)
            return list(session.execute(found).scalars())

    def align(self, sentences: Sequence[int], originals: Sequence[int]) -> None:
        with self.database.transaction() as session:
            pairs = zip(sentences, originals, strict=True)
            session.add_all(SentenceAlignment(sentence_id=one, original_id=other, score=0.75) for one, other in pairs)

    def read(self, report: str, sentences: Sequence[int], phrase: str, finding: UUID) -> None:
        """Read a report: all of it is dropped as normal, but for its last sentence, which is one observation."""
        *dropped, used = sentences
        with self.database.transaction() as session:
            made = Reading(report_id=self.keys[f"report {report}"], engine=EngineName.RULES, engine_version="1")
            made.sentences, made.flagged = len(sentences), 0
            reading = _added(session, made).id
            normal = {"use": SentenceUse.DROPPED, "reason": DropReason.NORMAL}
            session.add_all(SentenceAccount(reading_id=reading, sentence_id=each, **normal) for each in dropped)
            session.add(SentenceAccount(reading_id=reading, sentence_id=used, use=SentenceUse.USED))
            words = RewrittenSentence(reading_id=reading, position=0, region=Region.LUNGS, text=f"{phrase}.")
            rewritten = _added(session, words).id
            session.add(RewrittenSource(rewritten_id=rewritten, sentence_id=used, score=0.5))
            facts = {"present": True, "refers_to_prior": False, "category_code": "2d", "match_score": 0.875}
            category = self.keys["category 2d"]
            seen = Observation(reading_id=reading, position=0, phrase=phrase, category_id=category, **facts)
            seen.finding_id = finding
            observation = _added(session, seen).id
            session.add(ObservationSource(observation_id=observation, rewritten_id=rewritten))
            link = FindingSentence(finding_id=finding, sentence_id=used, score=0.4375, observation_id=observation)
            session.add(link)
            size = {"kind": DescriptorKind.SIZE, "value": "12 x 10 mm", "sizes_mm": [12.0, 10.0]}
            for owner in ({"observation_id": observation}, {"revision_id": revision_id(finding, 1)}):
                session.add(Descriptor(**owner, **size, start_char=0, end_char=5, engine_version="1"))
            side = {"kind": DescriptorKind.SIDE, "value": "right", "start_char": 0, "end_char": 3}
            session.add(Descriptor(revision_id=revision_id(finding, 1), **side, engine_version="1"))

    def say(self, finding: UUID, sentence: int) -> None:
        with self.database.transaction() as session:
            session.add(FindingSentence(finding_id=finding, sentence_id=sentence, score=0.625))

    def set_state(self, round_name: str, scan: str, index: int, state: AnnotationState) -> None:
        key = annotation_id(finding_id(COLLECTION, scan, index), round_name, None, 1)
        with self.database.transaction() as session:
            session.execute(sa.update(ANNOTATION).where(ANNOTATION.c.id == key).values(state=state))

    def _patient(self, session: Session, key: str) -> int:
        if f"patient {key}" not in self.keys:
            row = Patient(collection_id=self.keys["collection"], key=key)
            self.keys[f"patient {key}"] = _added(session, row).id
        return self.keys[f"patient {key}"]

    def _revision(self, finding: UUID, revision: int, said: Said) -> FindingRevision:
        return FindingRevision(
            id=revision_id(finding, revision),
            finding_id=finding,
            revision=revision,
            text=said.text,
            category_id=self.keys.get(f"category {said.code}"),
            category_code=said.code,
            text_side=side_in_text(said.text),
            source=RevisionSource.IMPORT,
        )

    def _label_array(self, session: Session, scan: UUID, digest: str, stored_bytes: int, findings: int) -> UUID:
        key = revision_id(scan, int(digest[:8], 16))
        row = LabelArray(
            id=key,
            scan_id=scan,
            digest=digest,
            stored_sha256="0" * 64,
            stored_bytes=stored_bytes,
            findings=findings,
        )
        _added(session, row)
        return key

    def _entities(self, session: Session, annotation: UUID, drawn: Sequence[Drawn]) -> None:
        for label, each in enumerate(drawn, start=1):
            key = entity_id(annotation, label)
            boxes = {f"box_{a}": Range(each.low[n], each.high[n]) for n, a in enumerate("ijk")}
            _added(session, Entity(id=key, annotation_id=annotation, label=label, voxels=each.voxels, **boxes))
            if each.measured:
                session.add(_geometry(key, each))


def _added(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row


def _volume(scan: UUID) -> Volume:
    return Volume(
        scan_id=scan,
        storage=VolumeStorage.COPY,
        digest=scan.hex * 2,
        stored_sha256="0" * 64,
        stored_bytes=1000,
        spacing_mm=[0.75, 0.75, 1.5],
        affine_ras=list(map(float, (-0.75, 0, 0, 10, 0, -0.75, 0, 20, 0, 0, 1.5, -30, 0, 0, 0, 1))),
        orientation="LPS",
        hu_min=-1024,
        hu_max=1900,
        body_midline_lps_mm=5.0,
    )


def _geometry(entity: UUID, drawn: Drawn) -> Geometry:
    centre = [(a + b - 1) / 2 for a, b in zip(drawn.low, drawn.high, strict=True)]
    centroid: dict[str, Any] = dict(zip(("centroid_i", "centroid_j", "centroid_k"), centre, strict=True))
    in_patient: dict[str, Any] = dict(zip(("x_lps_mm", "y_lps_mm", "z_lps_mm"), centre, strict=True))
    for end, corner in (("min", drawn.low), ("max", drawn.high)):
        in_patient |= {f"box_{end}_{axis}_lps_mm": float(each) for axis, each in zip("xyz", corner, strict=True)}
    return Geometry(
        entity_id=entity,
        **centroid,
        **(in_patient if drawn.volume_mm3 is not None else {}),
        volume_mm3=drawn.volume_mm3,
        side=drawn.side,
        components6=1,
        components18=1,
        components26=1,
        hu_mean=drawn.hu_mean,
        hu_min=None if drawn.hu_mean is None else 0,
        kernel_version="1",
        device="cpu",
    )


def _labels(drawn: Sequence[Drawn]) -> LabelRuns:
    dense = np.zeros(SHAPE_VOX, np.uint8)
    for label, each in enumerate(drawn, start=1):
        dense[tuple(slice(*ends) for ends in zip(each.low, each.high, strict=True))] = label
    return LabelRuns.from_dense(np.ascontiguousarray(dense.T))


_IN_LEFT_LUNG: dict[str, Any] = {
    "lung_share": 0.75,
    "left_share": 0.75,
    "right_share": 0.0,
    "lobe": "left upper lobe",
    "lobe_share": 0.75,
    "lung_border_mm": 1.5,
    "rel_x": 0.8,
    "rel_y": 0.5,
    "rel_z": 0.25,
}
_SCAN_STEP: dict[str, Any] = {
    "level": ReasoningLevel.SCAN,
    "place": "scan",
    "text": "The scan has 40 x 30 x 20 voxels.",
    "box_vox_min": [0, 0, 0],
    "box_vox_max": SHAPE_VOX,
    "holds": True,
    "evidence": {},
}
_SIDE_STEP: dict[str, Any] = {
    "level": ReasoningLevel.SIDE,
    "place": "left",
    "text": "The words put it on the left.",
    "box_vox_min": [20, 0, 0],
    "box_vox_max": SHAPE_VOX,
    "box_lps_mm_min": [5.0, -20.0, -30.75],
    "box_lps_mm_max": [20.0, 2.5, -0.75],
    "holds": False,
    "evidence": {"said": "left", "sides": {"1": "left", "2": "midline"}},
}
_STRANGE_STEP: dict[str, Any] = {"text": "Look at the lung.", "box_source": [0.5, 0.0, 0.0, 1.0, 1.0, 1.0]}
MASS = "Irregular mass in the left lung that abuts the hilum of the upper lobe"


def fill(archive: Archive) -> None:
    """Four scans.

    - train_1_a_1: two findings, partial masks of round `first`; finding 0 was reworded for the release `second`, in
      which round `second` drew it again
    - train_2_a_1: one finding without a volume, drawn and not measured in mm
    - valid_1_a_1: hidden in both releases; words are open, annotations are not
    - valid_2_a_1: test scan without masks

    The report of train_1_a is there in two languages and was read twice; the one of valid_1_a says the finding whose
    annotations are hidden.
    """
    archive.add_collection()
    archive.add_round("first")
    archive.add_round("second")
    splits = {"train": Visibility.OPEN, "test": Visibility.HIDDEN}
    archive.add_release("base", splits)
    archive.add_release("second", splits)
    archive.add_scan("train_1_a_1", [Said("Nodule in the right lower lobe", "2d"), Said(MASS, "2d")])
    archive.add_scan("train_2_a_1", [Said("Bilateral bronchial wall thickening", "1a")], volume=False)
    archive.add_scan("valid_1_a_1", [Said("Ground-glass opacity in the secret lobe", "2c")])
    archive.add_scan("valid_2_a_1", [Said("Left pleural effusion", "9z")])
    archive.place("base", "train_1_a_1", "train", {0: (0, 1), 1: (1, 1)})
    archive.place("base", "train_2_a_1", "train", {0: (0, 1)})
    archive.place("base", "valid_1_a_1", "test", {0: (0, 1)})
    archive.place("base", "valid_2_a_1", "train", {0: (0, 1)})
    right = Drawn((1, 1, 1), (4, 5, 6), Side.RIGHT, volume_mm3=2500.0, hu_mean=-700.0)
    left = Drawn((30, 20, 10), (34, 24, 14), Side.LEFT, volume_mm3=900.0, hu_mean=40.0)
    touching = Drawn((33, 24, 10), (36, 26, 14), Side.MIDLINE, volume_mm3=300.0, hu_mean=45.0)
    partial = {"policy": Policy.AT_MOST, "policy_limit": 3}
    archive.draw("first", "train_1_a_1", {0: [right], 1: [left, touching]}, release="base", **partial)
    archive.locate("train_1_a_1", 1, "first", 1, shares={"lung": 0.75, "heart": 0.25}, **_IN_LEFT_LUNG)
    archive.locate("train_1_a_1", 1, "first", 2, shares={"heart": 1.0}, lung_share=0.0, lung_border_mm=12.5)
    unknown = Drawn((2, 2, 2), (5, 5, 5), None, volume_mm3=None, hu_mean=None)
    unmeasured = Drawn((10, 10, 10), (12, 12, 12), measured=False)
    archive.draw("first", "train_2_a_1", {0: [unknown, unmeasured]}, release="base", policy=Policy.EXHAUSTIVE)
    says = CheckOutcome
    archive.check("train_1_a_1", 1, "first", {"side": says.HOLDS, "count": says.CONTRADICTS, "size": says.UNKNOWN})
    archive.check("train_1_a_1", 0, "first", {"side": says.CONTRADICTS})
    archive.reason("train_1_a_1", 1, "groundct", [_SCAN_STEP, _SIDE_STEP])
    archive.reason("train_1_a_1", 1, "chains.json", [_STRANGE_STEP])
    hidden = Drawn((7, 7, 7), (9, 9, 9), Side.LEFT)
    archive.draw("first", "valid_1_a_1", {0: [hidden]}, release="base", visibility=Visibility.HIDDEN)
    unseen = {"visibility": Visibility.HIDDEN}
    archive.check("valid_1_a_1", 0, "first", {"side": says.CONTRADICTS, "count": says.HOLDS}, **unseen)
    archive.reason("valid_1_a_1", 0, "groundct", [_SCAN_STEP, _SIDE_STEP], **unseen)
    archive.set_state("first", "train_1_a_1", 0, AnnotationState.SUPERSEDED)
    archive.revise("train_1_a_1", 0, Said("Nodules in both lower lobes", "2b"))
    archive.place("second", "train_1_a_1", "train", {0: (1, 2), 1: (0, 1)})
    archive.place("second", "valid_1_a_1", "test", {0: (0, 1)})
    again = Drawn((28, 2, 2), (30, 4, 4), Side.LEFT, volume_mm3=80.0, hu_mean=10.0)
    archive.draw("second", "train_1_a_1", {0: [right, again]}, release="second", policy=Policy.EXHAUSTIVE)
    _fill_reviews(archive)
    _fill_reports(archive)
    with archive.database.transaction() as session:
        for name, text in (("drawn", "lobe"), ("other", "mass")):
            plan = CohortPlan(where=FindingFilter(text=text))
            freeze(session, name, draw(session, plan), plan, {"where": {"text": text}})


def _fill_reviews(archive: Archive) -> None:
    says, about = Verdict, ReviewTarget
    archive.review("train_1_a_1", 0, "first", about.MASK, says.REJECT, reason="mask_spills", words="into the pleura")
    archive.review("train_1_a_1", 0, "second", about.MASK, says.ACCEPT)
    revised = {"correction_revision_id": revision_id(finding_id(COLLECTION, "train_1_a_1", 0), 2)}
    archive.review("train_1_a_1", 0, "first", about.TEXT, says.CORRECT, reason="text_wrong", **revised)
    archive.review("train_1_a_1", 1, "first", about.ENTITY, says.REJECT, reason="entity_boundary", label=2)
    unseen = {"visibility": Visibility.HIDDEN}
    archive.review("valid_1_a_1", 0, "first", about.MASK, says.REJECT, reason="mask_elsewhere", **unseen)
    archive.review("valid_1_a_1", 0, "first", about.ENTITY, says.REJECT, reason="entity_boundary", label=1, **unseen)


def _fill_reports(archive: Archive) -> None:
    nodule, mass = (finding_id(COLLECTION, "train_1_a_1", n) for n in (0, 1))
    turkish = archive.report("train_1_a_1", "tr", "Trakea normal. Nodüller izlendi.", "Kitle.")
    english = archive.report("train_1_a_1", "en", " Trachea is open.  Nodules in the lower lobes.", "Mass.")
    archive.align(english, turkish)
    for phrase, finding in (("old words", mass), ("nodules", nodule)):
        archive.read("train_1_a_1 en", english[:2], phrase, finding)
    archive.say(mass, english[2])
    secret = archive.report("valid_1_a_1", "en", "Opacity in the secret lobe.", "Opacity.")
    for sentence in secret:
        archive.say(finding_id(COLLECTION, "valid_1_a_1", 0), sentence)
