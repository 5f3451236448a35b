"""A cohort as it holds now, for those exports that need no release: its scans, the latest words, what is accepted.

It is no release: nothing is frozen, guarded or kept, and tomorrow the same command may give something else. Scans go
out whole, as they do of a release, since keys of findings are channels of masks, and a scan of which a part is shown
would make the rest look like nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session, col

from ingest.exports.released import Drawn, Released, ReleasedFinding, ReleasedScan, scan_of
from ingest.exports.terms import terms_of
from schema.annotation import Annotation, AnnotationState, Entity, LabelArray
from schema.base import OPEN
from schema.cohort import CohortMember
from schema.collection import Collection
from schema.database import Database, Role
from schema.finding import Finding, FindingRevision
from schema.integrity import LABEL_AREAS
from schema.ontology import rexgroundingct_ontology
from schema.queries.cohorts import cohort_id
from schema.release import Visibility
from schema.scan import Patient, Scan, Study, Volume

SPLIT = "train"
"""A cohort has no splits; all of it stands in this one."""


def read_cohort(database: Database, name: str, *, with_hidden: bool = False) -> Released:
    """Read the scans that a cohort has a finding of, with the latest words and the accepted annotations.

    What is drawn for hidden splits is left out unless it is asked for, which needs the owner.

    Raises:
        NotFound: there is no such cohort.
        SettingsError: the hidden splits are asked for, and the owner is not known.
    """
    with database.transaction(Role.OWNER if with_hidden else Role.API) as session:
        rows = session.execute(_scans(cohort_id(session, name))).all()
        keys = [row.id for row in rows]
        drawn = {
            finding: (protocol, each)
            for visibility in (Visibility if with_hidden else (Visibility.OPEN,))
            for finding, protocol, each in _drawn(session, keys, visibility)
        }
        findings = _findings(session, keys)
        scans = tuple(_scan(row, findings.get(row.id, []), drawn) for row in rows)
        terms = [row.terms for row in rows] + [row.Volume.terms for row in rows if row.Volume and row.Volume.terms]
        ontology = rexgroundingct_ontology()
        return Released(
            name=None,
            kind=None,
            digest=None,
            storage_digest=None,
            notes=None,
            rounds=(),
            collection=", ".join(sorted({row.collection for row in rows})),
            ontology=f"{ontology.name} {ontology.version}",
            cohort=name,
            with_hidden=with_hidden,
            terms=terms_of(terms),
            waivers=(),
            created_on=datetime.now(UTC).date(),
            scans=scans,
        )


def _scans(cohort: int) -> sa.Select[Any]:
    members = sa.select(col(Finding.scan_id)).join(CohortMember, col(CohortMember.finding_id) == col(Finding.id))
    hidden = sa.func.scan_is_hidden(col(Scan.id), type_=sa.Boolean).label("hidden")
    return (
        sa.select(col(Scan.id), col(Scan.name), col(Scan.shape_vox), col(Study.name).label("study"), hidden, Volume)
        .add_columns(col(Patient.key).label("patient"), sa.literal(SPLIT).label("split"))
        .add_columns(sa.null().label("protocol"), col(Collection.name).label("collection"), col(Collection.terms))
        .join(Study, col(Study.id) == col(Scan.study_id))
        .join(Patient, col(Patient.id) == col(Study.patient_id))
        .join(Collection, col(Collection.id) == col(Scan.collection_id))
        .outerjoin(Volume, col(Volume.scan_id) == col(Scan.id))
        .where(col(Scan.id).in_(members.where(col(CohortMember.cohort_id) == cohort)))
        .order_by(col(Scan.name))
    )


def _findings(session: Session, scans: Sequence[UUID]) -> dict[UUID, list[ReleasedFinding]]:
    """By scan, in the order of their first source; what is drawn is not known here."""
    query = (
        sa.select(col(Finding.scan_id), col(Finding.id), FindingRevision)
        .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
        .where(col(FindingRevision.is_latest), col(Finding.scan_id).in_(scans))
        .order_by(col(Finding.scan_id), col(Finding.source_index))
    )
    found: dict[UUID, list[ReleasedFinding]] = defaultdict(list)
    for scan, key, said in session.execute(query):
        words = (said.text, said.category_code, said.present, said.refers_to_prior)
        found[scan].append(ReleasedFinding(key, len(found[scan]), *words, None))
    return found


_Drawings = Mapping[UUID, tuple[str | None, Drawn]]


def _drawn(session: Session, scans: Sequence[UUID], visibility: Visibility) -> Iterator[tuple[UUID, str | None, Drawn]]:
    """Give the accepted annotation of each finding, of several the newest, with its protocol."""
    entities = sa.select(sa.func.count()).where(col(Entity.annotation_id) == col(Annotation.id)).scalar_subquery()
    query = (
        sa.select(col(Annotation.finding_id), col(Annotation.protocol), col(LabelArray.digest))
        .add_columns(col(Annotation.array_index), col(Annotation.labels_digest), col(Annotation.policy))
        .add_columns(col(Annotation.policy_limit), entities, col(Annotation.voxels))
        .ext(distinct_on(col(Annotation.finding_id)))
        .join(LabelArray, col(LabelArray.id) == col(Annotation.label_array_id))
        .where(col(Annotation.scan_id).in_(scans), col(Annotation.state) == AnnotationState.ACCEPTED)
        .order_by(col(Annotation.finding_id), col(Annotation.created_at).desc())
        .order_by(col(Annotation.version).desc(), col(Annotation.id))
    )
    options = {"schema_translate_map": {OPEN: str(visibility)}}
    area = LABEL_AREAS[visibility]
    for finding, protocol, digest, *facts in session.execute(query, execution_options=options):
        counts = facts[-2:]  # what is there is what is declared
        yield finding, protocol, Drawn(digest, area, *facts, *counts)


def _scan(row: Any, findings: Sequence[ReleasedFinding], drawn: _Drawings) -> ReleasedScan:
    """As of a made release: what nothing is drawn for stays out, unless that is so for all of the scan."""
    kept = [each for each in findings if each.id in drawn] or list(findings)
    told = [
        replace(each, index=n, drawn=drawn[each.id][1] if each.id in drawn else None) for n, each in enumerate(kept)
    ]
    protocols = {drawn[each.id][0] for each in kept if each.id in drawn}
    return replace(scan_of(row, told), protocol=protocols.pop() if len(protocols) == 1 else None)
