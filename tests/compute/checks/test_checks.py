"""Each check at its limits, on facts alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute.checks.checking import CHECKS, run_checks
from compute.checks.facts import EntityFacts, FindingFacts, OtherFinding, PlaceFacts, Said, Words
from schema.annotation import AnnotationPolicy
from schema.descriptor import DescriptorKind
from schema.finding import Side
from schema.text_check import CheckOutcome

EXHAUSTIVE = AnnotationPolicy.parse("exhaustive")
PARTIAL = AnnotationPolicy.parse("at_most 3")
UNKNOWN = AnnotationPolicy.parse("unknown")
BOX = ((0, 0, 0), (10, 10, 10))
HOLDS, CONTRADICTS, NOT_KNOWN = CheckOutcome.HOLDS, CheckOutcome.CONTRADICTS, CheckOutcome.UNKNOWN
K = DescriptorKind


def entity(label: int = 1, **facts: Any) -> EntityFacts:
    return EntityFacts(label, **{"voxels": 100, "box_vox": BOX, "components26": 1, **facts})


def words(*said: Said, **facts: Any) -> Words:
    return Words(**{"text": "Nodule", "said": said, "described_by": "x", "ontology": "rexgroundingct 1", **facts})


def count(*numbers: int) -> Words:
    return words(*(Said(K.COUNT, str(n), number=n) for n in numbers))


def size(*lengths: float, category: str = "2d") -> Words:
    return words(Said(K.SIZE, "", sizes_mm=lengths), category=category)


def said(kind: DescriptorKind, *values: str, **facts: Any) -> Words:
    return words(*(Said(kind, value) for value in values), **facts)


def outcome(
    name: str, said_words: Words, *entities: EntityFacts, policy: AnnotationPolicy = EXHAUSTIVE
) -> CheckOutcome:
    return CHECKS[name].run(FindingFacts(said_words, policy, entities)).outcome


def entities(number: int) -> list[EntityFacts]:
    return [entity(n) for n in range(1, number + 1)]


@pytest.mark.parametrize(
    ("said_words", "drawn", "policy", "expected"),
    [
        (count(2), 2, EXHAUSTIVE, HOLDS),
        (count(2), 1, EXHAUSTIVE, CONTRADICTS),
        (count(2), 3, EXHAUSTIVE, CONTRADICTS),
        (count(2), 1, PARTIAL, NOT_KNOWN),
        (count(2), 3, PARTIAL, CONTRADICTS),
        (count(2), 1, UNKNOWN, NOT_KNOWN),
        (count(5), 3, PARTIAL, NOT_KNOWN),
        (count(2, 3), 4, EXHAUSTIVE, HOLDS),
        (count(2, 3), 6, EXHAUSTIVE, CONTRADICTS),
        (count(2), 0, EXHAUSTIVE, CONTRADICTS),
        (said(K.DISTRIBUTION, "multiple"), 1, EXHAUSTIVE, CONTRADICTS),
        (said(K.DISTRIBUTION, "multiple"), 1, PARTIAL, NOT_KNOWN),
        (said(K.DISTRIBUTION, "multiple"), 7, EXHAUSTIVE, HOLDS),
        (words(), 7, EXHAUSTIVE, NOT_KNOWN),
    ],
)
def test_count(said_words: Words, drawn: int, policy: AnnotationPolicy, expected: CheckOutcome) -> None:
    assert outcome("count", said_words, *entities(drawn), policy=policy) is expected


BALL = entity(max_diameter_mm=20.0, long_axis_mm=20.0, short_axis_mm=18.0, least_axis_mm=17.0, flatness=0.9)
PLATE = entity(max_diameter_mm=60.0, long_axis_mm=58.0, short_axis_mm=30.0, least_axis_mm=4.0, flatness=0.07)


@pytest.mark.parametrize(
    ("said_words", "drawn", "policy", "expected"),
    [
        (size(20), BALL, EXHAUSTIVE, HOLDS),
        (size(33), BALL, EXHAUSTIVE, HOLDS),
        (size(33.1), BALL, EXHAUSTIVE, CONTRADICTS),
        (size(33.1), BALL, PARTIAL, NOT_KNOWN),
        (words(Said(K.SIZE, "", (40.0,)), Said(K.COUNT, "1", number=1), category="2d"), BALL, PARTIAL, CONTRADICTS),
        (size(10), BALL, EXHAUSTIVE, HOLDS),
        (size(9.9), BALL, PARTIAL, CONTRADICTS),
        (size(5, category="2e"), PLATE, EXHAUSTIVE, HOLDS),
        (size(5, category="2d"), PLATE, EXHAUSTIVE, CONTRADICTS),
        (size(4, 12), BALL, EXHAUSTIVE, HOLDS),
        (size(12), entity(), EXHAUSTIVE, NOT_KNOWN),
        (words(), BALL, EXHAUSTIVE, NOT_KNOWN),
    ],
)
def test_size(said_words: Words, drawn: EntityFacts, policy: AnnotationPolicy, expected: CheckOutcome) -> None:
    assert outcome("size", said_words, drawn, policy=policy) is expected


LEFT, RIGHT, MIDDLE = (entity(n, side=side) for n, side in enumerate((Side.LEFT, Side.RIGHT, Side.MIDLINE), 1))
IN_LEFT_LUNG = replace(RIGHT, places=(PlaceFacts("lungs", left_share=0.9, right_share=0.1),))
IN_BOTH = replace(MIDDLE, places=(PlaceFacts("lungs", left_share=0.5, right_share=0.4),))


@pytest.mark.parametrize(
    ("sides", "drawn", "policy", "side", "bilateral"),
    [
        (("left",), (LEFT,), EXHAUSTIVE, HOLDS, NOT_KNOWN),
        (("left",), (RIGHT,), PARTIAL, CONTRADICTS, NOT_KNOWN),
        (("left",), (LEFT, RIGHT), UNKNOWN, CONTRADICTS, NOT_KNOWN),
        (("left",), (MIDDLE,), EXHAUSTIVE, HOLDS, NOT_KNOWN),
        (("left",), (IN_LEFT_LUNG,), EXHAUSTIVE, HOLDS, NOT_KNOWN),
        (("left",), (entity(),), EXHAUSTIVE, NOT_KNOWN, NOT_KNOWN),
        (("midline",), (LEFT,), EXHAUSTIVE, NOT_KNOWN, NOT_KNOWN),
        ((), (LEFT,), EXHAUSTIVE, NOT_KNOWN, NOT_KNOWN),
        (("bilateral",), (LEFT, RIGHT), PARTIAL, NOT_KNOWN, HOLDS),
        (("left", "right"), (LEFT, RIGHT), EXHAUSTIVE, NOT_KNOWN, HOLDS),
        (("bilateral",), (LEFT,), EXHAUSTIVE, NOT_KNOWN, CONTRADICTS),
        (("bilateral",), (LEFT,), PARTIAL, NOT_KNOWN, NOT_KNOWN),
        (("bilateral",), (IN_BOTH,), EXHAUSTIVE, NOT_KNOWN, HOLDS),
        (("bilateral",), (MIDDLE,), EXHAUSTIVE, NOT_KNOWN, NOT_KNOWN),
    ],
)
def test_side_and_bilateral(
    sides: tuple[str, ...],
    drawn: tuple[EntityFacts, ...],
    policy: AnnotationPolicy,
    side: CheckOutcome,
    bilateral: CheckOutcome,
) -> None:
    named = said(K.SIDE, *sides)
    assert outcome("side", named, *drawn, policy=policy) is side
    assert outcome("bilateral", named, *drawn, policy=policy) is bilateral


def test_the_side_that_an_import_read_serves_where_nothing_is_described() -> None:
    assert outcome("side", Words("", text_side=Side.LEFT), RIGHT) is CONTRADICTS


def lying(label: int, **shares: float) -> EntityFacts:
    lobes = {name.replace("_", " ") + " lobe": share for name, share in shares.items()}
    return entity(label, places=(PlaceFacts("lobes", lobes=lobes),))


UPPER, LOWER = lying(1, right_upper=0.9), lying(2, right_lower=0.8, right_upper=0.05)


@pytest.mark.parametrize(
    ("lobes", "drawn", "policy", "expected"),
    [
        (("right upper lobe",), (UPPER,), EXHAUSTIVE, HOLDS),
        (("right lower lobe",), (UPPER,), PARTIAL, CONTRADICTS),
        (("lower lobe",), (LOWER,), EXHAUSTIVE, HOLDS),
        (("right upper lobe",), (LOWER,), EXHAUSTIVE, CONTRADICTS),
        (("right upper lobe",), (lying(1, right_lower=0.8, right_upper=0.1),), EXHAUSTIVE, HOLDS),
        (("right upper lobe", "right lower lobe"), (UPPER,), EXHAUSTIVE, CONTRADICTS),
        (("right upper lobe", "right lower lobe"), (UPPER,), PARTIAL, NOT_KNOWN),
        (("right upper lobe",), (lying(1, right_lower=0.4),), EXHAUSTIVE, NOT_KNOWN),
        (("right upper lobe",), (entity(),), EXHAUSTIVE, NOT_KNOWN),
        ((), (UPPER,), EXHAUSTIVE, NOT_KNOWN),
    ],
)
def test_lobe(
    lobes: tuple[str, ...], drawn: tuple[EntityFacts, ...], policy: AnnotationPolicy, expected: CheckOutcome
) -> None:
    assert outcome("lobe", said(K.LOBE, *lobes), *drawn, policy=policy) is expected


def dense(hu: float, label: int = 1, **facts: Any) -> EntityFacts:
    return entity(label, hu_mean=hu, **facts)


@pytest.mark.parametrize(
    ("said_words", "drawn", "expected"),
    [
        (said(K.ATTENUATION, "ground-glass"), (dense(-600),), HOLDS),
        (said(K.ATTENUATION, "ground-glass"), (dense(-99),), CONTRADICTS),
        (said(K.ATTENUATION, "calcified"), (dense(200, hu_above_130=0.5),), HOLDS),
        (said(K.ATTENUATION, "calcified"), (dense(30, hu_above_130=0.0),), CONTRADICTS),
        (said(K.ATTENUATION, "calcified"), (dense(30, 1, hu_above_130=0.0), dense(30, 2, hu_above_130=0.1)), HOLDS),
        (said(K.ATTENUATION, "solid"), (dense(-700),), CONTRADICTS),
        (said(K.ATTENUATION, "cavitary", category="2b"), (dense(-700),), NOT_KNOWN),
        (words(category="1c"), (dense(-849),), CONTRADICTS),
        (words(category="1c"), (dense(-851),), HOLDS),
        (words(category="2b"), (dense(-800),), CONTRADICTS),
        (words(category="2e"), (dense(-900),), CONTRADICTS),
        (words(category="2e"), (dense(8),), HOLDS),
        (words(category="2g"), (dense(8),), CONTRADICTS),
        (words(category="2b"), (dense(30), dense(-800, 2, voxels=99)), HOLDS),
        (words(category="2b"), (dense(30), dense(-800, 2, voxels=101)), CONTRADICTS),
        (words(category="2b", ontology="rexgroundingct 0"), (dense(-800),), NOT_KNOWN),
        (words(category="2b", ontology=None), (dense(-800),), NOT_KNOWN),
        (words(category="2b"), (entity(),), NOT_KNOWN),
        (words(category="2d"), (dense(-800),), NOT_KNOWN),
    ],
)
def test_attenuation(said_words: Words, drawn: tuple[EntityFacts, ...], expected: CheckOutcome) -> None:
    assert outcome("attenuation_hu", said_words, *drawn) is expected


@pytest.mark.parametrize(
    ("category", "drawn", "expected"),
    [
        ("2d", BALL, HOLDS),
        ("2d", entity(max_diameter_mm=120.1), CONTRADICTS),
        ("2a", BALL, CONTRADICTS),
        ("2a", replace(BALL, max_diameter_mm=9.9), HOLDS),
        ("2a", PLATE, HOLDS),
        ("1c", entity(max_diameter_mm=300.0), NOT_KNOWN),
        ("2d", entity(), NOT_KNOWN),
    ],
)
def test_category_shape(category: str, drawn: EntityFacts, expected: CheckOutcome) -> None:
    assert outcome("category_shape", words(category=category), drawn) is expected


@pytest.mark.parametrize(
    ("other", "severity"),
    [
        (OtherFinding(1, " nodule. ", frozenset()), 0.75),
        (OtherFinding(1, "Cyst", frozenset({entity(5).drawn})), 0.75),
        (OtherFinding(1, "NODULE", frozenset({entity(5).drawn})), 1.0),
        (OtherFinding(1, "Nodules", frozenset({entity(5).drawn, entity(6, voxels=7).drawn})), None),
        (OtherFinding(1, "", frozenset()), None),
    ],
)
def test_duplicates(other: OtherFinding, severity: float | None) -> None:
    found = CHECKS["duplicate_finding"].run(FindingFacts(words(), EXHAUSTIVE, (entity(),), (other,)))
    assert found.severity == severity
    assert found.evidence["compared"] == 1


def test_nothing_drawn_twice_is_no_duplicate_by_voxels() -> None:
    found = CHECKS["duplicate_finding"].run(FindingFacts(words(), EXHAUSTIVE, (), (OtherFinding(1, "Cyst"),)))
    assert found.outcome is HOLDS


def test_single_voxels() -> None:
    assert outcome("single_voxel", words(), entity(), entity(2, voxels=1)) is CONTRADICTS
    assert outcome("single_voxel", words(), entity(voxels=2)) is HOLDS
    assert outcome("single_voxel", words()) is NOT_KNOWN


def away(lung_border_mm: float, lung_share: float = 0.0) -> EntityFacts:
    return entity(places=(PlaceFacts("lungs", lung_share=lung_share, lung_border_mm=lung_border_mm),))


@pytest.mark.parametrize(
    ("category", "drawn", "expected"),
    [
        ("2d", entity(body_share=1.0), HOLDS),
        ("8f", entity(body_share=0.49), CONTRADICTS),
        ("8f", entity(body_share=0.0), CONTRADICTS),
        ("8f", entity(body_share=0.5), HOLDS),
        ("2d", away(30.1), CONTRADICTS),
        ("2d", away(30.0), HOLDS),
        ("2d", away(40.0, lung_share=0.1), HOLDS),
        ("10a", away(99.0), HOLDS),
        ("3a", away(99.0), HOLDS),
        ("2d", entity(), NOT_KNOWN),
    ],
)
def test_outside_body(category: str, drawn: EntityFacts, expected: CheckOutcome) -> None:
    assert outcome("outside_body", words(category=category), drawn) is expected


@given(
    st.lists(st.integers(1, 9), max_size=3),
    st.integers(0, 9),
    st.sampled_from([EXHAUSTIVE, PARTIAL, UNKNOWN]),
    st.lists(st.sampled_from(["left", "right", "bilateral", "midline"]), max_size=2),
    st.lists(st.floats(0.5, 200), max_size=3),
    st.floats(0.5, 300),
)
def test_severities_are_shares_and_partial_annotations_never_lack_anything(
    numbers: list[int], drawn: int, policy: AnnotationPolicy, sides: list[str], lengths: list[float], diameter: float
) -> None:
    named = [Said(K.COUNT, str(n), number=n) for n in numbers] + [Said(K.SIDE, side) for side in sides]
    named += [Said(K.SIZE, "", (length,)) for length in lengths]
    found = [entity(n + 1, side=Side.LEFT, max_diameter_mm=diameter, short_axis_mm=diameter / 2) for n in range(drawn)]
    results = {one.name: one for one in run_checks(FindingFacts(words(*named, category="2d"), policy, tuple(found)))}
    assert results.keys() == CHECKS.keys()
    for one in results.values():
        assert (one.severity is not None) == (one.outcome is CONTRADICTS)
        assert 0 <= (one.severity or 0) <= 1
    if policy is not EXHAUSTIVE:
        assert results["bilateral"].outcome is not CONTRADICTS
        assert results["count"].outcome is not CONTRADICTS or drawn > sum(numbers)
