"""A text in radiology's terms: synonyms, abbreviations, sides, sizes, and what is denied."""

from collections.abc import Callable
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import migrations
from schema.database import Database
from schema.queries.slots import Slot
from schema.queries.statements import make_statement
from schema.queries.tables import REVISION
from schema.queries.terms import WEIGHTS, Term, Terms, TermsToCome, read_terms
from schema.queries.views import Expression


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
    [
        "a nodule, no change in size",
        "nodule without significant increase",
        "nodule; no pleural effusion",
        "nodule, not specific for Covid-19",
        "a nodule that was not observed in the previous examination",
        "nodule not present on the old CT",
    ],
)
def test_a_denial_reaches_no_further_than_it_should(database: Database, text: str) -> None:
    assert "nodule" in lexemes(database, text, "A")


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Consolidation in the right lower lobe with ground-glass opacity around it", {"consolidation"}),
        ("Ground-glass opacity accompanied by septal thickening", {"ground_glass"}),
        ("Emphysema and bronchiectasis in both lungs", {"emphysema", "bronchiectasis"}),
        ("With contrast, a nodule", {"nodule"}),
        ("Sequelae, no nodule with cavitation", {"linear_opacity", "-nodule", "-cavity"}),
    ],
)
def test_what_a_text_is_about_is_told_from_what_it_mentions(database: Database, text: str, about: set[str]) -> None:
    assert lexemes(database, text, "A") == about
    mentioned = {lexeme[1:] for lexeme in lexemes(database, text, "B") if lexeme.startswith("~")}
    assert mentioned >= {term for term in about if term[0] != "-"}
    assert ("ground_glass" in mentioned) == ("round-glass" in text)


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
def test_what_is_heavy_enough_for_the_least_likeness_has_what_is_asked_for(
    database: Database, terms: list[Term], least: float, data: st.DataObject
) -> None:
    had = data.draw(st.lists(st.sampled_from(terms), unique=True))
    share = sum(WEIGHTS[term.kind] for term in had) / sum(WEIGHTS[term.kind] for term in terms)
    assume(abs(sqrt(share) - least) > 1e-6)
    asked = Terms(terms, least)
    assert not asked.reaching or sqrt(share) < least or meets(database, had, asked.reaching)


def meets(database: Database, had: list[Term], asked: str) -> bool:
    lexemes = " ".join(term.lexeme for term in had)
    query = sa.text("SELECT array_to_tsvector(string_to_array(:had, ' ')) @@ CAST(:asked AS tsquery)")
    with database.transaction() as session:
        return bool(session.scalar(query, {"had": lexemes, "asked": asked}))


def test_one_that_is_asked_for_and_one_of_two_places() -> None:
    terms = [Term("nodule", "A"), Term("right", "C"), Term("hilum", "C"), Term("near", "D")]
    assert Terms(terms, sqrt(0.8)).reaching == "'nodule' & ('right' | 'hilum')"
    assert Terms(terms, sqrt(0.5)).reaching == "'nodule'"
    assert Terms(terms, sqrt(0.2)).reaching == "('nodule' | 'right')"
    assert Terms(terms, 0.0).reaching == ""
    assert Terms(terms, 1.0).reaching == "'nodule' & 'right' & 'hilum' & 'near'"


WORDS = (
    "nodule,no effusion,cyst,lung cyst,liver cyst,mass,breast mass,right,left upper lobe,small,solid,12 mm,hilar,unseen"
)


def told(database: Database, query: str, said: str, tell: Callable[[TermsToCome], Expression]) -> Any:
    """Give what is told of a query and a finding that says something."""
    terms = terms_of(database, query)
    columns = sa.func.finding_terms(sa.literal(said), True).label("terms")
    revision = sa.select(columns, sa.func.weight_of_terms(columns).label("terms_weight")).subquery("finding_revision")
    asked = make_statement(sa.select(tell(TermsToCome(Slot(("terms",))))).select_from(REVISION))
    text = asked.text.replace("FROM finding_revision", f"FROM ({_literal(revision)}) AS finding_revision")
    with database.transaction() as session:
        values = {name: each.of({"terms": terms}) for name, each in asked.parameters.items()}
        return session.connection().exec_driver_sql(text, values).scalar_one()


def _literal(revision: sa.Subquery) -> str:
    return str(revision.element.compile(compile_kwargs={"literal_binds": True}))


PHRASES = st.lists(st.sampled_from(WORDS.split(",")), min_size=1, max_size=6).map(" with ".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(PHRASES, PHRASES)
def test_likeness_is_of_both_and_at_most_one(database: Database, one: str, other: str) -> None:
    there, back, own = (
        told(database, *texts, TermsToCome.likeness) for texts in ((one, other), (other, one), (one, one))
    )
    assert -1e-6 <= there <= 1 + 1e-6
    assert there == pytest.approx(back, abs=1e-5)
    assert own == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("query", "said", "answers"),
    [
        ("no pleural effusion", "Pleural effusion was not seen", True),
        ("no pleural effusion", "Pleural effusion on the right", False),
        ("no pleural effusion", "Atelectasis adjacent to the pleural effusion", False),
        ("pleural effusion", "There is no pleural effusion", False),
        ("pleural effusion", "Atelectasis adjacent to the pleural effusion", True),
        ("nodule or pleural effusion", "Consolidation with nodules, no pleural effusion", True),
        ("no asymmetry", "Slight asymmetry", False),
    ],
)
def test_what_says_the_contrary_does_not_answer(database: Database, query: str, said: str, answers: bool) -> None:
    assert told(database, query, said, TermsToCome.not_contrary) == answers


def test_a_sentence_is_for_the_model_and_a_word_for_the_dictionary() -> None:
    seen = Term("nodule", "A")
    weights = [Terms([seen, *(Term(f"term{n}", "D") for n in range(words))]).weight for words in (0, 1, 6, 12, 60)]
    assert weights == pytest.approx([0.85, 0.85, 0.85, 0.425, 0.085])


def test_words_that_the_dictionary_does_not_know_are_for_the_model_too() -> None:
    assert Terms([]).weight == 0
    assert Terms([Term("left", "C"), Term("cloudi", "D")]).weight == pytest.approx(0.3 * 0.85)


@pytest.mark.parametrize("number", [1, 2])
def test_a_term_has_one_line_in_a_dictionary(number: int) -> None:
    file = Path(next(iter(migrations.__path__))) / "versions" / f"radiology_terms_{number}.txt"
    terms = [
        line.partition(":")[0].split()[1] for line in file.read_text().splitlines() if line[:2] in {"A ", "B ", "C "}
    ]
    assert len(set(terms)) == len(terms) > 80
