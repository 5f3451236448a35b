"""What the checks go by: the words, the entities and the neighbours of one annotation. Knows no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from schema.annotation import AnnotationPolicy, Policy
from schema.descriptor import DescriptorKind
from schema.finding import Side
from schema.text_check import CheckOutcome

Vector: TypeAlias = tuple[float, float, float]
VoxelBox: TypeAlias = tuple[tuple[int, int, int], tuple[int, int, int]]
"""First voxel and one past the last one, along i, j, k."""


@dataclass(frozen=True)
class Said:
    """One descriptor."""

    kind: DescriptorKind
    value: str
    sizes_mm: tuple[float, ...] = ()
    number: int | None = None


@dataclass(frozen=True)
class Words:
    """What the latest revision of a finding says."""

    text: str = ""
    said: tuple[Said, ...] = ()
    """Its descriptors, denied ones left out."""
    described_by: str | None = None
    """What read them; None where the text has none."""
    text_side: Side | None = None
    """The side that the import read."""
    category: str | None = None
    """The code as the source wrote it."""
    ontology: str | None = None
    """Name and version of the ontology that holds the code; None where none does."""

    def values(self, kind: DescriptorKind) -> list[str]:
        """Give what is said of a kind, in the order of the words, each once."""
        return list(dict.fromkeys(one.value for one in self.said if one.kind is kind))

    @property
    def sides(self) -> frozenset[Side]:
        """The sides that are named: by the descriptors, or else by what the import read."""
        named = frozenset(side for side in Side if side.value in self.values(DescriptorKind.SIDE))
        return named or frozenset({self.text_side} - {None})  # type: ignore[arg-type]

    @property
    def both_sides(self) -> bool:
        """Whether the words put the finding on both sides."""
        return Side.BILATERAL in self.sides or {Side.LEFT, Side.RIGHT} <= self.sides


@dataclass(frozen=True)
class PlaceFacts:
    """Where an entity lies in one organ mask; None is not known."""

    scheme: str
    lung_share: float | None = None
    left_share: float | None = None
    right_share: float | None = None
    lung_border_mm: float | None = None
    lobes: Mapping[str, float] = field(default_factory=dict)
    """Lobe to the share of the entity's voxels in it."""
    organs: Mapping[str, float] = field(default_factory=dict)
    """Every organ that it touches, lung or not."""


@dataclass(frozen=True)
class EntityFacts:
    """One entity; None is not known, as where there is no volume or it is not yet measured."""

    label: int
    voxels: int
    box_vox: VoxelBox
    centroid_vox: Vector | None = None
    side: Side | None = None
    volume_mm3: float | None = None
    max_diameter_mm: float | None = None
    long_axis_mm: float | None = None
    short_axis_mm: float | None = None
    least_axis_mm: float | None = None
    flatness: float | None = None
    components26: int | None = None
    hu_mean: float | None = None
    hu_above_130: float | None = None
    body_share: float | None = None
    """Share of its voxels within the body's outline."""
    places: tuple[PlaceFacts, ...] = ()

    @property
    def drawn(self) -> tuple[Any, ...]:
        """What two drawings of the same voxels have in common."""
        return self.voxels, self.box_vox, self.centroid_vox


@dataclass(frozen=True)
class OtherFinding:
    """Another finding of the scan."""

    index: int
    text: str
    drawn: frozenset[tuple[Any, ...]] = frozenset()
    """`drawn` of the entities of its annotation in the same round."""


@dataclass(frozen=True)
class FindingFacts:
    """An annotation with the words it is about."""

    words: Words
    policy: AnnotationPolicy
    entities: tuple[EntityFacts, ...]
    others: tuple[OtherFinding, ...] = ()
    revision_id: UUID | None = None

    @property
    def all_drawn(self) -> bool:
        """Whether nothing of the finding is left without a label."""
        return self.policy.kind is Policy.EXHAUSTIVE


@dataclass(frozen=True)
class Verdict:
    """What a check says; `severity` is 0 to 1 where it contradicts, and None elsewhere."""

    outcome: CheckOutcome
    evidence: Mapping[str, Any]
    severity: float | None = None


def holds(**evidence: Any) -> Verdict:
    """Words and masks agree."""
    return Verdict(CheckOutcome.HOLDS, evidence)


def contradicts(severity: float, **evidence: Any) -> Verdict:
    """Words and masks do not agree; the severity is cut to 0 to 1."""
    return Verdict(CheckOutcome.CONTRADICTS, evidence, round(min(1.0, max(0.0, severity)), 4))


def unknown(reason: str, **evidence: Any) -> Verdict:
    """Words or masks do not say enough."""
    return Verdict(CheckOutcome.UNKNOWN, {"reason": reason, **evidence})


NOT_DESCRIBED = "not described; run groundct reports process --stage describe"


def unsaid(words: Words, what: str) -> Verdict:
    """The words do not say this, or nobody has read what they say."""
    return unknown(NOT_DESCRIBED if words.described_by is None else f"the words say no {what}")
