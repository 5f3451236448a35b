"""Who waits for whom while rounds are written: advisory locks of one transaction, never a table."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schema.database import LOCK_ARRAYS


def lock_turn(session: Session, *words: object) -> None:
    """Wait until nobody else is at the same thing, to the end of the transaction."""
    name = "/".join(map(str, words))
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))


def lock_handout(session: Session, round_id: int, finding: UUID) -> None:
    """Wait until nobody else gives this finding to somebody."""
    lock_turn(session, "handout", round_id, finding)


def lock_annotation(session: Session, round_id: int, finding: UUID, annotator: int) -> None:
    """Wait until nobody else adds what this annotator says of this finding in this round."""
    lock_turn(session, "annotation", round_id, finding, annotator)


def keep_scan(session: Session, scan: str) -> None:
    """Keep an import from hiding a scan, and garbage collection away from its arrays, to the end of the transaction."""
    share = sa.func.pg_advisory_xact_lock_shared
    session.execute(sa.select(share(LOCK_ARRAYS), share(sa.func.hashtextextended(scan, 0))))
