"""Sentences of a translation aligned with those of the original. All text is invented."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.alignment import align_sentences

TURKISH = (
    "Trakea ve ana bronşlar normal.",
    "Sağ akciğer alt lobda 12x10 mm boyutunda nodül izlendi.",
    "Sol akciğer üst lobda 4 mm büyük nodül mevcuttur.",
    "Plevral efüzyon izlenmedi.",
)
ENGLISH = (
    "Trachea and main bronchi are open.",
    "A nodule of 12x10 mm was observed in the lower lobe of the right lung.",
    "There is a nodule with a diameter of 4 mm in the upper lobe of the left lung.",
    "No pleural effusion was detected.",
)


def pairs(sentences: tuple[str, ...], originals: tuple[str, ...]) -> set[tuple[int, int]]:
    return {(one.sentence, one.original) for one in align_sentences(sentences, originals)}


def test_one_to_one() -> None:
    assert pairs(ENGLISH, TURKISH) == {(0, 0), (1, 1), (2, 2), (3, 3)}


def test_one_to_many_and_many_to_one() -> None:
    joined = (ENGLISH[0], f"{ENGLISH[1]} {ENGLISH[2]}", ENGLISH[3])
    assert pairs(joined, TURKISH) == {(0, 0), (1, 1), (1, 2), (2, 3)}
    assert pairs(TURKISH, joined) == {(0, 0), (1, 1), (2, 1), (3, 2)}


def test_a_sentence_that_was_left_out() -> None:
    assert pairs((*ENGLISH[:2], *ENGLISH[3:]), TURKISH) == {(0, 0), (1, 1), (2, 3)}


def test_numbers_anchor_sentences_of_one_length() -> None:
    english = ("Nodule of 5 mm.", "Nodule of 7 mm.", "Nodule of 9,5 mm.")
    assert pairs(english[1:], ("5 mm nodül var.", "7 mm nodül var.", "9.5 mm nodül var.")) == {(0, 1), (1, 2)}


def test_numbers_that_differ_lower_the_score() -> None:
    (same,) = align_sentences(["Nodule of 5 mm."], ["5 mm nodül var."])
    (other,) = align_sentences(["Nodule of 5 mm."], ["8 mm nodül var."])
    assert other.score < same.score / 2


TEXTS = st.lists(st.text(st.sampled_from("ab 19."), min_size=1, max_size=30), max_size=12)


@given(TEXTS, TEXTS)
def test_the_path_goes_forward_and_scores_are_shares(sentences: list[str], originals: list[str]) -> None:
    rows = align_sentences(sentences, originals)
    assert all(0 <= row.score <= 1 for row in rows)
    assert all(row.sentence < len(sentences) and row.original < len(originals) for row in rows)
    keys = [(row.sentence, row.original) for row in rows]
    assert len(keys) == len(set(keys))
    crossing = [(one, other) for one in keys for other in keys if one[0] < other[0] and one[1] > other[1]]
    assert all(other[0] - one[0] == one[1] - other[1] == 1 for one, other in crossing)  # two sentences that are two


@pytest.mark.parametrize("sizes", [(1, 3000), (3000, 1), (700, 700), (0, 5)])
def test_time_grows_with_the_text(sizes: tuple[int, int]) -> None:
    start = time.process_time()
    align_sentences(["A nodule of 5 mm."] * sizes[0], ["5 mm nodül."] * sizes[1])
    assert time.process_time() - start < 5
