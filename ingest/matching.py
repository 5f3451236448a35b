"""Telling which findings of a case are already known, when a scan comes again in another file or release."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class KnownAnnotation:
    """The annotation that stands for a finding by default, or in the release."""

    id: UUID
    round_id: int
    labels_digest: str
    voxels: int
    entities: int


@dataclass(frozen=True)
class KnownFinding:
    """A finding of the database, as the release that is imported has it, or else by default."""

    id: UUID
    source_index: int
    revision_id: UUID
    revision: int
    """The number of its latest revision."""
    text: str
    category_code: str | None
    in_release: bool
    annotation: KnownAnnotation | None
    """As the release has it, or else by default."""
    current: KnownAnnotation | None
    """The one that stands by default, which a newer one supersedes."""
    versions: int
    """How many annotations the round already holds of it."""


@dataclass(frozen=True)
class IncomingFinding:
    """A finding of the case; the digest is None where it has no labels or no mask."""

    index: int
    text: str
    labels_digest: str | None


_Key = Callable[[str, str | None, int], Hashable | None]
_RULES: tuple[_Key, ...] = (
    lambda text, digest, _index: (text, digest) if digest else None,
    lambda text, _digest, _index: text.strip() or None,
    lambda _text, digest, _index: digest,
    lambda _text, _digest, index: index,
)


def match_findings(incoming: Sequence[IncomingFinding], known: Sequence[KnownFinding]) -> dict[int, KnownFinding]:
    """Pair incoming findings with known ones, each at most once, and give the known one by incoming index.

    The same words and voxels count most, then the same words, then the same voxels, then the same index: so a
    reordered, a reworded and a redrawn finding is still itself, and what is left over is new.
    """
    matches: dict[int, KnownFinding] = {}
    left = list(known)
    for rule in _RULES:
        by_key = {key: one for one in left if (key := rule(one.text, _digest(one), one.source_index)) is not None}
        for finding in incoming:
            key = rule(finding.text, finding.labels_digest, finding.index)
            if finding.index not in matches and key is not None and (one := by_key.pop(key, None)) is not None:
                matches[finding.index] = one
                left.remove(one)
    return matches


def _digest(known: KnownFinding) -> str | None:
    return known.annotation.labels_digest if known.annotation and known.annotation.voxels else None
