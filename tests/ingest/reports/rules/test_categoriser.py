"""What the categoriser decides, and that it always decides the same."""

import gzip
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.embedder.embedder import open_embedder
from ingest.reports.rules.categoriser import MOST_CHARACTERS, Categoriser
from ingest.reports.rules.category_evidence import weigh_codes
from ingest.reports.rules.category_exemplars import Exemplars, load_exemplars, without_places
from ingest.reports.rules.category_terms import load_terms
from schema.errors import ModelError
from schema.ontology import assignable_codes
from tests.ingest.reports.rules.score_categories import accuracy, in_chest, labelled_findings

SAID = (
    "nodule",
    "ground-glass opacity",
    "pleural effusion",
    "lung",
    "liver",
    "linear atelectasis",
    "fracture",
    "thickening",
    "bronchial wall",
    "tree-in-bud",
    "similar",
)
BETWEEN = (
    "with",
    "no",
    "and",
    "not observed",
    ",",
    "(",
    ")",
    ";",
    "?",
    "adjacent to",
    "consistent with",
    "of the",
    "5.5 mm",
)
WORDS = st.lists(st.sampled_from(SAID + BETWEEN), max_size=15).map(" ".join)


@pytest.fixture(scope="module")
def categoriser() -> Categoriser:
    embedder = open_embedder("all-MiniLM-L6-v2")
    return Categoriser(lambda: embedder, embedder.name)


def test_most_labelled_findings_get_their_code(categoriser: Categoriser) -> None:
    def code_of(text: str) -> str | None:
        return categoriser.categorise(text).code

    findings = labelled_findings()
    assert accuracy(findings, code_of) > 0.94
    assert accuracy(findings, code_of, alternatives=True) > 0.97
    assert accuracy(in_chest(findings), code_of) > 0.95


def test_exemplars_alone_know_most_labelled_findings() -> None:
    exemplars = Exemplars(open_embedder("all-MiniLM-L6-v2"))
    findings = labelled_findings()
    assert accuracy(findings, lambda text: next(iter(exemplars.weigh_codes(text)), None)) > 0.75


def test_terms_alone_know_most_exemplars() -> None:
    hits = [next(iter(weigh_codes(text)), None) == code for code, text in load_exemplars()]
    assert sum(hits) / len(hits) > 0.92


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Ground-glass nodule in the left apex", "2d"),
        ("Nodular ground-glass opacities, both lower lobes", "2c"),
        ("Nodule with a ground-glass halo", "2d"),
        ("Consolidation with surrounding ground-glass opacity", "2b"),
        ("Ground-glass opacities and consolidation", "2c"),
        ("Linear atelectasis", "2a"),
        ("Areas of subsegmental atelectasis", "2a"),
        ("Compressive atelectasis adjacent to the effusion", "2b"),
        ("Adjacent to the pleural effusion, passive atelectasis is seen", "2b"),
        ("Pleural effusion causing compressive atelectasis", "2e"),
        ("Increased density consistent with atelectasis", "2b"),
        ("Centrilobular emphysema", "1c"),
        ("Centrilobular nodules", "1e"),
        ("Subcutaneous emphysema", "7b"),
        ("Branches with buds in the lingula", "1e"),
        ("Interlobular septal thickening", "1d"),
        ("Thickening of the bronchial walls", "1a"),
        ("Thickening of the fissure", "2e"),
        ("Effusion measuring 12 mm at its thickest point", "2e"),
        ("Pericardial effusion", "8f"),
        ("Calcified nodule in the right lower lobe", "2d"),
        ("Nodule of the left thyroid lobe", "3h"),
        ("Hypodense lesion in the right lobe of the liver", "3b"),
        ("Calcified plaques in the thoracic aorta", "8a"),
        ("Mosaic attenuation (small vessel disease?)", "1f"),
        ("No pneumothorax, minimal pleural effusion", "2e"),
        ("Rib fractures with pleural effusion", "4a"),
    ],
)
def test_the_finding_itself_decides(text: str, code: str) -> None:
    assert next(iter(weigh_codes(text))) == code


def test_what_is_denied_counts_where_nothing_else_is_said() -> None:
    assert list(weigh_codes("No pleural effusion")) == ["2e"]
    assert list(weigh_codes("Nodules without consolidation")) == ["2d"]
    assert list(weigh_codes("Consolidation was not observed, nodules are stable")) == ["2d"]
    assert list(weigh_codes("Nodules without significant change")) == ["2d"]


def test_words_that_no_term_knows_go_by_what_they_mean(categoriser: Categoriser) -> None:
    assert not weigh_codes("Cloudy patch")
    assert categoriser.categorise("Cloudy parenchyma").code == "2c"
    assert categoriser.categorise("Wasted musculature").code == "9c"


@pytest.mark.parametrize("text", ["", "   ", "\t", "The train leaves at noon"])
def test_what_says_nothing_is_undecided(categoriser: Categoriser, text: str) -> None:
    decided = categoriser.categorise(text)
    assert (decided.code, decided.score, decided.alternatives) == (None, None, ())


@settings(deadline=None, max_examples=50)
@given(text=st.one_of(st.text(max_size=80), WORDS))
def test_any_text_gives_a_code_of_the_ontology_or_none(categoriser: Categoriser, text: str) -> None:
    decided = categoriser.categorise(text)
    given_codes = [decided.code] if decided.code else []
    codes = given_codes + [other.code for other in decided.alternatives]
    scores = [decided.score] if decided.score is not None else []
    scores += [other.score for other in decided.alternatives]
    assert set(codes) <= assignable_codes()
    assert len(set(codes)) == len(codes) == len(scores)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1
    assert decided == categoriser.categorise(text)


@settings(deadline=None, max_examples=20)
@given(texts=st.lists(WORDS, max_size=3))
def test_many_texts_are_decided_as_each_alone(categoriser: Categoriser, texts: list[str]) -> None:
    assert categoriser.categorise_all(texts) == [categoriser.categorise(text) for text in texts]


@settings(deadline=None)
@given(text=WORDS)
def test_case_hyphens_and_spaces_are_all_the_same(text: str) -> None:
    assert weigh_codes(text.upper().replace("-", " ").replace(" ", "  ")) == weigh_codes(text)


def test_the_end_of_a_very_long_text_is_not_read(categoriser: Categoriser) -> None:
    assert categoriser.categorise("nodule " + "x " * MOST_CHARACTERS + "consolidation").alternatives == ()


def test_the_embedder_is_opened_only_when_it_is_needed() -> None:
    def fail() -> None:
        raise ModelError("no weights")

    categoriser = Categoriser(fail, "none")  # type: ignore[arg-type]
    assert categoriser.categorise("Nodule").code == "2d"
    with pytest.raises(ModelError):
        categoriser.categorise("Cloudy patch")


def test_terms_and_exemplars_name_codes_of_the_ontology() -> None:
    terms = load_terms()
    kinds = {kind.meaning for kind in terms.kinds}
    assert {term.meaning for term in terms.terms} <= assignable_codes()
    assert {code for code, _ in load_exemplars()} <= assignable_codes()
    assert {site.meaning for site in terms.sites} | {"anywhere"} == set(terms.codes)
    for codes in terms.codes.values():
        assert set(codes) <= kinds
        assert set(codes.values()) <= assignable_codes()


def test_every_code_has_a_way_to_be_given() -> None:
    terms = load_terms()
    by_site = {code for codes in terms.codes.values() for code in codes.values()}
    assert {term.meaning for term in terms.terms} | by_site | {code for code, _ in load_exemplars()} == (
        assignable_codes()
    )


def test_places_are_no_part_of_what_is_compared() -> None:
    assert without_places("Hazy patch in the right lung lower lobe, 12 mm") == "Hazy patch ,"


def test_no_exemplar_repeats_a_real_report(shared_data) -> None:
    path = shared_data / "ct_rate_reports" / "validation_reports_with_volumes.csv.gz"
    if not path.exists():
        pytest.skip("the real reports are not here")
    real = _words(gzip.decompress(path.read_bytes()).decode("utf-8"))
    runs = {tuple(real[start : start + 8]) for start in range(len(real) - 7)}
    for _, text in load_exemplars():
        words = _words(text)
        assert not runs.intersection(tuple(words[start : start + 8]) for start in range(len(words) - 7)), text


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
