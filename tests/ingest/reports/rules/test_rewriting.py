import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.rules.measurements import find_measurements
from ingest.reports.rules.rewriting import rewrite
from ingest.reports.rules.wording import reworded
from ingest.reports.stages import ReportText, Rewrite, SourceSentence
from schema.report import DropReason, Region, Section


def rewritten(*texts: str, section: Section = Section.FINDINGS) -> Rewrite:
    sentences = [SourceSentence(number=number, section=section, text=text) for number, text in enumerate(texts)]
    return rewrite(ReportText(sentences=tuple(sentences)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("When examined in the lung window; there is a band.", "There is a band."),
        ("As far as can be seen; the aorta is natural.", "The aorta is normal."),
        ("Frosted glass area in the lower lobe of the left lung.", "Ground-glass area in the left lower lobe."),
        ("Bands in right lung upper lobe.", "Bands in right upper lobe."),
        ("A 12x10 mm nodule.", "A 12 x 10 mm nodule."),
        (
            "In the upper and lower lobes of the left lung, bands.",
            "In the upper and lower lobes of the left lung, bands.",
        ),
    ],
)
def test_wording(text: str, words: str) -> None:
    assert reworded(text) == words


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("Bands in the right lung.", Region.LUNGS),
        ("The pulmonary artery is wide.", Region.HEART),
        ("Nodes in the mediastinum.", Region.MEDIASTINUM),
        ("Node in the axilla.", Region.CHEST_WALL),
        ("Nodule of the thyroid.", Region.LOWER_NECK),
        ("Rib fracture on the left.", Region.BONES),
        ("Cyst in the liver.", Region.UPPER_ABDOMEN),
    ],
)
def test_regions(text: str, region: Region) -> None:
    (sentence,) = rewritten(text).sentences
    assert sentence.region is region


def test_the_impression_is_a_region_of_its_own() -> None:
    (sentence,) = rewritten("Cyst in the liver.", section=Section.IMPRESSION).sentences
    assert sentence.region is Region.IMPRESSION


def test_a_sentence_without_a_place_goes_where_the_one_before_went() -> None:
    assert [each.region for each in rewritten("Cyst in the liver.", "It is 12 mm.").sentences] == [
        Region.UPPER_ABDOMEN
    ] * 2


def test_a_sentence_over_two_regions_is_split_and_both_link_to_it() -> None:
    sentences = rewritten("The heart is large and there is a cyst in the liver.").sentences
    assert [each.region for each in sentences] == [Region.HEART, Region.UPPER_ABDOMEN]
    assert [each.sources[0].sentence for each in sentences] == [0, 0]
    assert all(each.sources[0].score == 1 for each in sentences)


def test_what_is_no_sentence_is_dropped_and_what_has_no_place_is_undecided() -> None:
    rewrite = rewritten("Not given.", "Tomorrow is Tuesday.")
    assert [(each.sentence, each.reason) for each in rewrite.dropped] == [(0, DropReason.NOT_A_FINDING)]
    assert rewrite.undecided == (1,)


PIECES = """
when examined in the lung window ; as far as can be seen : liver lung lower lobe of left right both natural frosted
glass 12x10 mm 2.5 cm 4 x 3 and is are was normal there . , ( ) - nodule not given
"""
texts = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(PIECES.split()), max_size=25).map(" ".join))


@given(st.lists(texts, max_size=4), st.sampled_from(Section))
def test_every_sentence_is_linked_dropped_or_undecided(lines: list[str], section: Section) -> None:
    rewrite = rewritten(*lines, section=section)
    linked = {each.sources[0].sentence for each in rewrite.sentences}
    others = [each.sentence for each in rewrite.dropped] + list(rewrite.undecided)
    assert linked | set(others) == set(range(len(lines)))
    assert len(others) + len(linked) == len(lines)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=3), st.sampled_from(["mm", "cm"]))
def test_measurements_are_kept(axes: list[int], unit: str) -> None:
    said = f"nodule of {'x'.join(map(str, axes))} {unit} in the lung"
    scale = 10 if unit == "cm" else 1
    (kept,) = find_measurements(reworded(f"There is a {said}."))
    assert kept.sizes_mm == tuple(float(axis * scale) for axis in axes)
