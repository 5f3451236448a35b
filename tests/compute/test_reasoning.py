"""The space that chains walk through: halves in any orientation, lungs by masks, boxes that nest."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.checks.checking import run_checks
from compute.checks.facts import EntityFacts, FindingFacts, Said, Words
from compute.kernels.frames import voxels_lps_mm
from compute.kernels.runs import label_runs
from compute.reasoning import OrganBoxes, ScanSpace, Step, holds_box, join, make_chain, meet
from schema.annotation import AnnotationPolicy
from schema.descriptor import DescriptorKind
from schema.finding import Side
from schema.reasoning import ReasoningLevel

SHAPE = (12, 14, 16)
BOXES = st.tuples(*(st.integers(0, n - 1) for n in SHAPE)).flatmap(
    lambda low: st.tuples(*(st.integers(a + 1, n) for a, n in zip(low, SHAPE, strict=True))).map(
        lambda high: (low, high)
    )
)


def turned(orientation: str) -> np.ndarray:
    """The affine of a scan of 2 mm voxels in this orientation, its LPS x growing from 0."""
    lps, codes = (nib.orientations.axcodes2ornt(tuple(each)) for each in ("LPS", orientation))
    back = nib.orientations.inv_ornt_aff(nib.orientations.ornt_transform(lps, codes), SHAPE)
    affine: np.ndarray = np.diag([-2.0, -2.0, 2.0, 1.0]) @ back
    return affine


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "PLS", "SRA", "ILP"])
@given(midline=st.floats(-40, 40))
def test_halves_are_apart_at_the_midline_in_any_orientation(orientation: str, midline: float) -> None:
    affine = turned(orientation)
    middle = float(voxels_lps_mm((np.array(SHAPE) - 1) / 2, affine)[0]) + midline
    space = ScanSpace(SHAPE, affine, middle)
    voxels = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1).reshape(-1, 3)
    x = voxels_lps_mm(voxels, affine)[:, 0]
    for side, expected in ((Side.LEFT, x > middle), (Side.RIGHT, x <= middle)):
        low, high = space.half(side) or ((0, 0, 0), (0, 0, 0))
        inside = ((voxels >= low) & (voxels < high)).all(axis=1)
        apart = np.abs(x - middle) > 1e-9  # a voxel in the midline may be on either side
        assert (inside == expected)[apart].all()


def lungs() -> np.ndarray:
    labels = np.zeros(SHAPE[::-1], np.uint8)
    labels[2:14, 2:12, 1:5], labels[2:14, 2:12, 7:11] = 1, 2
    return labels


def test_a_lung_is_that_of_the_mask_and_one_without_sides_is_cut() -> None:
    affine, runs = turned("LPS"), label_runs(lungs())
    sided = OrganBoxes.of("sided", {"1": "lung_right", "2": "lung_left"}, runs, SHAPE[1])
    one = OrganBoxes.of("lungs", {"1": "lung", "2": "lung"}, runs, SHAPE[1])
    middle = float(voxels_lps_mm([5.5, 0, 0], affine)[0])
    for organs, source in ((sided, "organ mask sided"), (one, "organ mask lungs, cut at the body midline")):
        space = ScanSpace(SHAPE, affine, middle, (organs,))
        assert space.lung(Side.RIGHT) == (((1, 2, 2), (5 if organs is sided else 6, 12, 14)), source)
        box, _ = space.lung(Side.BILATERAL)
        assert box == ((1, 2, 2), (11, 12, 14))
    assert ScanSpace(SHAPE).lung(Side.LEFT)[0] is None


def chain(entity: EntityFacts, *said: Said, space: ScanSpace | None = None) -> list[Step]:
    facts = FindingFacts(Words("", said, "x"), AnnotationPolicy.parse("exhaustive"), (entity,))
    organs = OrganBoxes.of("sided", {"1": "lung_right", "2": "lung_left"}, label_runs(lungs()), SHAPE[1])
    space = space or ScanSpace(SHAPE, turned("LPS"), 12.0, (organs,))
    return make_chain(facts, {one.name: one for one in run_checks(facts)}, space, "Nodule")


@given(BOXES, st.sampled_from(list(Side)), st.lists(st.sampled_from(["left", "right", "bilateral"]), max_size=2))
def test_boxes_nest_and_hold_the_entity_unless_they_contradict(box: tuple, side: Side, sides: list[str]) -> None:
    found = Side.LEFT if side is Side.BILATERAL else side
    steps = chain(EntityFacts(1, 5, box, side=found), *(Said(DescriptorKind.SIDE, each) for each in sides))
    held = [step.box_vox for step in steps if step.box_vox and (step.holds is not False or step is steps[-1])]
    assert all(holds_box(each, box) for each in held)
    assert all(holds_box(outer, inner) for outer, inner in zip(held[:-1], held[1:], strict=True))  # noqa: RUF007
    assert [step.level for step in steps] == [ReasoningLevel.SCAN, ReasoningLevel.SIDE, ReasoningLevel.LESION]


def test_a_side_that_contradicts_keeps_its_own_lung() -> None:
    _, side, lesion = chain(
        EntityFacts(1, 5, ((8, 3, 3), (10, 5, 5)), side=Side.LEFT), Said(DescriptorKind.SIDE, "right")
    )
    assert (side.place, side.holds, side.box_vox) == ("right", False, ((1, 2, 2), (5, 12, 14)))
    assert lesion.box_vox == ((8, 3, 3), (10, 5, 5))
    assert side.row(turned("LPS"))["box_lps_mm_min"] == [1.0, 3.0, 3.0]


def test_segments_are_named_and_not_checked_and_without_an_affine_there_are_no_mm() -> None:
    entity = EntityFacts(1, 5, ((8, 3, 3), (10, 5, 5)))
    steps = chain(entity, Said(DescriptorKind.SEGMENT, "lingular"), space=ScanSpace(SHAPE))
    assert [(step.level.value, step.holds) for step in steps] == [("scan", True), ("segment", None), ("lesion", None)]
    assert {step.row(None)["box_lps_mm_min"] for step in steps} == {None}


@given(BOXES, BOXES)
def test_what_two_boxes_share_lies_in_both(one: tuple, other: tuple) -> None:
    shared, around = meet(one, other), join([one, other])
    assert around is not None
    assert all(holds_box(around, each) for each in (one, other))
    assert shared is None or all(holds_box(each, shared) for each in (one, other))
