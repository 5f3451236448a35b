"""Search through GraphQL, before and after there are vectors."""

from collections.abc import Iterator
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa

from api.graphql.execution import execute_query
from api.services import QueryVectors, Services
from compute.embedder.bank import VectorBank
from compute.embedder.embedder import open_embedder
from compute.jobs.embedding import embed_missing
from schema.arrays.store import ArrayStore
from schema.identity import finding_id
from schema.postgres.address import Address
from schema.queries.tables import REVISION
from tests.api.archive import COLLECTION, MASS, Archive, copied_database, fill
from tests.api.conftest import Ask

QUERY = """query($text: String!, $mode: SearchMode!) { search(text: $text, mode: $mode, first: 2) {
    mode note exact pageInfo { hasNextPage hasPreviousPage endCursor }
    edges { cursor score semanticScore distance lexicalScore terms node { text
        scan { name } entities { label } } } } }"""
TEXT = "tumour next to the left hilum"


@pytest.fixture(scope="module")
def embedded(server: Address, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with (
        copied_database(server, template, "archive_with_vectors") as database,
        ArrayStore(str(tmp_path_factory.mktemp("arrays"))) as arrays,
    ):
        fill(Archive(database, arrays))
        embedder = open_embedder("all-MiniLM-L6-v2")
        embed_missing(database, embedder)
        yield Services(database, arrays, QueryVectors.of(embedder))


@pytest.mark.parametrize("mode", ["HYBRID", "SEMANTIC"])
def test_meaning_is_found(embedded: Services, mode: str) -> None:
    found = execute_query(embedded, QUERY, {"text": TEXT, "mode": mode})["data"]["search"]
    assert (found["mode"], found["note"], len(found["edges"])) == (mode, None, 2)
    best = found["edges"][0]
    assert best["node"] == {"text": MASS, "scan": {"name": "train_1_a_1"}, "entities": [{"label": 1}, {"label": 2}]}
    assert 0 < best["semanticScore"] < 1
    assert best["score"] >= found["edges"][1]["score"]
    assert best["distance"] == pytest.approx(1 - best["semanticScore"])
    assert found["exact"]
    last = found["edges"][-1]["cursor"]
    assert found["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False, "endCursor": last}


def test_findings_like_one_are_found(embedded: Services) -> None:
    query = "query($id: ID!, $after: String) { similarFindings(finding: $id, first: 1, after: $after) "
    query += "{ edges { cursor node { id text } } pageInfo { hasPreviousPage } } }"
    mass = finding_id(COLLECTION, "train_1_a_1", 1)
    page = execute_query(embedded, query, {"id": str(mass)})["data"]["similarFindings"]
    first = page["edges"][0]
    assert first["node"]["id"] != str(mass)
    page = execute_query(embedded, query, {"id": str(mass), "after": first["cursor"]})["data"]["similarFindings"]
    assert page["edges"][0]["node"]["id"] not in {str(mass), first["node"]["id"]}
    assert page["pageInfo"] == {"hasPreviousPage": True}
    (error,) = execute_query(embedded, query, {"id": str(UUID(int=1))})["errors"]
    assert error["extensions"] == {"code": "NOT_FOUND"}


def test_findings_like_one_by_another_model(embedded: Services) -> None:
    query = "query($id: ID!, $model: String) { similarFindings(finding: $id, model: $model, first: 1) "
    query += "{ edges { node { id } semanticScore } } }"
    asked = {"id": str(finding_id(COLLECTION, "train_1_a_1", 1))}
    (error,) = execute_query(embedded, query, {**asked, "model": "made elsewhere"})["errors"]
    assert error["extensions"] == {"code": "NOT_EMBEDDED"}
    assert "made elsewhere" in error["message"]
    with embedded.database.transaction() as session:
        texts = session.scalars(sa.select(REVISION.c.text).where(REVISION.c.is_latest)).all()
    every = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    embed_missing(embedded.database, VectorBank("made elsewhere", "1", 2, np.ones((len(every), 2)), every))
    (edge,) = execute_query(embedded, query, {**asked, "model": "made elsewhere"})["data"]["similarFindings"]["edges"]
    assert edge["semanticScore"] == pytest.approx(1, abs=1e-3)
    (edge,) = execute_query(embedded, query, asked)["data"]["similarFindings"]["edges"]
    assert edge["semanticScore"] < 0.99


def test_without_vectors_hybrid_goes_by_words_and_says_so(ask: Ask) -> None:
    found = ask(QUERY, text=TEXT, mode="HYBRID")["search"]
    assert found["mode"] == "LEXICAL"
    assert "groundct embed" in found["note"]
    assert found["edges"][0]["node"]["text"] == MASS
    assert found["edges"][0]["semanticScore"] is None


def test_without_vectors_a_search_by_meaning_names_the_remedy(refuse: Ask) -> None:
    code, message = refuse(QUERY, text=TEXT, mode="SEMANTIC")
    assert code == "NOT_EMBEDDED"
    assert "groundct embed" in message


def test_a_model_that_cannot_be_used_is_said_without_its_path(services: Services) -> None:
    broken = Services(services.database, services.arrays, QueryVectors("/nowhere/at/all"))
    (error,) = execute_query(broken, QUERY, {"text": TEXT, "mode": "HYBRID"})["errors"]
    assert error["extensions"] == {"code": "MODEL_UNAVAILABLE"}
    assert "/nowhere" not in error["message"]
