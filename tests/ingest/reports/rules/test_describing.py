import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.rules.describing import describe
from ingest.reports.rules.measurements import find_measurements
from schema.descriptor import DescriptorKind

WORDS = """
left right both lungs lobe lobes upper middle lower lingula segment apical posterior posterobasal of the and in , - .
12 x 10 mm 2.5 cm two 3 nodules nodule ground-glass frosted glass spiculated stable new not ( ) < \u0130 \u00df RUL all
"""
texts = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join))


def said(text: str, kind: str) -> list[str]:
    return [each.value for each in describe(text).descriptors if each.kind == kind]


@pytest.mark.parametrize(
    ("text", "lobes"),
    [
        ("cyst in the lower lobe of the left lung", ["left lower lobe"]),
        ("cyst in the left lung, upper lobe", ["left upper lobe"]),
        ("cysts in both lower lobes", ["right lower lobe", "left lower lobe"]),
        ("cysts in the upper lobes", ["right upper lobe", "left upper lobe"]),
        ("cysts in the upper and lower lobes of the right lung", ["right upper lobe", "right lower lobe"]),
        ("cysts of the right upper lobe and of the left lower lobe", ["right upper lobe", "left lower lobe"]),
        ("cyst in the middle lobe", ["right middle lobe"]),
        ("cyst in the lingula", ["left upper lobe"]),
        ("cyst in a lower lobe", ["lower lobe"]),
        ("cysts in RUL and LLL", ["right upper lobe", "left lower lobe"]),
        ("cyst of the left thyroid lobe", []),
    ],
)
def test_lobes(text: str, lobes: list[str]) -> None:
    assert sorted(said(text, "lobe")) == sorted(lobes)


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("cyst on the left", ["left"]),
        ("bilateral cysts", ["bilateral"]),
        ("cysts in the lungs", ["bilateral"]),
        ("cyst in the middle lobe", ["right"]),
        ("dilated left ventricle", []),
        ("cysts in the right apex and on the left", ["right", "left"]),
    ],
)
def test_sides(text: str, sides: list[str]) -> None:
    assert said(text, "side") == sides


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("band in the posterobasal segment", ["posterobasal"]),
        ("band in the anterior and lateral segments", ["anterior", "lateral"]),
        ("band in the left upper lobe apicoposterior segment", ["apicoposterior"]),
        ("band in the superior lingular segment", ["superior lingular"]),
        ("band in the anterior mediastinum", []),
    ],
)
def test_segments(text: str, segments: list[str]) -> None:
    assert said(text, "segment") == segments


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("two nodules", ["2"]),
        ("3 small solid nodules", ["3"]),
        ("1-2 nodules", ["2"]),
        ("solitary nodule", ["1"]),
        ("a few nodules", []),
        ("several nodules", []),
        ("11 mm nodule", []),
        ("cyst in segment 2 of the liver", []),
        ("both lungs", []),
    ],
)
def test_counts(text: str, counts: list[str]) -> None:
    assert said(text, "count") == counts


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("nodule of 12x10 mm", ["12 x 10 mm"]),
        ("nodules smaller than 5 mm", []),
        ("tube ending 5 cm above the carina", []),
        ("now 9 mm, 12 mm in the previous study", ["9 mm"]),
    ],
)
def test_sizes_are_of_the_thing_and_of_today(text: str, sizes: list[str]) -> None:
    assert said(text, "size") == sizes


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("frosted glass area", "attenuation", ["ground-glass"]),
        ("part-solid nodule", "attenuation", ["subsolid"]),
        ("calcified plaque", "attenuation", ["calcified"]),
        ("nodule with spiculated, irregular contour", "margin", ["spiculated", "irregular"]),
        ("multiple patchy peripheral areas", "distribution", ["multiple", "patchy", "peripheral"]),
        ("peribronchial thickening", "distribution", []),
        ("stable nodule", "change", ["stable"]),
        ("nodule that has increased", "change", ["increased"]),
        ("increased density", "change", []),
        ("nodule suspicious for metastasis", "certainty", ["possible"]),
        ("area compatible with scar", "certainty", ["probable"]),
    ],
)
def test_words_of_a_closed_vocabulary(text: str, kind: str, values: list[str]) -> None:
    assert said(text, kind) == values


@given(texts)
def test_every_descriptor_stands_at_its_characters(text: str) -> None:
    for each in describe(text).descriptors:
        assert 0 <= each.start < each.end <= len(text)
        assert text[each.start : each.end].strip() == text[each.start : each.end]
        assert (each.kind is DescriptorKind.SIZE) == (each.sizes_mm is not None)
        assert (each.kind is DescriptorKind.COUNT) == (each.number is not None)


@given(texts)
def test_sizes_are_read_where_they_are_written(text: str) -> None:
    written = {(found.start, found.end): found.sizes_mm for found in find_measurements(text)}
    for each in describe(text).descriptors:
        if each.kind is DescriptorKind.SIZE:
            assert written[each.start, each.end] == each.sizes_mm


@given(texts)
def test_a_value_stands_once(text: str) -> None:
    values = [(each.kind, each.value) for each in describe(text).descriptors if each.kind not in {"size", "count"}]
    assert len(set(values)) == len(values)
