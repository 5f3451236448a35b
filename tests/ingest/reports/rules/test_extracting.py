import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.rules.extracting import extract
from ingest.reports.stages import Extraction, RewrittenReport, RewrittenSentence, SourceLink
from schema.report import DropReason, Region


def read(*texts: str) -> Extraction:
    sentences = [
        RewrittenSentence(text=text, region=Region.LUNGS, sources=(SourceLink(sentence=number),))
        for number, text in enumerate(texts)
    ]
    return extract(RewrittenReport(sentences=tuple(sentences)))


def said(text: str) -> list[tuple[bool, str]]:
    return [(each.present, each.phrase) for each in read(text).observations]


@pytest.mark.parametrize(
    ("text", "observations"),
    [
        ("There is a 7x5 mm nodule in the right upper lobe.", [(True, "7 x 5 mm nodule in the right upper lobe")]),
        ("In the lingula, a cyst is seen.", [(True, "Cyst in the lingula")]),
        (
            "Cysts and bands are seen in the left lung.",
            [(True, "Cysts in the left lung"), (True, "Bands in the left lung")],
        ),
        (
            "A cyst of 4 mm in the right lung and a band in the left lung.",
            [(True, "Cyst of 4 mm in the right lung"), (True, "Band in the left lung")],
        ),
        (
            "Effusion with atelectasis in the left base.",
            [(True, "Effusion in the left base"), (True, "Atelectasis in the left base")],
        ),
        ("Nodules in both lungs, some calcified.", [(True, "Nodules in both lungs, some calcified")]),
        ("A cyst is seen on the left (bulla?).", [(True, "Cyst on the left")]),
        ("A cyst on the left, control with US is recommended.", [(True, "Cyst on the left")]),
        ("Two cysts were seen, which may be congenital.", [(True, "Two cysts")]),
        ("A cyst in the left lung that could not be characterized.", [(True, "Cyst in the left lung")]),
        ("Cyst in the left lung (control is recommended).", [(True, "Cyst in the left lung")]),
        ("There are nonspecific bands in the left lung.", [(True, "Nonspecific bands in the left lung")]),
        ("Areas on the left; compatible with infection.", [(True, "Areas on the left")]),
    ],
)
def test_what_is_there(text: str, observations: list[tuple[bool, str]]) -> None:
    assert said(text) == observations


@pytest.mark.parametrize(
    ("text", "observations"),
    [
        ("No cyst was seen.", [(False, "Cyst")]),
        ("Pleural fluid-thickening was not seen.", [(False, "Pleural fluid"), (False, "Pleural thickening")]),
        (
            "Pleural or pericardial effusion was not seen.",
            [(False, "Pleural effusion"), (False, "Pericardial effusion")],
        ),
        ("No pleural fluid or pleural thickening.", [(False, "Pleural fluid"), (False, "Pleural thickening")]),
        ("No cyst, no band.", [(False, "Cyst"), (False, "Band")]),
        ("Cyst, band: none.", [(False, "Cyst"), (False, "Band")]),
        ("The aorta is not dilated.", [(False, "Aorta dilated")]),
        (
            "In the left lung, no nodular or infiltrative lesion was seen.",
            [(False, "Nodular lesion in the left lung"), (False, "Infiltrative lesion in the left lung")],
        ),
        ("Both lungs are normal and no cyst was seen.", [(False, "Cyst in both lungs")]),
        ("A cyst in the left lung, no band.", [(True, "Cyst in the left lung"), (False, "Band")]),
        ("No effusion except minimal fluid on the right.", [(True, "Minimal fluid on the right"), (False, "Effusion")]),
        ("Nodules without calcification.", [(True, "Nodules"), (False, "Calcification")]),
        ("The cyst of the right lung has disappeared.", [(False, "Cyst of the right lung")]),
        (
            "Lymph nodes not reaching pathological size were seen.",
            [(True, "Lymph nodes not reaching pathological size")],
        ),
    ],
)
def test_what_is_denied(text: str, observations: list[tuple[bool, str]]) -> None:
    assert said(text) == observations


@pytest.mark.parametrize(
    ("text", "prior"),
    [
        ("Stable nodule in the left lung.", True),
        ("Nodule in the left lung that was not seen in the previous study.", True),
        ("No change in the nodule of the left lung.", True),
        ("Newly developed band on the right.", True),
        ("Heart size has increased.", False),
        ("Increased density in the left lung.", False),
    ],
)
def test_what_refers_to_an_earlier_examination(text: str, prior: bool) -> None:
    (observation,) = read(text).observations
    assert observation.present
    assert observation.refers_to_prior is prior


def test_a_following_sentence_joins_the_observation_before_it() -> None:
    extraction = read("There is a nodule in the left lung.", "It measures 8 mm.", "It is stable.")
    (observation,) = extraction.observations
    assert observation.sentences == (0, 1, 2)
    assert observation.refers_to_prior
    assert "8 mm" in observation.phrase


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Trachea is open.", DropReason.NORMAL),
        ("No pathology was seen in the spleen.", DropReason.NORMAL),
        ("Follow-up is recommended.", DropReason.RECOMMENDATION),
        ("Infection cannot be excluded.", DropReason.SPECULATION),
        ("The findings may belong to pneumonia.", DropReason.SPECULATION),
        ("Bulla?", DropReason.QUESTION),
        ("The hila could not be evaluated, since no contrast was given.", DropReason.TECHNIQUE),
        ("Not given.", DropReason.NOT_A_FINDING),
    ],
)
def test_why_a_sentence_says_nothing(text: str, reason: DropReason) -> None:
    extraction = read(text)
    assert extraction.observations == ()
    assert [each.reason for each in extraction.dropped] == [reason]


def test_what_is_not_understood_is_undecided() -> None:
    assert read("Tomorrow is Tuesday.").undecided == (0,)


PIECES = """
no without not mass effusion thickening pleural and or , . ; - : ? ( ) in the left right lung lobe is are was seen
there with which may be recommended stable normal 12x10 mm 3 cm it apart from but another one none
"""
texts = st.one_of(
    st.text(min_size=1, max_size=80), st.lists(st.sampled_from(PIECES.split()), min_size=1, max_size=25).map(" ".join)
)


@given(st.lists(texts, max_size=4))
def test_every_sentence_is_accounted_for_once(lines: list[str]) -> None:
    extraction = read(*lines)
    used = {number for each in extraction.observations for number in each.sentences}
    set_aside = [each.sentence for each in extraction.dropped] + list(extraction.undecided)
    assert used | set(set_aside) == set(range(len(lines)))
    assert len(set(set_aside)) == len(set_aside)
    assert not used & set(set_aside)
    assert all(each.phrase.strip() for each in extraction.observations)


@given(
    st.lists(
        st.tuples(st.sampled_from(["nodule", "mass", "cyst"]), st.integers(1, 90), st.sampled_from(["left", "right"])),
        min_size=1,
        max_size=4,
    )
)
def test_sizes_and_sides_of_a_list_stay_with_their_finding(items: list[tuple[str, int, str]]) -> None:
    named = [f"{thing} of {size} mm in the {side} lung" for thing, size, side in items]
    assert [phrase.lower() for _, phrase in said(f"There is a {', a '.join(named)}.")] == named
