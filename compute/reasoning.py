"""Chains of thought of our own: scan, side, lobe, segment or structure, lesion, each step a claim with a box.

What the words name is claimed and held against the masks; where they name nothing, the masks are told. Boxes are
half-open voxels along i, j, k, and nest: each holds the entities, unless its claim contradicts the masks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.checks.checking import CheckResult
from compute.checks.facts import EntityFacts, FindingFacts, VoxelBox
from compute.checks.lobes import lobe_shares
from compute.kernels.boxes import label_boxes
from compute.kernels.frames import boxes_lps_mm, spacing_mm
from compute.kernels.lungs import LungRoles, lung_roles
from compute.kernels.runs import Runs
from compute.kernels.sides import side_of_finding
from schema.descriptor import DescriptorKind
from schema.finding import Side
from schema.reasoning import ReasoningLevel
from schema.text_check import CheckOutcome

VERSION = "1"
"""Raised with every change that may change a chain, of a check that a step goes by too; chains of another are stale."""

LESION_CHECKS = ("count", "size", "attenuation_hu", "category_shape")
STRUCTURE_SHARE = 0.5
"""An organ beside the lungs that has so much of an entity is where it lies."""
_HOLDS = {CheckOutcome.HOLDS: True, CheckOutcome.CONTRADICTS: False, CheckOutcome.UNKNOWN: None}
_WHERE = {Side.LEFT: "on the left", Side.RIGHT: "on the right", Side.MIDLINE: "in the midline"}
_BY_WORDS, _BY_MASKS = "words", "masks"


@dataclass(frozen=True)
class OrganBoxes:
    """The boxes of one organ mask."""

    scheme: str
    names: Mapping[int, str]
    roles: LungRoles
    boxes: Mapping[int, VoxelBox]

    @classmethod
    def of(cls, scheme: str, names: Mapping[str, str], runs: Runs, height: int) -> "OrganBoxes":
        """Make them from a mask's names, as `organ_mask` has them, and its runs; a slice has `height` rows."""
        known = {int(label): name for label, name in names.items()}
        boxes = {label: _ijk(*box) for label, box in label_boxes(runs, height).items()}
        return cls(scheme, known, lung_roles(known), boxes)

    def around(self, labels: Iterable[int]) -> VoxelBox | None:
        """Give the smallest box around labels; None where none of them occurs."""
        return join(self.boxes[label] for label in labels if label in self.boxes)

    def label_of(self, organ: str) -> int | None:
        """Give the label of an organ's name."""
        return next((label for label, name in self.names.items() if name == organ), None)


@dataclass(frozen=True, eq=False)
class ScanSpace:
    """The scan that chains walk through; without an affine there are no millimetres and no halves."""

    shape_vox: tuple[int, int, int]
    affine_ras: NDArray[np.float64] | None = None
    midline_lps_mm: float | None = None
    organs: tuple[OrganBoxes, ...] = ()

    @property
    def whole(self) -> VoxelBox:
        """All of its voxels."""
        return (0, 0, 0), self.shape_vox

    def half(self, side: Side) -> VoxelBox | None:
        """The half of the volume on one side of the body's midline, cut across the axis that runs most to the left."""
        if self.affine_ras is None or self.midline_lps_mm is None:
            return None
        to_left = -self.affine_ras[0]
        axis = int(np.argmax(np.abs(to_left[:3])))
        centre = (np.array(self.shape_vox) - 1) / 2
        across = centre[axis] + (self.midline_lps_mm - to_left[:3] @ centre - to_left[3]) / to_left[axis]
        cut = int(np.clip(np.floor(across) + 1, 0, self.shape_vox[axis]))
        low, high = [0, 0, 0], list(self.shape_vox)
        if (side is Side.LEFT) == (to_left[axis] > 0):
            low[axis] = cut
        else:
            high[axis] = cut
        return _box(low, high)

    def lung(self, side: Side) -> tuple[VoxelBox | None, str]:
        """The lung of one side, or both for any other: by an organ mask that has it, else a half; and which it is."""
        if side not in (Side.LEFT, Side.RIGHT):
            (left, source), (right, _) = self.lung(Side.LEFT), self.lung(Side.RIGHT)
            return join(box for box in (left, right) if box), source
        half = self.half(side)
        for organs in self.organs:
            roles = organs.roles
            named = organs.around(roles.left if side is Side.LEFT else roles.right)
            unsided = organs.around(roles.unsided)
            beside = meet(unsided, half) if unsided and half else None
            if (found := join(box for box in (named, beside) if box)) is not None:
                return found, f"organ mask {organs.scheme}{', cut at the body midline' if beside else ''}"
        return half, "half of the volume at the body midline"

    def lobes(self, named: Sequence[str]) -> tuple[VoxelBox | None, str]:
        """The smallest box around lobes, `lower lobe` without a side among them; None where no organ mask has them."""
        for organs in self.organs:
            labels = [label for label, lobe in organs.roles.lobes.items() if lobe.endswith(tuple(named))]
            if (found := organs.around(labels)) is not None:
                return found, f"organ mask {organs.scheme}"
        return None, "no organ mask has this lobe"


@dataclass(frozen=True)
class Step:
    """One claim on the way, with what was found of it."""

    level: ReasoningLevel
    place: str
    text: str
    box_vox: VoxelBox | None
    holds: bool | None
    evidence: Mapping[str, Any]

    def row(self, affine_ras: NDArray[np.float64] | None) -> dict[str, Any]:
        """Give the columns of `reasoning_step` beside its keys."""
        low, high = self.box_vox or (None, None)
        low_mm, high_mm = box_lps_mm(self.box_vox, affine_ras)
        return {
            "level": self.level,
            "place": self.place,
            "text": self.text,
            "box_vox_min": low and list(low),
            "box_vox_max": high and list(high),
            "box_lps_mm_min": low_mm,
            "box_lps_mm_max": high_mm,
            "holds": self.holds,
            "evidence": dict(self.evidence),
        }


def box_lps_mm(
    box: VoxelBox | None, affine_ras: NDArray[np.float64] | None
) -> tuple[list[float] | None, list[float] | None]:
    """Give a box's corners in LPS mm, outer faces included; None without a box or an affine."""
    if box is None or affine_ras is None:
        return None, None
    low, high = boxes_lps_mm(box[0][::-1], box[1][::-1], affine_ras)
    return low.tolist(), high.tolist()


def make_chain(
    facts: FindingFacts, checks: Mapping[str, CheckResult], space: ScanSpace, category: str | None
) -> list[Step]:
    """Walk from the scan to the entities of an annotation; a step that neither words nor masks name is left out.

    Args:
        facts: the words and entities.
        checks: what the checks say of them, by name.
        space: the scan.
        category: the category's name.
    """
    steps = [_scan_step(space)]
    steps += _side_steps(facts, checks, space)
    steps += _lobe_steps(facts, checks, space)
    steps += _segment_steps(facts)
    steps += _structure_steps(facts, space)
    return _nested([*steps, _lesion_step(facts, checks, category)])


def _scan_step(space: ScanSpace) -> Step:
    text = f"The scan has {_times(space.shape_vox)} voxels"
    if space.affine_ras is not None:
        text += f", {_times([f'{n:.0f}' for n in spacing_mm(space.affine_ras) * space.shape_vox])} mm"
    return Step(ReasoningLevel.SCAN, "scan", f"{text}.", space.whole, True, {})


def _side_steps(facts: FindingFacts, checks: Mapping[str, CheckResult], space: ScanSpace) -> Iterator[Step]:
    named = facts.words.sides
    if facts.words.both_sides:
        side, check, said_by = Side.BILATERAL, checks["bilateral"], _BY_WORDS
    elif named:
        side, check, said_by = min(named - {Side.MIDLINE} or named), checks["side"], _BY_WORDS
    elif (drawn := _drawn_side(facts.entities)) is not None:
        side, check, said_by = drawn, None, _BY_MASKS
    else:
        return
    box, source = space.lung(side)
    found: Mapping[str, Any] = check.evidence if check else {"sides": _sides(facts.entities)}
    holds = _HOLDS[check.outcome] if check else True
    where = _WHERE.get(side, "on both sides")
    text = f"The words put it {where}." if said_by is _BY_WORDS else f"It is drawn {where}."
    yield Step(ReasoningLevel.SIDE, str(side), text, box, holds, {**found, "said_by": said_by, "box": source})


def _drawn_side(entities: Sequence[EntityFacts]) -> Side | None:
    found = side_of_finding(one.side.name for one in entities if one.side is not None)  # type: ignore[misc]
    return Side[found] if found is not None else None


def _sides(entities: Sequence[EntityFacts]) -> dict[str, str]:
    return {str(one.label): str(one.side) for one in entities if one.side is not None}


def _lobe_steps(facts: FindingFacts, checks: Mapping[str, CheckResult], space: ScanSpace) -> Iterator[Step]:
    shares = {str(one.label): lobes for one in facts.entities if (lobes := lobe_shares(one))}
    named, said_by, check = facts.words.values(DescriptorKind.LOBE), _BY_WORDS, checks["lobe"]
    if not named:
        named, said_by = sorted({max(lobes, key=lambda lobe: lobes[lobe]) for lobes in shares.values()}), _BY_MASKS
    if not named:
        return
    box, source = space.lobes(_on_side(named, facts))
    place = " and ".join(named)
    words = said_by is _BY_WORDS
    text = f"The words name the {place}." if words else f"It is drawn in the {place}."
    found: Mapping[str, Any] = check.evidence if words else {"shares": shares}
    holds = _HOLDS[check.outcome] if words else True
    yield Step(ReasoningLevel.LOBE, place, text, box, holds, {**found, "said_by": said_by, "box": source})


def _on_side(named: Sequence[str], facts: FindingFacts) -> list[str]:
    """Give lobes without a side that of the words, where these name one alone."""
    sides = facts.words.sides & {Side.LEFT, Side.RIGHT}
    if len(sides) != 1 or facts.words.both_sides:
        return list(named)
    return [lobe if lobe.startswith(("left", "right")) else f"{min(sides)} {lobe}" for lobe in named]


def _segment_steps(facts: FindingFacts) -> Iterator[Step]:
    for segment in facts.words.values(DescriptorKind.SEGMENT):
        evidence = {"said_by": _BY_WORDS, "reason": "no organ mask has segments"}
        text = f"The words name the {segment} segment."
        yield Step(ReasoningLevel.SEGMENT, segment, text, None, None, evidence)


def _structure_steps(facts: FindingFacts, space: ScanSpace) -> Iterator[Step]:
    """The organ beside the lungs that holds most of an entity."""
    for organs in space.organs:
        held = _holding(facts.entities, organs)
        if held:
            organ = max(held, key=lambda name: held[name])
            label = organs.label_of(organ)
            box = organs.boxes.get(label) if label is not None else None
            evidence = {"share": held[organ], "said_by": _BY_MASKS, "box": f"organ mask {organs.scheme}"}
            place = organ.replace("_", " ")
            yield Step(ReasoningLevel.STRUCTURE, place, f"It is drawn in the {place}.", box, True, evidence)
            return


def _holding(entities: Sequence[EntityFacts], organs: OrganBoxes) -> dict[str, float]:
    lungs = {organs.names[label] for label in organs.roles.lungs}
    shares = [place.organs for one in entities for place in one.places if place.scheme == organs.scheme]
    beside = [(name, share) for each in shares for name, share in each.items() if name not in lungs]
    return {name: share for name, share in sorted(beside, key=lambda item: item[1]) if share >= STRUCTURE_SHARE}


def _lesion_step(facts: FindingFacts, checks: Mapping[str, CheckResult], category: str | None) -> Step:
    outcomes = [checks[name].outcome for name in LESION_CHECKS]
    holds = None
    if facts.entities and CheckOutcome.CONTRADICTS in outcomes:
        holds = False
    elif facts.entities and CheckOutcome.HOLDS in outcomes:
        holds = True
    evidence = {"entities": len(facts.entities), "checks": dict(zip(LESION_CHECKS, map(str, outcomes), strict=True))}
    box = join(one.box_vox for one in facts.entities)
    place = category or "finding"
    return Step(ReasoningLevel.LESION, place, f"{place}: {_lesion(facts.entities)}.", box, holds, evidence)


def _lesion(entities: Sequence[EntityFacts]) -> str:
    text = f"{len(entities)} {'entity' if len(entities) == 1 else 'entities'}"
    if volumes := [one.volume_mm3 for one in entities if one.volume_mm3 is not None]:
        text += f" of {sum(volumes) / 1000:.2f} ml"
    if diameters := [one.max_diameter_mm for one in entities if one.max_diameter_mm is not None]:
        text += f", {max(diameters):.0f} mm at the longest"
    return text


def _nested(steps: Sequence[Step]) -> list[Step]:
    """Let every box hold those of the steps after it, but for claims that contradict the masks."""
    inner, nested = None, []
    for step in reversed(steps):
        if step.box_vox is None or step.holds is False:
            # What is drawn has its box whatever is said of it.
            inner = step.box_vox if step.level is ReasoningLevel.LESION else inner
            nested.append(step)
            continue
        box = join(each for each in (step.box_vox, inner) if each)
        grown = {"grown": True} if box != step.box_vox else {}
        nested.append(replace(step, box_vox=box, evidence={**step.evidence, **grown}))
        inner = box
    return nested[::-1]


def join(boxes: Iterable[VoxelBox]) -> VoxelBox | None:
    """Give the smallest box around boxes; None for none."""
    listed = list(boxes)
    if not listed:
        return None
    return _box(np.min([low for low, _ in listed], axis=0), np.max([high for _, high in listed], axis=0))


def meet(one: VoxelBox, other: VoxelBox) -> VoxelBox | None:
    """Give what two boxes have in common; None where that is nothing."""
    low, high = np.maximum(one[0], other[0]), np.minimum(one[1], other[1])
    return _box(low, high) if (low < high).all() else None


def holds_box(outer: VoxelBox, inner: VoxelBox) -> bool:
    """Tell whether a box lies within another."""
    return join([outer, inner]) == outer


def _box(low: Any, high: Any) -> VoxelBox:
    i, j, k = (int(n) for n in low)
    a, b, c = (int(n) for n in high)
    return (i, j, k), (a, b, c)


def _ijk(low_zyx: Any, high_zyx: Any) -> VoxelBox:
    return _box(low_zyx[::-1], high_zyx[::-1])


def _times(numbers: Iterable[Any]) -> str:
    return " x ".join(map(str, numbers))
