"""Which state of the archive is read: the rows that hold now, those that a release names, or what a round says."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from schema.errors import NotFound
from schema.queries.tables import RELEASE, ROUND


@dataclass(frozen=True)
class Scope:
    """A state to read. With neither: latest revisions and accepted annotations.

    A release decides revisions, indices and annotations. A round decides annotations only, and over a release's.
    Within a statement a key may be an expression.
    """

    release_id: int | sa.ColumnElement[int] | None = None
    round_id: int | sa.ColumnElement[int] | None = None


NOW = Scope()


def release_scope(session: Session, name: str | None) -> Scope:
    """Give the scope of a release's name, or of now for None.

    Raises:
        NotFound: there is no such release.
    """
    return Scope(release_id=_key(session, RELEASE, name)) if name is not None else NOW


def round_key(session: Session, name: str) -> int:
    """Give the key of a round's name.

    Raises:
        NotFound: there is no such round.
    """
    return _key(session, ROUND, name)


def _key(session: Session, table: sa.Table, name: str) -> int:
    key = session.scalar(sa.select(table.c.id).where(table.c.name == name))
    if key is None:
        raise NotFound(f"there is no {table.name} {name!r}")
    return int(key)
