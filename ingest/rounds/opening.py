"""Opening a round: what is to be drawn, how completely, and by how many."""

import math
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from schema.annotation import AnnotationPolicy
from schema.cohort import CohortMember
from schema.errors import SourceError
from schema.finding import Finding
from schema.queries.cohorts import cohort_id
from schema.round import Round
from schema.scan import Scan


@dataclass(frozen=True)
class RoundOptions:
    """What is asked of a round.

    Raises:
        SourceError: a number is out of range.
    """

    name: str
    cohort: str
    protocol: str | None = None
    policy: AnnotationPolicy | None = None
    """None: as the protocol says."""
    readers: int | None = None
    tolerance_mm: float | None = None
    accept_above: float | None = None
    instructions: str | None = None
    tool: str | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        if self.readers is not None and self.readers < 1:
            raise SourceError(f"a finding has one reader or more, not {self.readers}")
        if self.tolerance_mm is not None and not 0 <= self.tolerance_mm < math.inf:
            raise SourceError(f"a tolerance is 0 mm or more, not {self.tolerance_mm}")
        if self.accept_above is not None and not 0 <= self.accept_above <= 1:
            raise SourceError(f"a Dice is from 0 to 1, not {self.accept_above}")


def open_round(session: Session, options: RoundOptions) -> Round:
    """Open a round over the findings of a cohort.

    Raises:
        NotFound: there is no such cohort.
        SourceError: there is a round of this name, or the cohort holds scans of several collections.
    """
    if not options.name.strip() or not options.name.isprintable():
        raise SourceError(f"{options.name!r} is no name for a round")
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"round/{options.name}", 0))))
    if session.exec(select(Round.id).where(Round.name == options.name)).first() is not None:
        raise SourceError(f"there is a round {options.name!r} already; what it was opened with never changes")
    cohort = cohort_id(session, options.cohort)
    policy = options.policy
    row = Round(
        name=options.name,
        collection_id=_collection(session, cohort, options.cohort),
        protocols=[options.protocol] if options.protocol else [],
        source=f"cohort {options.cohort}",
        tool=options.tool,
        licence=options.licence,
        cohort_id=cohort,
        policy=policy.kind if policy else None,
        policy_limit=policy.limit if policy else None,
        instructions=options.instructions,
        readers=options.readers,
        tolerance_mm=options.tolerance_mm,
        accept_above=options.accept_above,
    )
    session.add(row)
    session.flush()
    return row


def _collection(session: Session, cohort: int, name: str) -> int:
    query = (
        select(Scan.collection_id)
        .join(Finding, col(Finding.scan_id) == col(Scan.id))
        .join(CohortMember, col(CohortMember.finding_id) == col(Finding.id))
        .where(CohortMember.cohort_id == cohort)
        .distinct()
    )
    found = session.exec(query).all()
    if len(found) != 1:
        raise SourceError(f"cohort {name} holds findings of {len(found)} collections; a round is about one")
    return found[0]
