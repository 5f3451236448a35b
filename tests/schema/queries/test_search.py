"""Search by meaning, by words and by both, among a hundred findings, with the embedder that is installed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa

from compute.embedder.embedder import Embedder, open_embedder
from compute.jobs.embedding import embed_missing
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound
from schema.finding import Side
from schema.ontology import Focality
from schema.postgres.address import Address
from schema.queries.filters import Between, FindingFilter, InRelease, finding_condition
from schema.queries.mistakes import NotEmbedded, ReadMistake
from schema.queries.pages import PageRequest, read_page
from schema.queries.scope import NOW, Scope
from schema.queries.search import Search, SearchHit, SearchMode, get_model, search_page, similar_page
from schema.queries.tables import REVISION
from schema.queries.terms import MOST_WEIGHT
from schema.queries.views import findings
from schema.release import Visibility
from tests.api.archive import MASS, Archive, Said, copied_database

LESIONS = ("nodule", "ground-glass opacity", "consolidation", "linear atelectasis", "pleural effusion", "emphysema")
PLACES = ("right upper lobe", "right middle lobe", "right lower lobe", "lingula", "left lower lobe", "left upper lobe")
SIZES = ("A 6 mm", "A small", "An extensive")
Find = Callable[..., Sequence[SearchHit]]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_embedder("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def filled(
    server: Address, template: str, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    said = [f"{size} {lesion} in the {place}" for size in SIZES for lesion in LESIONS for place in PLACES]
    with (
        copied_database(server, template, "archive_of_search") as database,
        ArrayStore(str(tmp_path_factory.mktemp("arrays"))) as arrays,
    ):
        archive = Archive(database, arrays)
        archive.add_collection()
        archive.add_release("base", {"train": Visibility.OPEN, "test": Visibility.HIDDEN})
        archive.add_scan("train_1_a_1", [Said(text, "2d") for text in said])
        archive.add_scan("train_2_a_1", [Said(MASS, "1a"), Said("Old words about hiatal hernia", "6a")])
        archive.place("base", "train_1_a_1", "train", {n: (n, 1) for n in range(len(said))})
        archive.place("base", "train_2_a_1", "test", {0: (0, 1), 1: (1, 1)})
        embed_missing(database, embedder)
        archive.revise("train_2_a_1", 1, Said("New words about calcified granuloma", "5b"))
        embed_missing(database, embedder)
        yield archive


@pytest.fixture
def find(filled: Archive, embedder: Embedder) -> Find:
    def found(text: str, mode: SearchMode, *, first: int = 10, **options: Any) -> Sequence[SearchHit]:
        with filled.database.transaction() as session:
            model = get_model(session, embedder.name, embedder.version)
            asked = Search(text, mode, embedder.embed([text])[0].tolist(), model)
            return search_page(session, asked, PageRequest(first), **options).hits

    return found


@pytest.fixture
def words(filled: Archive) -> Callable[[SearchHit], str]:
    def said(hit: SearchHit) -> str:
        with filled.database.transaction() as session:
            latest = sa.select(REVISION.c.text).where(REVISION.c.finding_id == hit.finding_id, REVISION.c.is_latest)
            return str(session.execute(latest).scalar_one())

    return said


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.SEMANTIC])
def test_meaning_counts_more_than_words_and_categories(
    find: Find, words: Callable[[SearchHit], str], mode: SearchMode
) -> None:
    assert words(find("tumour next to the left hilum", mode)[0]) == MASS


def test_scores_are_what_they_say(find: Find, embedder: Embedder) -> None:
    query = "mass of the left lung"
    hit = next(hit for hit in find(query, SearchMode.HYBRID) if hit.score > 0)
    cosine = float(np.dot(*embedder.embed([query, MASS])))
    assert hit.semantic_score == pytest.approx(cosine, abs=2e-3)
    assert hit.semantic_score is not None
    assert hit.lexical_score is not None
    assert 0 < hit.lexical_score <= 1
    mean = (1 - MOST_WEIGHT) * hit.semantic_score + MOST_WEIGHT * hit.lexical_score
    assert hit.score == pytest.approx(mean)
    assert hit.distance == pytest.approx(1 - cosine, abs=2e-3)
    assert set(hit.terms) == {"mass", "left", "lung"} & set(hit.terms) >= {"mass"}
    assert all(hit.lexical_score is not None or hit.semantic_score for hit in find("xyz", SearchMode.HYBRID))


def test_words_find_texts_that_hold_only_some_of_them(find: Find, words: Callable[[SearchHit], str]) -> None:
    hits = find("irregular mass with unheard-of spicules", SearchMode.LEXICAL)
    assert [words(hit) for hit in hits] == [MASS]
    assert hits[0].semantic_score is None
    both = find("small emphysema", SearchMode.LEXICAL, first=100)
    assert ["emphysema" in words(hit) for hit in both] == [True] * 18 + [False] * 30
    assert ["small" in words(hit) for hit in both] == [True] * 6 + [False] * 12 + [True] * 30


def test_of_two_that_say_it_the_one_that_says_little_else_comes_first(
    find: Find, words: Callable[[SearchHit], str]
) -> None:
    own = find("A small nodule in the lingula", SearchMode.LEXICAL, first=2)
    assert words(own[0]) == "A small nodule in the lingula"
    assert own[0].lexical_score == pytest.approx(1)
    assert own[0].score > own[1].score


def test_quotes_and_exclusion_hold_strictly(find: Find) -> None:
    assert len(find('"left upper lobe" -nodule', SearchMode.LEXICAL, first=100)) == 15
    assert len(find('"upper left"', SearchMode.LEXICAL, first=100)) == 0


@pytest.mark.parametrize("mode", list(SearchMode))
def test_filters_and_scopes_decide_before_the_rank(filled: Archive, find: Find, mode: SearchMode) -> None:
    first = FindingFilter(category_under="1", scans=["train_2_a_1"])
    assert len(find("irregular mass", mode, where=first)) == 1
    inside = FindingFilter(release=InRelease("base", "train"))
    found = find("lobe", mode, where=inside, first=1000)
    assert len(found) == (108 if mode is not SearchMode.LEXICAL else 90)
    assert not find("lobe", mode, where=FindingFilter(release=InRelease("nobody")))


@pytest.mark.parametrize("mode", list(SearchMode))
def test_only_words_that_hold_are_found(
    filled: Archive, find: Find, words: Callable[[SearchHit], str], mode: SearchMode
) -> None:
    then = Scope(release_id=filled.keys["release base"])
    assert words(find("hiatal hernia", mode, scope=then)[0]).startswith("New words")
    now = find("hiatal hernia", mode, first=1)
    assert not now or not words(now[0]).startswith("New words") or mode is not SearchMode.LEXICAL
    assert not [hit for hit in find("calcified granuloma", SearchMode.LEXICAL, scope=then) if "granuloma" in hit.terms]


def test_order_is_stable_and_equals_stand_by_id(find: Find) -> None:
    hits = find("opacity", SearchMode.LEXICAL, first=100)
    assert hits == find("opacity", SearchMode.LEXICAL, first=100)
    keys = [(-hit.score, hit.finding_id) for hit in hits]
    assert keys == sorted(keys)
    assert find("opacity", SearchMode.LEXICAL, first=3) == hits[:3]


@pytest.mark.parametrize("mode", list(SearchMode))
def test_pages_continue_one_another(filled: Archive, embedder: Embedder, find: Find, mode: SearchMode) -> None:
    text = "ground-glass opacity in the right upper lobe"
    with filled.database.transaction() as session:
        model = get_model(session, embedder.name, embedder.version)
        asked = Search(text, mode, embedder.embed([text])[0].tolist(), model)
        page = search_page(session, asked, PageRequest(7))
        hits = list(page.hits)
        while page.has_next:
            page = search_page(session, asked, PageRequest(7, hits[-1].cursor))
            hits += page.hits
    assert [hit.finding_id for hit in hits] == [hit.finding_id for hit in find(text, mode, first=200)]
    assert len({hit.finding_id for hit in hits}) == len(hits) > 14


@pytest.mark.parametrize("after", ["", "?", "WzEsMl0=", "WzEsIngiLDJd"])
def test_a_cursor_must_be_of_a_search(find: Find, filled: Archive, after: str) -> None:
    with filled.database.transaction() as session, pytest.raises(ReadMistake, match="cursor"):
        search_page(session, Search("lobe", SearchMode.LEXICAL), PageRequest(1, after))


def test_what_is_like_a_finding_is_not_itself(
    filled: Archive, find: Find, embedder: Embedder, words: Callable[[SearchHit], str]
) -> None:
    key = next(hit for hit in find("small emphysema in the lingula", SearchMode.HYBRID)).finding_id
    with filled.database.transaction() as session:
        model = get_model(session, embedder.name, embedder.version)
        hits = similar_page(session, key, model, PageRequest(5)).hits
        with pytest.raises(NotFound, match="no finding"):
            similar_page(session, UUID(int=1), model, PageRequest(5))
    assert key not in [hit.finding_id for hit in hits]
    assert all("emphysema in the lingula" in words(hit) for hit in hits[:2])


def test_there_are_no_vectors_yet(database: Database) -> None:
    with database.transaction() as session, pytest.raises(NotEmbedded, match="groundct embed"):
        get_model(session, "all-MiniLM-L6-v2", "1")


@pytest.mark.parametrize("text", ["", "  ", "\0", "a" * 2001])
def test_there_must_be_a_text(text: str) -> None:
    with pytest.raises(ReadMistake, match="text"):
        Search(text)


@pytest.mark.parametrize("mode", [SearchMode.SEMANTIC, SearchMode.HYBRID])
@pytest.mark.parametrize(
    "where",
    [
        FindingFilter(text="nodule"),
        FindingFilter(text_side=Side.RIGHT),
        FindingFilter(category="2d", present=True),
        FindingFilter(category_under="1", focality=Focality.FOCAL),
        FindingFilter(category_under="none such"),
        FindingFilter(and_=[FindingFilter(category="2d"), FindingFilter(not_=FindingFilter(focality=Focality.FOCAL))]),
        FindingFilter(scans=["train_1_a_1"]),
        FindingFilter(entity_count=Between(min=0)),
        FindingFilter(not_=FindingFilter(scans=["train_2_a_1"])),
        FindingFilter(or_=[FindingFilter(category_under="1"), FindingFilter(side=Side.LEFT)]),
        FindingFilter(release=InRelease("base")),
    ],
    ids=str,
)
def test_a_filter_leaves_what_it_leaves_in_a_list(
    filled: Archive, find: Find, mode: SearchMode, where: FindingFilter
) -> None:
    with filled.database.transaction() as session:
        listed = read_page(session, findings(), finding_condition(where, NOW), PageRequest(1000)).rows
    assert {hit.finding_id for hit in find("lung", mode, where=where, first=1000)} == {row.id for row in listed}


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.LEXICAL])
@pytest.mark.parametrize(
    "text",
    [
        "nodule in the lingula",
        "small emphysema",
        "6 mm GGO right upper lobe",
        "hilar mass",
        "unknown",
        "lower lobe",
        "Small nodule and some emphysema, ground-glass opacity or consolidation that was seen in the right lower lobe",
    ],
)
def test_pages_made_of_few_findings_are_those_made_of_all(find: Find, mode: SearchMode, text: str) -> None:
    whole = find(text, mode, first=1000)
    for first in (1, 3, 8, 30):
        assert find(text, mode, first=first) == whole[:first]


def test_filters_of_one_shape_leave_each_its_own(find: Find, words: Callable[[SearchHit], str]) -> None:
    for lesion in LESIONS:
        for first in (3, 5):
            hits = find("lung", SearchMode.SEMANTIC, first=first, where=FindingFilter(text=lesion))
            assert len(hits) == first
            assert all(lesion in words(hit) for hit in hits)
