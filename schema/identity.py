"""Identities that are the same wherever a dataset is imported: UUIDv5 of names, never of counters."""

from uuid import UUID, uuid5

NAMESPACE = UUID("6f1c1e0a-5d5b-5c0e-9d3e-2f7d6a3b9c41")
"""GroundCT's own name space; a change of it would change every identity."""


def scan_id(collection: str, scan: str) -> UUID:
    """Give a scan's identity."""
    return uuid5(NAMESPACE, f"scan/{collection}/{scan}")


def finding_id(collection: str, scan: str, source_index: int) -> UUID:
    """Give a finding's identity from its index in the source that named it first."""
    return uuid5(NAMESPACE, f"finding/{collection}/{scan}/{source_index}")


def revision_id(finding: UUID, revision: int) -> UUID:
    """Give the identity of a finding's n-th revision."""
    return uuid5(finding, f"revision/{revision}")


def label_array_id(scan: UUID, digest: str) -> UUID:
    """Give the identity of a stored array of labels of a scan."""
    return uuid5(scan, digest)


def annotation_id(finding: UUID, round_name: str, annotator: str | None, version: int) -> UUID:
    """Give the identity of what one round says about one finding by one annotator, in its n-th version."""
    return uuid5(finding, f"annotation/{round_name}/{annotator or ''}/{version}")


def reasoning_id(finding: UUID, origin: str) -> UUID:
    """Give the identity of the chain of thought about a finding from one origin."""
    return uuid5(finding, f"reasoning/{origin}")


def entity_id(annotation: UUID, label: int) -> UUID:
    """Give the identity of one label of an annotation."""
    return uuid5(annotation, f"entity/{label}")
