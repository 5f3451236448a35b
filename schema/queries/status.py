"""What an archive holds, in numbers."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schema.queries.report_views import REPORT_SECTIONS
from schema.queries.scope import NOW
from schema.queries.tables import FINDING, LABEL_ARRAY, REPORT, SCAN, SENTENCE, VOLUME
from schema.queries.views import entities


@dataclass(frozen=True)
class ArchiveStatus:
    """The server's version and what the session's role may see: the rows, and bytes in the array store."""

    version: str
    scans: int
    findings: int
    entities: int
    """Of accepted annotations."""
    reports: int
    """Those that have any text."""
    sentences: int
    volume_bytes: int
    mask_bytes: int


def archive_status(session: Session) -> ArchiveStatus:
    """Count everything in one statement."""
    found = session.execute(sa.select(*(each.label(name) for name, each in _counts().items()))).one()
    return ArchiveStatus(**found._mapping)


def _counts() -> dict[str, sa.ColumnElement[Any]]:
    drawn = entities(NOW)
    has_text = sa.or_(*(REPORT.c[name].is_not(None) for name in REPORT_SECTIONS))
    return {
        "version": sa.func.current_setting("server_version", type_=sa.Text),
        "scans": _rows_of(SCAN),
        "findings": _rows_of(FINDING),
        "entities": _rows_of(drawn.rows, drawn.where),
        "reports": _rows_of(REPORT, has_text),
        "sentences": _rows_of(SENTENCE),
        "volume_bytes": _stored_bytes(VOLUME),
        "mask_bytes": _stored_bytes(LABEL_ARRAY),
    }


def _rows_of(rows: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.select(sa.func.count()).select_from(rows).where(*where).scalar_subquery()


def _stored_bytes(table: sa.Table) -> sa.ColumnElement[int]:
    """Equal arrays are stored once, whatever the number of rows that name them."""
    arrays = sa.select(table.c.digest, table.c.stored_bytes).distinct().subquery()
    total = sa.func.coalesce(sa.func.sum(arrays.c.stored_bytes), 0)
    return sa.select(sa.cast(total, sa.BigInteger)).scalar_subquery()
