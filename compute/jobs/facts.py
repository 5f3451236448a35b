"""What the checks and the chains of thought go by, read from the database scan by scan."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlmodel import Session, col, select

from compute.checks.facts import EntityFacts, FindingFacts, OtherFinding, PlaceFacts, Said, VoxelBox, Words
from compute.geometry import kernel_runs
from compute.kernels.body import BodyOutline
from compute.kernels.lungs import lung_roles
from compute.kernels.runs import LABEL, run_lengths
from schema.annotation import Annotation, AnnotationPolicy, Entity, Geometry, LabelArray
from schema.arrays.runs import LabelRuns
from schema.descriptor import Descriptor
from schema.finding import Finding, FindingRevision
from schema.location import Location
from schema.ontology import Category, Ontology
from schema.organ import OrganMask
from schema.round import Round
from schema.scan import Scan, Volume

_DENIED = re.compile(r"\b(?:non|not|no|without)[\s-]*$", re.IGNORECASE)


@dataclass(frozen=True)
class AnnotatedFinding:
    """One annotation of a scan, with what is known of it."""

    annotation: Annotation
    name: str
    """Scan, finding and round, for people."""
    facts: FindingFacts


@dataclass(frozen=True)
class ScanRows:
    """What the database holds of one scan, open or hidden."""

    scan: Scan
    volume: Volume | None
    organ_masks: tuple[OrganMask, ...]
    findings: Mapping[UUID, Finding]
    words: Mapping[UUID, tuple[FindingRevision, Words]]
    """By finding."""
    annotations: tuple[Annotation, ...]
    rounds: Mapping[int, str]
    arrays: Mapping[UUID, LabelArray]
    entities: Mapping[UUID, Sequence[EntityFacts]]
    """By annotation, ascending by label."""

    def annotated(self, keys: Iterable[UUID]) -> Iterator[AnnotatedFinding]:
        """Give the facts of annotations by their ids."""
        wanted = set(keys)
        for annotation in self.annotations:
            if annotation.id in wanted:
                index = self.findings[annotation.finding_id].source_index
                name = f"{self.scan.name} finding {index}, round {self.rounds[annotation.round_id]}"
                yield AnnotatedFinding(annotation, name, self._facts(annotation))

    def _facts(self, annotation: Annotation) -> FindingFacts:
        revision, words = self.words[annotation.finding_id]
        policy = AnnotationPolicy(annotation.policy, annotation.policy_limit)
        others = tuple(self._others(annotation))
        return FindingFacts(words, policy, tuple(self.entities.get(annotation.id, ())), others, revision.id)

    def _others(self, annotation: Annotation) -> Iterator[OtherFinding]:
        beside = {one.finding_id: one for one in self.annotations if one.round_id == annotation.round_id}
        for key, finding in self.findings.items():
            if key != annotation.finding_id:
                entities = self.entities.get(beside[key].id, ()) if key in beside else ()
                drawn = frozenset(one.drawn for one in entities)
                yield OtherFinding(finding.source_index, self.words[key][1].text, drawn)


def read_scans(session: Session, keys: Sequence[UUID]) -> list[ScanRows]:
    """Read scans by their ids, all their annotations among it, in the order of their names."""
    scans = session.exec(select(Scan).where(col(Scan.id).in_(keys)).order_by(col(Scan.name))).all()
    volumes = {one.scan_id: one for one in session.exec(select(Volume).where(col(Volume.scan_id).in_(keys)))}
    masks = _grouped(session.exec(select(OrganMask).where(col(OrganMask.scan_id).in_(keys)).order_by(_SCHEME)), _scan)
    findings = _grouped(session.exec(select(Finding).where(col(Finding.scan_id).in_(keys))), _scan)
    chosen = select(Annotation).where(col(Annotation.scan_id).in_(keys))
    annotations = _grouped(session.exec(chosen.order_by(col(Annotation.created_at), col(Annotation.id))), _scan)
    arrays = {one.id: one for one in session.exec(select(LabelArray).where(col(LabelArray.scan_id).in_(keys)))}
    rounds: dict[int, str] = dict(session.exec(select(Round.id, Round.name)).all())
    words, entities = _words(session, keys), _entities(session, keys)
    return [
        ScanRows(
            scan=scan,
            volume=volumes.get(scan.id),
            organ_masks=tuple(masks[scan.id]),
            findings={one.id: one for one in sorted(findings[scan.id], key=lambda one: one.source_index)},
            words={one.id: words[one.id] for one in findings[scan.id]},
            annotations=tuple(annotations[scan.id]),
            rounds=rounds,
            arrays=arrays,
            entities=entities,
        )
        for scan in scans
    ]


_SCHEME: Any = col(OrganMask.scheme)


def _scan(row: Any) -> UUID:
    key: UUID = row.scan_id
    return key


def _grouped(rows: Iterable[Any], key: Callable[[Any], UUID]) -> dict[UUID, list[Any]]:
    groups: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _words(session: Session, scans: Sequence[UUID]) -> dict[UUID, tuple[FindingRevision, Words]]:
    """The latest words of every finding of scans, by finding."""
    query = (
        select(FindingRevision, Ontology.name, Ontology.version)
        .join(Finding, col(Finding.id) == col(FindingRevision.finding_id))
        .outerjoin(Category, col(Category.id) == col(FindingRevision.category_id))
        .outerjoin(Ontology, col(Ontology.id) == col(Category.ontology_id))
        .where(col(Finding.scan_id).in_(scans), col(FindingRevision.is_latest))
    )
    found = session.execute(query).all()
    said = select(Descriptor).where(col(Descriptor.revision_id).in_([row[0].id for row in found]))
    ordered = said.order_by(col(Descriptor.start_char), col(Descriptor.id))
    descriptors = _grouped(session.exec(ordered), lambda row: row.revision_id)
    return {
        revision.finding_id: (revision, _read_words(revision, f"{name} {version}" if name else None, descriptors))
        for revision, name, version in found
    }


def _read_words(
    revision: FindingRevision, ontology: str | None, descriptors: Mapping[UUID, Sequence[Descriptor]]
) -> Words:
    rows = descriptors.get(revision.id, ())
    said = [
        Said(row.kind, row.value, tuple(row.sizes_mm or ()), row.number)
        for row in rows
        if not _DENIED.search(revision.text[: row.start_char])
    ]
    described_by = max((row.engine_version for row in rows), default=None)
    category, side = revision.category_code, revision.text_side
    return Words(revision.text, tuple(said), described_by, side, category, ontology)


def _entities(session: Session, scans: Sequence[UUID]) -> dict[UUID, list[EntityFacts]]:
    query = (
        sa.select(Entity, Geometry)
        .join(Annotation, col(Annotation.id) == col(Entity.annotation_id))
        .outerjoin(Geometry, col(Geometry.entity_id) == col(Entity.id))
        .where(col(Annotation.scan_id).in_(scans))
        .order_by(col(Entity.annotation_id), col(Entity.label))
    )
    places = _places(session, scans)
    found: dict[UUID, list[EntityFacts]] = defaultdict(list)
    for entity, geometry in session.execute(query):
        found[entity.annotation_id].append(_entity(entity, geometry, tuple(places[entity.id])))
    return found


def _entity(entity: Entity, geometry: Geometry | None, places: tuple[PlaceFacts, ...]) -> EntityFacts:
    if geometry is None:
        return EntityFacts(entity.label, entity.voxels, _box(entity), places=places)
    measured = ("side", "volume_mm3", "max_diameter_mm", "long_axis_mm", "short_axis_mm", "least_axis_mm", "flatness")
    names = (*measured, "components26", "hu_mean", "hu_above_130")
    centroid = (geometry.centroid_i, geometry.centroid_j, geometry.centroid_k)
    measures: dict[str, Any] = {name: getattr(geometry, name) for name in names}
    return EntityFacts(entity.label, entity.voxels, _box(entity), centroid_vox=centroid, places=places, **measures)


def _box(entity: Entity) -> VoxelBox:
    ranges = (entity.box_i, entity.box_j, entity.box_k)
    low, high = ([getattr(one, end) for one in ranges] for end in ("lower", "upper"))
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _places(session: Session, scans: Sequence[UUID]) -> Mapping[UUID, list[PlaceFacts]]:
    query = (
        sa.select(Location, col(OrganMask.scheme))
        .join(OrganMask, col(OrganMask.id) == col(Location.organ_mask_id))
        .where(col(OrganMask.scan_id).in_(scans))
        .order_by(_SCHEME)
    )
    found: dict[UUID, list[PlaceFacts]] = defaultdict(list)
    for location, scheme in session.execute(query):
        found[location.entity_id].append(_place(location, scheme))
    return found


def _place(location: Location, scheme: str) -> PlaceFacts:
    names = dict(enumerate(location.shares))
    lobes: dict[str, float] = {}
    for n, lobe in lung_roles(names).lobes.items():
        lobes[lobe] = lobes.get(lobe, 0.0) + location.shares[names[n]]
    sides = location.left_share, location.right_share
    return PlaceFacts(scheme, location.lung_share, *sides, location.lung_border_mm, lobes, location.shares)


def body_shares(labels: LabelRuns, outline: BodyOutline) -> dict[int, float]:
    """Give each label's share of voxels within a body's outline."""
    runs = kernel_runs(labels)
    inside = np.bincount(runs[:, LABEL], weights=outline.voxels_within(runs, labels.shape_zyx[1]))
    voxels = np.bincount(runs[:, LABEL], weights=run_lengths(runs))
    return {int(label): float(inside[label] / voxels[label]) for label in np.unique(runs[:, LABEL])}
