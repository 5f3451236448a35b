"""A text in radiology's terms: synonyms, abbreviations, sides, sizes, and what is denied."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schema.database import Database
from schema.queries.slots import Slot
from schema.queries.statements import make_statement
from schema.queries.terms import WEIGHTS, Term, Terms, read_terms


def terms_of(database: Database, text: str) -> Terms:
    with database.transaction() as session:
        return Terms.of(make_statement(sa.select(read_terms(Slot(("text",))))).send(session, {"text": text}).scalar())


def lexemes(database: Database, text: str, kinds: str = "ABC") -> set[str]:
    return {term.lexeme for term in terms_of(database, text).all if term.kind in kinds}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GGO in the RLL", "ground glass opacity in the right lower lobe"),
        ("ground-glass opacities of the lower lobe of the right lung", "GGO in the RLL"),
        ("tree-in-bud in the LUL", "tree in bud pattern in the left upper lobe"),
        ("enlarged lymph nodes", "lymphadenopathy"),
        ("pleural fluid", "pleural effusion"),
    ],
)
def test_words_for_the_same_thing_are_the_same_terms(database: Database, one: str, other: str) -> None:
    assert lexemes(database, one) == lexemes(database, other) != set()


@pytest.mark.parametrize(
    "text",
    [
        "no pleural effusion",
        "There is no evidence of pleural effusion.",
        "Pleural effusion was not observed",
        "without pleural effusion",
        "pleural effusion is absent",
    ],
)
def test_what_is_denied_is_another_term(database: Database, text: str) -> None:
    said = lexemes(database, text, "A")
    there = lexemes(database, "pleural effusion", "A")
    assert said == {f"-{term}" for term in there} != set()


@pytest.mark.parametrize(
    "text",
    ["a nodule, no change in size", "nodule without significant increase", "nodule; no pleural effusion"],
)
def test_a_denial_reaches_no_further_than_it_should(database: Database, text: str) -> None:
    assert "nodule" in lexemes(database, text, "A")


def test_sizes_are_terms_in_mm(database: Database) -> None:
    assert {"12mm", "10mm"} <= lexemes(database, "12 x 10 mm nodule", "D")
    assert {"12mm", "10mm"} <= lexemes(database, "nodule of 1.2x1 cm", "D")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_any_text_can_be_read_and_matches_itself(database: Database, text: str) -> None:
    terms = terms_of(database, text)
    with database.transaction() as session:
        given_terms = sa.func.finding_terms(sa.literal(text), sa.true())
        assert session.scalar(sa.select(sa.func.length(given_terms))) == len(terms.all)


TERMS = st.lists(st.sampled_from("ABCD"), min_size=1, max_size=6).map(
    lambda kinds: [Term(f"term{n}", kind) for n, kind in enumerate(kinds)]
)


@given(TERMS, st.floats(0.01, 0.999), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_has_the_least_share_has_what_is_asked_for(
    database: Database, terms: list[Term], least: float, data: st.DataObject
) -> None:
    had = data.draw(st.lists(st.sampled_from(terms), unique=True))
    share = sum(WEIGHTS[term.kind] for term in had) / sum(WEIGHTS[term.kind] for term in terms)
    assume(abs(share - least) > 1e-6)
    asked = Terms(terms, least)
    assert meets(database, had, asked.ways) == (share > least)
    assert not asked.reaching or share < least or meets(database, had, asked.reaching)


def meets(database: Database, had: list[Term], asked: str) -> bool:
    lexemes = " ".join(term.lexeme for term in had)
    query = sa.text("SELECT array_to_tsvector(string_to_array(:had, ' ')) @@ CAST(:asked AS tsquery)")
    with database.transaction() as session:
        return bool(session.scalar(query, {"had": lexemes, "asked": asked}))


def test_too_many_ways_are_not_listed() -> None:
    terms = [Term(f"term{n}", "D") for n in range(9)]
    assert Terms(terms, 0.5).ways == Terms(terms, 0.5).some


def test_one_that_is_asked_for_and_one_of_two_places() -> None:
    terms = [Term("nodule", "A"), Term("right", "C"), Term("hilum", "C"), Term("near", "D")]
    assert Terms(terms, 0.75).reaching == "'nodule' & ('right' | 'hilum')"
    assert Terms(terms, 0.75).ways == "'nodule' & 'hilum' | 'nodule' & 'right'"
    assert Terms(terms, 0.5).reaching == "'nodule'"
    assert Terms(terms, 0.2).reaching == ""
    assert Terms(terms, 1.0).reaching == "'nodule' & 'right' & 'hilum' & 'near'"
