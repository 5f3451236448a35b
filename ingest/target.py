"""What a run of an import hangs on: its collection, round and release, and the run itself."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, select

from ingest.cases import CaseFile
from ingest.options import ImportOptions
from schema.annotation import AnnotationPolicy
from schema.collection import Collection
from schema.errors import NotFound, SourceError
from schema.import_run import ImportRun
from schema.ontology import Category, Ontology, rexgroundingct_ontology
from schema.release import Release, ReleaseKind, ReleaseSplit, Visibility
from schema.round import Round
from schema.version import software_version


@dataclass(frozen=True)
class ImportTarget:
    """What a run imports into; the same for all its cases."""

    run_id: int
    collection_id: int
    collection: str
    categories: dict[str, int]
    """Category key by code."""
    round_id: int
    round: str
    release_id: int | None
    release: str | None
    policy: AnnotationPolicy | None
    """Overrides what protocols say."""
    terms: str | None

    @property
    def source_key(self) -> str:
        """Names this import among those that a scan has seen."""
        return f"{self.collection}/{self.round}/{self.release or ''}"


def start_run(session: Session, options: ImportOptions, source: CaseFile) -> ImportTarget:
    """Make the rows that a run hangs on, as the owner: collection, round, release with its splits, and the run.

    Raises:
        NotFound: the ontology is not there.
        SourceError: the release has a split that is to be hidden, and is not.
    """
    collection_id = _ensure(session, Collection, {"name": options.collection}, {})
    protocols = sorted({case.protocol for case in source.cases if case.protocol})
    round_id = _ensure(
        session,
        Round,
        {"name": options.round},
        {"collection_id": collection_id, "protocols": protocols, "source": options.dataset.name},
    )
    ontology_id = _ontology_id(session)
    release_id = _start_release(session, options, source, collection_id, ontology_id) if options.release else None
    categories = session.exec(
        select(Category.code, Category.id).where(Category.ontology_id == ontology_id, Category.assignable)
    )
    run = ImportRun(
        kind="rexgroundingct",
        source=str(options.dataset.absolute()),
        settings={"round": options.round, "release": options.release, "sha256": source.sha256},
        software_version=software_version(),
    )
    session.add(run)
    session.flush()
    return ImportTarget(
        run_id=run.id,
        collection_id=collection_id,
        collection=options.collection,
        categories=dict(categories.all()),
        round_id=round_id,
        round=options.round,
        release_id=release_id,
        release=options.release,
        policy=options.policy,
        terms=options.terms,
    )


def _ontology_id(session: Session) -> int:
    draft = rexgroundingct_ontology()
    query = select(Ontology.id).where(Ontology.name == draft.name, Ontology.version == draft.version)
    found = session.exec(query).one_or_none()
    if found is None:
        raise NotFound(f"ontology {draft.name} {draft.version} is not in the database; run `groundct migrate`")
    return found


def _ensure(session: Session, model: Any, key: dict[str, Any], values: dict[str, Any]) -> int:
    session.execute(insert(model).values(**key, **values).on_conflict_do_nothing())
    found: int = session.exec(select(model.id).filter_by(**key)).one()
    return found


def _start_release(
    session: Session, options: ImportOptions, source: CaseFile, collection_id: int, ontology_id: int
) -> int:
    facts = {
        "collection_id": collection_id,
        "ontology_id": ontology_id,
        "kind": ReleaseKind.PUBLISHED,
        "source_sha256": source.sha256,
    }
    release_id = _ensure(session, Release, {"name": options.release}, facts)
    for split in sorted({case.split for case in source.cases}):
        visibility = Visibility.HIDDEN if split in options.hide else Visibility.OPEN
        row = {"release_id": release_id, "name": split}
        session.execute(insert(ReleaseSplit).values(**row, visibility=visibility).on_conflict_do_nothing())
        if options.hide and _visibility(session, row) is not visibility:
            raise SourceError(
                f"release {options.release} was imported with the split {split} {_visibility(session, row).value}; "
                "give this import another --release name"
            )
    return release_id


def _visibility(session: Session, key: dict[str, Any]) -> Visibility:
    return Visibility(session.exec(select(ReleaseSplit.visibility).filter_by(**key)).one())
