"""How alike texts are in radiology's terms, and the pairing of the labelled findings with their sentences."""

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sqlalchemy.dialects.postgresql import ARRAY

from ingest.reports.matching import ENOUGH, Terms, likeness, pair_up, parse_terms
from schema.database import Database

SET = json.loads(Path(__file__).with_name("labelled.json").read_text("utf-8"))


TERMS_OF = sa.text("SELECT finding_terms(t, true)::text FROM unnest(:texts) WITH ORDINALITY AS u (t, n) ORDER BY n")


def terms(database: Database, *texts: str) -> list[Terms]:
    asked = TERMS_OF.bindparams(sa.bindparam("texts", list(texts), ARRAY(sa.Text)))
    with database.transaction() as session:
        return [parse_terms(vector) for vector in session.scalars(asked)]


def test_words_that_say_the_same_are_alike(database: Database) -> None:
    finding, same, other, denied, mirrored, unsized = terms(
        database,
        "12 x 10 mm solid nodule in the right lower lobe",
        "A solid nodule measuring 1.2x1 cm was observed in the lower lobe of the right lung.",
        "Pleural effusion on the left.",
        "No nodule was detected in the right lower lobe.",
        "A solid nodule of 12x10 mm is seen in the left lower lobe.",
        "A nodule is seen in the right lower lobe.",
    )
    assert likeness(finding, same) > 0.9
    assert likeness(finding, other) < 0.1
    assert likeness(finding, denied) < ENOUGH
    assert likeness(finding, mirrored) < ENOUGH < likeness(finding, unsized) < likeness(finding, same)


def test_nothing_is_like_nothing() -> None:
    assert likeness({}, {}) == likeness({"a": 1.0}, {}) == likeness({}, {"a": 1.0}) == 0


TERMS = st.dictionaries(st.sampled_from(["left", "right", "nodule", "-mass", "5mm"]), st.sampled_from([0.2, 0.5, 1.0]))


@given(TERMS, TERMS)
def test_likeness_is_a_share(one: dict[str, float], other: dict[str, float]) -> None:
    assert 0 <= likeness(one, other) <= 1 + 1e-9


@given(arrays(float, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5), elements=st.floats(0, 1)))
def test_pairs_are_one_to_one_and_none_is_below_the_least(scores: Any) -> None:
    pairs = pair_up(scores.tolist())
    assert len({pair.row for pair in pairs}) == len({pair.column for pair in pairs}) == len(pairs)
    assert all(pair.score == scores[pair.row, pair.column] >= ENOUGH for pair in pairs)


def test_the_sum_is_greatest() -> None:
    pairs = pair_up([[0.9, 0.8], [0.85, 0.1]])
    assert {(pair.row, pair.column) for pair in pairs} == {(0, 1), (1, 0)}


def test_labelled_phrases_find_their_sentences(database: Database) -> None:
    """Each among as many sentences as a report has; `docs/reports.md` has the figures."""
    texts = [item["text"] for item in SET["sentences"]]
    said = [(item["text"], seen) for item in SET["sentences"] for seen in item["observations"] if seen["present"]]
    sentences = dict(zip(texts, terms(database, *texts), strict=True))
    right = wrong = 0
    for (text, _), phrase in zip(said, terms(database, *(seen["phrase"] for _, seen in said)), strict=True):
        score, best = max((likeness(phrase, sentences[each]), each) for each in report_of(text, texts))
        right, wrong = right + (score >= ENOUGH and best == text), wrong + (score >= ENOUGH and best != text)
    assert right / len(said) >= 0.9, f"{right} of {len(said)} right, {wrong} wrong"
    assert wrong / len(said) <= 0.02, f"{right} of {len(said)} right, {wrong} wrong"


def report_of(text: str, texts: list[str], size: int = 20) -> list[str]:
    """A sentence among others, as many as a report has."""
    start = texts.index(text)
    return [texts[(start + n * 17) % len(texts)] for n in range(size)]
