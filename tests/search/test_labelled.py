"""The labelled set: what its parts promise of each other, and floors below which the ranking must not fall."""

from collections.abc import Iterator, Sequence
from functools import cache

import pytest

from compute.embedder.embedder import open_embedder
from schema.arrays.store import ArrayStore
from schema.postgres.address import Address
from schema.queries.search import SearchMode
from tests.api.archive import copied_database
from tests.search.score import Find, Query, fill, finder, labelled_queries, labelled_texts, mean_ndcg


@pytest.fixture(scope="module")
def queries() -> Sequence[Query]:
    return labelled_queries()


@pytest.fixture(scope="module")
def find(server: Address, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Find]:
    embedder = open_embedder("all-MiniLM-L6-v2")
    with copied_database(server, template, "archive_of_labelled") as database:
        with ArrayStore(str(tmp_path_factory.mktemp("arrays"))) as arrays:
            fill(database, arrays, embedder)
        yield cache(finder(database, embedder))


def test_the_set_is_as_large_as_it_says(queries: Sequence[Query]) -> None:
    assert len(set(labelled_texts())) == 400
    assert len({query.text for query in queries}) == 150
    assert all(query.grades for query in queries)


def test_both_parts_together_are_as_good_as_each(find: Find, queries: Sequence[Query]) -> None:
    parts = [mean_ndcg(find, mode, queries) for mode in (SearchMode.LEXICAL, SearchMode.SEMANTIC)]
    assert mean_ndcg(find, SearchMode.HYBRID, queries) >= max(parts)


@pytest.mark.parametrize(("kind", "floor"), [("concept", 0.94), ("place", 0.86), ("denied", 0.99)])
def test_the_ranking_does_not_fall(find: Find, queries: Sequence[Query], kind: str, floor: float) -> None:
    assert mean_ndcg(find, SearchMode.HYBRID, [query for query in queries if query.kind == kind]) >= floor
