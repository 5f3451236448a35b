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

from schema.annotation import Annotation, AnnotationState, Entity, Geometry, LabelArray, Policy
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.base import API_ROLE
from schema.collection import Collection, ScanName
from schema.database import Database, Role, parse_url
from schema.finding import Finding, FindingRevision, RevisionSource, Side, side_in_text
from schema.identity import annotation_id, entity_id, finding_id, revision_id, scan_id
from schema.location import Location
from schema.organ import OrganMask
from schema.postgres.address import OWNER, SUPERUSER, Address
from schema.queries.cohorts import CohortPlan, draw, freeze
from schema.queries.filters import FindingFilter
from schema.queries.tables import ANNOTATION, CATEGORY, ONTOLOGY
from schema.release import (
    Release,
    ReleaseAnnotation,
    ReleaseFinding,
    ReleaseKind,
    ReleaseScan,
    ReleaseSplit,
    Visibility,
)
from schema.report import Report
from schema.round import Round
from schema.scan import Patient, Scan, ScanMetadata, Study, Volume, VolumeStorage

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
MASS = "Irregular mass in the left lung that abuts the hilum of the upper lobe"


def fill(archive: Archive) -> None:
    """Four scans.

    - train_1_a_1: two findings, partial masks of round `first`; finding 0 was reworded for the release `second`, in
      which round `second` drew it again
    - train_2_a_1: one finding without a volume, drawn and not measured in mm
    - valid_1_a_1: hidden in both releases; words are open, annotations are not
    - valid_2_a_1: test scan without masks
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
    hidden = Drawn((7, 7, 7), (9, 9, 9), Side.LEFT)
    archive.draw("first", "valid_1_a_1", {0: [hidden]}, release="base", visibility=Visibility.HIDDEN)
    archive.set_state("first", "train_1_a_1", 0, AnnotationState.SUPERSEDED)
    archive.revise("train_1_a_1", 0, Said("Nodules in both lower lobes", "2b"))
    archive.place("second", "train_1_a_1", "train", {0: (1, 2), 1: (0, 1)})
    archive.place("second", "valid_1_a_1", "test", {0: (0, 1)})
    again = Drawn((28, 2, 2), (30, 4, 4), Side.LEFT, volume_mm3=80.0, hu_mean=10.0)
    archive.draw("second", "train_1_a_1", {0: [right, again]}, release="second", policy=Policy.EXHAUSTIVE)
    with archive.database.transaction() as session:
        for name, text in (("drawn", "lobe"), ("other", "mass")):
            plan = CohortPlan(where=FindingFilter(text=text))
            freeze(session, name, draw(session, plan), plan, {"where": {"text": text}})
