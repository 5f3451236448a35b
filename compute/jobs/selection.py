"""Which annotations a job is about: all, or those of a round, a release or a cohort."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.annotation import Annotation
from schema.cohort import Cohort, CohortMember
from schema.database import Database
from schema.errors import NotFound
from schema.finding import Finding
from schema.release import Release, ReleaseAnnotation, Visibility
from schema.round import Round
from schema.scan import Scan


@dataclass(frozen=True)
class Selection:
    """Names that an annotation must belong to; without any, every annotation is meant."""

    round: str | None = None
    release: str | None = None
    cohort: str | None = None
    with_hidden: bool = True
    """Hidden ones too, as the owner."""

    @property
    def visibilities(self) -> tuple[Visibility, ...]:
        """Give where they stand."""
        return tuple(Visibility) if self.with_hidden else (Visibility.OPEN,)

    def require(self, database: Database) -> None:
        """Make sure that what is named is there.

        Raises:
            NotFound: it is not; the message says what there is.
        """
        named: tuple[tuple[str, type[Any], str | None], ...] = (
            ("round", Round, self.round),
            ("release", Release, self.release),
            ("cohort", Cohort, self.cohort),
        )
        with database.transaction() as session:
            for noun, model, name in named:
                if name is not None:
                    _require(session, noun, model, name)

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """Conditions over `annotation`."""
        if self.round is not None:
            yield col(Annotation.round_id) == _key(Round, self.round)
        if self.release is not None:
            of_release = ReleaseAnnotation.release_id == _key(Release, self.release)
            yield col(Annotation.id).in_(select(ReleaseAnnotation.annotation_id).where(of_release))
        if self.cohort is not None:
            of_cohort = CohortMember.cohort_id == _key(Cohort, self.cohort)
            yield col(Annotation.finding_id).in_(select(CohortMember.finding_id).where(of_cohort))


def _key(model: Any, name: str) -> sa.ScalarSelect[int]:
    return sa.select(model.id).where(model.name == name).scalar_subquery()


def _require(session: Session, noun: str, model: Any, name: str) -> None:
    if session.exec(select(model.id).where(model.name == name)).one_or_none() is None:
        known = ", ".join(session.exec(select(model.name).order_by(model.name))) or "none"
        raise NotFound(f"there is no {noun} {name!r}; there are: {known}")


def scans_of_cohort(database: Database, name: str) -> frozenset[str]:
    """Give the names of the scans whose findings are in a cohort.

    Raises:
        NotFound: there is no such cohort; the message says what there is.
    """
    Selection(cohort=name).require(database)
    query = (
        select(Scan.name)
        .join(Finding, col(Finding.scan_id) == col(Scan.id))
        .join(CohortMember, col(CohortMember.finding_id) == col(Finding.id))
        .where(CohortMember.cohort_id == _key(Cohort, name))
    )
    with database.transaction() as session:
        return frozenset(session.exec(query))
