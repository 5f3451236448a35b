"""Moving a scan's annotations out of sight, when a release hides a split that was open before."""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, OPEN
from schema.tables import METADATA

_ANNOTATIONS = "SELECT id FROM {schema}.annotation WHERE scan_id = :scan"
_ENTITIES = (
    "SELECT e.id FROM {schema}.entity e JOIN {schema}.annotation a ON a.id = e.annotation_id WHERE a.scan_id = :scan"
)
_FINDINGS = "SELECT id FROM finding WHERE scan_id = :scan"
_CHAINS = "SELECT r.id FROM {schema}.reasoning r JOIN finding f ON f.id = r.finding_id WHERE f.scan_id = :scan"

MOVED = (
    ("label_array", "scan_id = :scan"),
    ("annotation", "scan_id = :scan"),
    ("entity", f"annotation_id IN ({_ANNOTATIONS})"),
    ("geometry", f"entity_id IN ({_ENTITIES})"),
    ("location", f"entity_id IN ({_ENTITIES})"),
    ("annotation_event", f"annotation_id IN ({_ANNOTATIONS})"),
    ("annotation_source", f"annotation_id IN ({_ANNOTATIONS})"),
    ("confirmation", f"annotation_id IN ({_ANNOTATIONS})"),
    ("annotation_difference", f"after_id IN ({_ANNOTATIONS})"),
    ("handout", "scan_id = :scan"),
    ("agreement", f"finding_id IN ({_FINDINGS})"),
    ("text_check", f"annotation_id IN ({_ANNOTATIONS})"),
    ("reasoning", f"finding_id IN ({_FINDINGS})"),
    ("reasoning_step", f"reasoning_id IN ({_CHAINS})"),
    ("review", f"annotation_id IN ({_ANNOTATIONS})"),
    ("adjudication", f"finding_id IN ({_FINDINGS})"),
    ("release_annotation", f"finding_id IN ({_FINDINGS})"),
    ("score", f"finding_id IN ({_FINDINGS})"),
    ("imported_scan", "scan_id = :scan"),
    ("fault", "scan = (SELECT name FROM scan WHERE id = :scan)"),
)
"""What of a scan is hidden with it, parents before children; every hideable table but the sums of runs and rounds."""


def hide_scan(session: Session, store: ArrayStore, scan_id: UUID) -> bool:
    """Move a scan's annotations and all that hangs on them from `open` to `hidden`, as the owner.

    Their arrays are copied to the hidden area first; the open copies are garbage once the caller commits.
    Tells whether there was anything to move.
    """
    digests = session.scalars(
        sa.text(f"SELECT digest FROM {OPEN}.label_array WHERE scan_id = :scan"),  # noqa: S608 - a constant
        {"scan": scan_id},
    ).all()
    for digest in digests:
        store.hide_labels(digest)
    for table, where in MOVED:
        _copy(session, table, where, scan_id)
    for table, where in reversed(MOVED):
        condition = where.format(schema=OPEN)
        session.execute(sa.text(f"DELETE FROM {OPEN}.{table} WHERE {condition}"), {"scan": scan_id})  # noqa: S608
    return bool(digests)


def _copy(session: Session, table: str, where: str, scan_id: UUID) -> None:
    columns = ", ".join(f'"{name}"' for name in _columns(table))
    condition = where.format(schema=OPEN)
    session.execute(
        sa.text(
            f"INSERT INTO {HIDDEN}.{table} ({columns}) "  # noqa: S608 - names of our own
            f"SELECT {columns} FROM {OPEN}.{table} WHERE {condition}"
        ),
        {"scan": scan_id},
    )


def _columns(table: str) -> list[str]:
    columns = METADATA.tables[f"{OPEN}.{table}"].columns
    return [column.name for column in columns if column.computed is None and column.identity is None]
