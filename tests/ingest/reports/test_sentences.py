"""The sentence splitter: what parts sentences, and its laws. All text is invented."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.sentences import split_sentences

PARTED = [
    "The aorta is wide.| No effusion.",
    "A nodule of 2.5 cm.| It is stable.",
    "A mass of about 5x4x5.| On the right, a cyst.",
    "No nodule is detected.|No effusion.",
    "A cyst of 32 mm. near the dome.",
    "Clinic and lab. correlation is advised.| Stable.",
    "The disc is low. and the heights are kept.",
    "Cyst in the lobe.| no nodule is seen.",
    "When examined in the lung window; A nodule is seen.| No mass.",
    "It is unclear and as far as can be seen; Calibre is normal.",
    "Haze in the left lobe;| Follow-up is advised.",
    "Haze in the left lobe; it is new.",
    "Mosaic pattern (airway disease? Vessel disease?).| Cyst.",
    "Opacity (infection?, a mass?| For detail see above.",
    "Heights are kept.| Right 10. Old fracture in rib.",
    "1. Emphysema.| 2. Cyst in the liver.",
    "Emphysema in both lungs|  Hiatal hernia|  Cyst.",
    "Hiatal hernia .| Thick wall .",
    "· Ectasia of the aorta.| · Cyst| · Haze.",
    "Findings:\nThe aorta is wide|\nCyst in\nthe liver|\n- Haze",
    "Compared with 7.12.2021.| Stable.",
    "The spleen is 138 mm in K.C axis.| It is large.",
    "Cysts in segments 3.7 and 6.",
    "The foramina are open. .| Cyst.",
]
"""Each with `|` where it is parted."""


@pytest.mark.parametrize("parted", PARTED)
def test_parts(parted: str) -> None:
    text = parted.replace("|", "")
    sentences = [text[one.start : one.end] for one in split_sentences(text)]
    assert sentences == [part.strip() for part in parted.split("|")]


WORDS = st.sampled_from(
    [
        *"aA1.?!;:(),-·•\n\t\r \u00a0\u2028…\"'",
        "No ",
        "lab",
        "mm",
        "2.5",
        "  ",
        "İı",
        "ß",
        "\U0001f4a9",
        "right 10",
        "e.g.",
    ]
)


@given(st.text() | st.lists(WORDS, max_size=60).map("".join))
def test_every_visible_character_is_in_exactly_one_sentence(text: str) -> None:
    spans = split_sentences(text)
    visible = {n for n, character in enumerate(text) if not character.isspace()}
    held = [n for one in spans for n in range(one.start, one.end) if not text[n].isspace()]
    assert sorted(visible) == held
    assert all(one.start < one.end and text[one.start : one.end].strip() == text[one.start : one.end] for one in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))


@given(st.lists(WORDS, max_size=60).map("".join))
def test_a_sentence_has_letters_or_digits_where_the_text_has(text: str) -> None:
    sentences = [text[one.start : one.end] for one in split_sentences(text)]
    if any(character.isalnum() for character in text):
        assert all(any(character.isalnum() for character in sentence) for sentence in sentences)


@pytest.mark.parametrize("unit", [".", "- . ", "(", "(a. ", " ", "\n", "A. ", "? a", "1 ", "; A", "· ", "as far as a "])
def test_time_grows_with_the_text(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    start = time.process_time()
    split_sentences(text)
    assert time.process_time() - start < 5
