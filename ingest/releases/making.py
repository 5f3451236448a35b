"""Making a release: which findings, words and annotations it names, guarded, frozen, under its digests.

Everything happens in one transaction of the owner: a release is there whole, or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlmodel import Session, col, select

from ingest.hiding import hide_scan
from ingest.releases.guard import Guard, Leak, NearReports, Waiver, read_waivers
from ingest.releases.splits import Place, read_splits, splits_like
from schema.annotation import Annotation, AnnotationState, Entity
from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, OPEN, Table
from schema.collection import Collection
from schema.database import Database, Role
from schema.errors import NotFound, SourceError
from schema.finding import Finding, FindingRevision
from schema.ontology import Ontology, rexgroundingct_ontology
from schema.release import (
    Release,
    ReleaseAnnotation,
    ReleaseFinding,
    ReleaseKind,
    ReleaseScan,
    ReleaseSplit,
    ReleaseWaiver,
    Visibility,
)
from schema.release_digest import save_digests
from schema.round import Round
from schema.scan import Scan


class LeakRefused(SourceError):
    """A release would have a leak between splits that no waiver names; take one of the scans out, or waive it."""

    def __init__(self, leaks: Sequence[Leak]) -> None:
        shown = "; ".join(f"{leak.kind}: {leak.one} and {leak.other}" for leak in leaks[:5])
        more = f" and {len(leaks) - 5} more (--json lists them)" if len(leaks) > 5 else ""
        super().__init__(f"not made: in two splits, {shown}{more}; change the splits, or name them in --waive FILE")
        self.leaks = tuple(leaks)


@dataclass(frozen=True)
class ReleaseOptions:
    """What is asked of a release. Exactly one of `splits` and `like` says which scan stands where."""

    name: str
    rounds: tuple[str, ...] = ()
    """Of which annotations are taken, first choice first; none: whatever is accepted now."""
    splits: Path | None = None
    like: str | None = None
    hide: frozenset[str] = frozenset()
    waivers: Path | None = None
    collection: str = "ct-rate"
    notes: str | None = None


@dataclass
class ReleaseReport:
    """What a release holds, and what its maker should look at."""

    name: str
    digest: str = ""
    storage_digest: str = ""
    scans: int = 0
    findings: int = 0
    annotations: int = 0
    entities: int = 0
    undrawn: list[str] = field(default_factory=list)
    """Findings that are not in it, `scan index`: nothing is drawn for them, and something for others of their scan."""
    waived: list[Leak] = field(default_factory=list)
    unused_waivers: list[Waiver] = field(default_factory=list)
    near_reports: list[NearReports] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "name": self.name,
            "digest": self.digest,
            "storageDigest": self.storage_digest,
            **{name: getattr(self, name) for name in ("scans", "findings", "annotations", "entities", "undrawn")},
            "waived": [asdict(leak) for leak in self.waived],
            "unusedWaivers": [waiver.model_dump() for waiver in self.unused_waivers],
            "nearReports": [asdict(near) for near in self.near_reports],
        }


@dataclass(frozen=True)
class _Placed:
    """A scan with its place, and which schema its annotations stand in."""

    id: UUID
    place: Place
    schema: str


@dataclass(frozen=True)
class _Chosen:
    """An annotation of a finding, and what it holds."""

    id: UUID
    protocol: str | None
    voxels: int
    entities: int


def make_release(
    database: Database, store: ArrayStore, options: ReleaseOptions, *, dry_run: bool = False
) -> ReleaseReport:
    """Make a release, or with `dry_run` say what it would hold.

    Raises:
        SourceError: the name exists, a split or waiver file cannot be used, nothing is chosen, or a hidden scan would
            stand in an open split.
        LeakRefused: something stands in two splits, and no waiver names it.
        NotFound: there is no such round, release, collection or scan.
    """
    with database.transaction(Role.OWNER) as session:
        report = _Maker(session, store, options).make()
        if dry_run:
            session.rollback()
    return report


class _Maker:
    """Makes one release in the owner's transaction."""

    def __init__(self, session: Session, store: ArrayStore, options: ReleaseOptions) -> None:
        self.session = session
        self.store = store
        self.options = options
        self.report = ReleaseReport(options.name)

    def make(self) -> ReleaseReport:
        self._refuse_known_name()
        collection = self._collection()
        rounds = self._rounds()
        placed = self._placed(collection)
        self._guard(placed)
        release = self._start(collection)
        self._add_splits(release, placed)
        placed = self._hide(placed)
        for schema in (OPEN, HIDDEN):
            self._add_findings(release, [scan for scan in placed if scan.schema == schema], schema, rounds)
        digests = save_digests(self.session, release)
        self.report.digest, self.report.storage_digest = digests.logical, digests.storage
        return self.report

    def _refuse_known_name(self) -> None:
        self.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("release", 0))))
        if self.session.exec(select(Release.id).where(Release.name == self.options.name)).first() is not None:
            raise SourceError(f"there is a release {self.options.name!r} already; releases never change: choose a name")

    def _collection(self) -> int:
        return _key(self.session, Collection, self.options.collection)

    def _rounds(self) -> list[int]:
        return [_key(self.session, Round, name) for name in self.options.rounds]

    def _places(self) -> list[Place]:
        if (self.options.splits is None) == (self.options.like is None):
            raise SourceError("one of --splits FILE and --like RELEASE is needed: it says which scan stands where")
        if self.options.splits is not None:
            return read_splits(self.options.splits)
        return splits_like(self.session, self.options.like or "")

    def _placed(self, collection: int) -> list[_Placed]:
        places = {place.scan: place for place in self._places()}
        if not places:
            raise SourceError("no scan is named, so there is nothing to release")
        if unknown := sorted(self.options.hide - {place.split for place in places.values()}):
            raise SourceError(f"--hide {unknown[0]}: there is no such split")
        hidden = sa.func.scan_is_hidden(col(Scan.id), type_=sa.Boolean)
        query = sa.select(col(Scan.id), col(Scan.name), hidden).where(col(Scan.collection_id) == collection)
        query = query.where(col(Scan.name) == sa.any_(sa.literal(list(places), ARRAY(sa.Text))))
        found = [
            _Placed(key, places[name], HIDDEN if is_hidden else OPEN)
            for key, name, is_hidden in self.session.execute(query)
        ]
        if missing := sorted(set(places) - {scan.place.scan for scan in found}):
            raise NotFound(f"{len(missing)} scans are not in the archive, the first is {missing[0]!r}; import them")
        self._refuse_unhiding(found)
        return sorted(found, key=lambda scan: scan.place.scan)

    def _refuse_unhiding(self, placed: Iterable[_Placed]) -> None:
        hide = self.options.hide | self._hidden_like()
        shown = [scan.place for scan in placed if scan.schema == HIDDEN and scan.place.split not in hide]
        if shown:
            where = f"{shown[0].scan} stands in a hidden split of another release, and here in {shown[0].split}"
            raise SourceError(f"{where} ({len(shown)} such scans): hide that split too, or take them out")

    def _hidden_like(self) -> set[str]:
        query = (
            select(ReleaseSplit.name)
            .join(Release, col(Release.id) == col(ReleaseSplit.release_id))
            .where(Release.name == self.options.like, ReleaseSplit.visibility == Visibility.HIDDEN)
        )
        return set(self.session.exec(query))

    def _guard(self, placed: Sequence[_Placed]) -> None:
        guard = Guard(self.session, {scan.id: scan.place.split for scan in placed})
        self.waivers = read_waivers(self.options.waivers) if self.options.waivers else []
        leaks = guard.leaks()
        refused = [leak for leak in leaks if not any(waiver.covers(leak) for waiver in self.waivers)]
        if refused:
            raise LeakRefused(refused)
        self.report.waived = leaks
        self.report.unused_waivers = [w for w in self.waivers if not any(w.covers(leak) for leak in leaks)]
        self.report.near_reports = guard.near_reports()

    def _start(self, collection: int) -> int:
        draft = rexgroundingct_ontology()
        ontology = select(Ontology.id).where(Ontology.name == draft.name, Ontology.version == draft.version)
        release = Release(
            name=self.options.name,
            collection_id=collection,
            ontology_id=self.session.exec(ontology).one(),
            kind=ReleaseKind.MADE,
            rounds=list(self.options.rounds),
            notes=self.options.notes,
        )
        self.session.add(release)
        self.session.flush()
        for waiver in self.waivers:
            if waiver not in self.report.unused_waivers:
                self.session.add(ReleaseWaiver(release_id=release.id, **waiver.model_dump()))
        self.session.flush()
        return release.id

    def _add_splits(self, release: int, placed: Sequence[_Placed]) -> None:
        hidden = self.options.hide | self._hidden_like()
        splits = sorted({scan.place.split for scan in placed})
        rows = [{"release_id": release, "name": name, "visibility": _visibility(name in hidden)} for name in splits]
        self._add(ReleaseSplit, rows)

    def _hide(self, placed: Sequence[_Placed]) -> list[_Placed]:
        """Move what a hidden split of this release shows until now out of sight."""
        hidden = self.options.hide | self._hidden_like()
        for scan in placed:
            if scan.place.split in hidden and scan.schema == OPEN:
                hide_scan(self.session, self.store, scan.id)
        return [_Placed(s.id, s.place, HIDDEN if s.place.split in hidden else OPEN) for s in placed]

    def _add_findings(self, release: int, placed: Sequence[_Placed], schema: str, rounds: Sequence[int]) -> None:
        scans = [scan.id for scan in placed]
        chosen = self._annotations(scans, schema, rounds)
        declared = self._declared(schema)
        findings = self._findings(scans)
        rows: dict[type[Table], list[dict[str, Any]]] = {ReleaseScan: [], ReleaseFinding: [], ReleaseAnnotation: []}
        for scan in placed:
            kept = self._kept(scan, findings.get(scan.id, []), chosen)
            protocols = {chosen[key].protocol for key, _ in kept if key in chosen}
            protocol = scan.place.protocol or (protocols.pop() if len(protocols) == 1 else None)
            rows[ReleaseScan].append(
                {"release_id": release, "scan_id": scan.id, "split": scan.place.split, "protocol": protocol}
            )
            for index, (key, revision) in enumerate(kept):
                place = {"release_id": release, "finding_id": key}
                rows[ReleaseFinding].append({**place, "scan_id": scan.id, "revision_id": revision, "index": index})
                if key in chosen:
                    rows[ReleaseAnnotation].append({**place, **_counts(chosen[key], declared)})
                    self.report.entities += chosen[key].entities
        for model, each in rows.items():
            self._add(model, each, schema)
        self.report.scans += len(rows[ReleaseScan])
        self.report.findings += len(rows[ReleaseFinding])
        self.report.annotations += len(rows[ReleaseAnnotation])

    def _kept(
        self, scan: _Placed, findings: Sequence[tuple[UUID, UUID, int]], chosen: Mapping[UUID, _Chosen]
    ) -> list[tuple[UUID, UUID]]:
        """Give (finding, revision) in the release's order; a scan of which nothing is drawn keeps its words."""
        drawn = [each for each in findings if each[0] in chosen]
        self.report.undrawn += [
            f"{scan.place.scan} {index}" for key, _, index in findings if drawn and key not in chosen
        ]
        return [(key, revision) for key, revision, _ in drawn or findings]

    def _findings(self, scans: Sequence[UUID]) -> dict[UUID, list[tuple[UUID, UUID, int]]]:
        """By scan, (finding, latest revision, source index), in the order of the release that this one is like."""
        like = sa.select(col(ReleaseFinding.finding_id), col(ReleaseFinding.index))
        like = like.join(Release, col(Release.id) == col(ReleaseFinding.release_id))
        before = like.where(col(Release.name) == (self.options.like or "")).subquery()
        query = (
            sa.select(col(Finding.scan_id), col(Finding.id), col(FindingRevision.id), col(Finding.source_index))
            .join(FindingRevision, col(FindingRevision.finding_id) == col(Finding.id))
            .outerjoin(before, before.c.finding_id == col(Finding.id))
            .where(col(FindingRevision.is_latest), _among(col(Finding.scan_id), scans))
            .order_by(col(Finding.scan_id), before.c.index.nulls_last(), col(Finding.source_index))
        )
        found: dict[UUID, list[tuple[UUID, UUID, int]]] = {}
        for scan, key, revision, index in self.session.execute(query):
            found.setdefault(scan, []).append((key, revision, index))
        return found

    def _annotations(self, scans: Sequence[UUID], schema: str, rounds: Sequence[int]) -> dict[UUID, _Chosen]:
        """By finding, the annotation of the first round that has one, or the accepted one; of several the newest."""
        count = sa.select(sa.func.count()).where(col(Entity.annotation_id) == col(Annotation.id)).scalar_subquery()
        query = (
            sa.select(
                col(Annotation.finding_id), col(Annotation.id), col(Annotation.protocol), col(Annotation.voxels), count
            )
            .ext(distinct_on(col(Annotation.finding_id)))
            .where(_among(col(Annotation.scan_id), scans), _last_word(rounds))
            .order_by(col(Annotation.finding_id), *_choice(rounds), col(Annotation.created_at).desc())
            .order_by(col(Annotation.version).desc(), col(Annotation.id))
        )
        options = {"schema_translate_map": {OPEN: schema}}
        rows = self.session.execute(query, execution_options=options)
        return {finding: _Chosen(*rest) for finding, *rest in rows}

    def _declared(self, schema: str) -> dict[UUID, tuple[int | None, int | None]]:
        """By annotation, the counts that the release which this one is like declares."""
        columns = (ReleaseAnnotation.annotation_id, ReleaseAnnotation.declared_entities)
        query = sa.select(*map(col, columns), col(ReleaseAnnotation.declared_voxels))
        query = query.join(Release, col(Release.id) == col(ReleaseAnnotation.release_id))
        query = query.where(col(Release.name) == (self.options.like or ""))
        rows = self.session.execute(query, execution_options={"schema_translate_map": {OPEN: schema}})
        return {annotation: (entities, voxels) for annotation, entities, voxels in rows}

    def _add(self, model: type[Table], rows: Sequence[dict[str, Any]], schema: str = OPEN) -> None:
        if rows:
            options = {"schema_translate_map": {OPEN: schema}}
            self.session.execute(sa.insert(model), list(rows), execution_options=options)


def _key(session: Session, model: Any, name: str) -> int:
    found: int | None = session.exec(select(model.id).where(model.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"there is no {model.__tablename__} {name!r}")
    return found


def _visibility(hidden: bool) -> Visibility:
    return Visibility.HIDDEN if hidden else Visibility.OPEN


def _among(column: Any, keys: Sequence[UUID]) -> sa.ColumnElement[bool]:
    return sa.cast(column == sa.any_(sa.literal(list(keys), ARRAY(sa.Uuid()))), sa.Boolean)


def _last_word(rounds: Sequence[int]) -> sa.ColumnElement[bool]:
    """Accepted now; or of these rounds, accepted once and not replaced within the round."""
    if not rounds:
        return col(Annotation.state) == AnnotationState.ACCEPTED
    newer = sa.orm.aliased(Annotation)
    replaced = sa.exists().where(
        col(newer.supersedes_id) == col(Annotation.id), col(newer.round_id) == col(Annotation.round_id)
    )
    once = col(Annotation.state).in_([AnnotationState.ACCEPTED, AnnotationState.SUPERSEDED])
    return sa.and_(col(Annotation.round_id).in_(rounds), once, ~replaced)


def _choice(rounds: Sequence[int]) -> Iterator[sa.ColumnElement[Any]]:
    if rounds:
        yield sa.func.array_position(sa.literal(list(rounds), ARRAY(sa.BigInteger)), col(Annotation.round_id))


def _counts(chosen: _Chosen, declared: Mapping[UUID, tuple[int | None, int | None]]) -> dict[str, Any]:
    entities, voxels = declared.get(chosen.id, (chosen.entities, chosen.voxels))
    return {"annotation_id": chosen.id, "declared_entities": entities, "declared_voxels": voxels}
