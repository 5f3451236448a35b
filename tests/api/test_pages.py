"""Relay connections: every row once, in order, whatever the size of a page."""

import base64
from typing import Any

import pytest

from api.graphql.order import EntityField
from tests.api.conftest import Ask

PAGE = """query($first: Int!, $after: String) { page: %s(first: $first, after: $after) {
    edges { cursor node { %s } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }"""
LISTS = [("findings", "id"), ("scans", "id"), ("entities", "id"), ("rounds", "name"), ("releases", "name")]


def walk(ask: Ask, name: str, key: str, first: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = ask(PAGE % (name, key), first=first, after=after)["page"]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        found += [edge["node"][key] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found
        assert len(page["edges"]) == first
        after = page["pageInfo"]["endCursor"]


@pytest.mark.parametrize(("name", "key"), LISTS)
@pytest.mark.parametrize("first", [1, 2, 1000])
def test_pages_give_every_row_once(ask: Ask, name: str, key: str, first: int) -> None:
    rows = walk(ask, name, key, first)
    assert len(set(rows)) == len(rows) > 1
    assert rows == walk(ask, name, key, 3)


def test_pages_of_a_category(ask: Ask) -> None:
    query = """query($after: String) { categories { code findings(first: 2, after: $after) {
        edges { node { index scan { name } } } pageInfo { hasNextPage endCursor } } } }"""

    def page(after: str | None) -> dict[str, Any]:
        return next(each["findings"] for each in ask(query, after=after)["categories"] if each["code"] == "2")

    first = page(None)
    second = page(first["pageInfo"]["endCursor"])
    assert [len(each["edges"]) for each in (first, second)] == [2, 1]
    assert second["edges"][0]["node"]["scan"]["name"] == "valid_1_a_1"


def test_a_page_of_none_tells_only_the_count(ask: Ask) -> None:
    page = ask(PAGE % ("scans", "id"), first=0)["page"]
    nothing = {"hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert page == {"edges": [], "pageInfo": nothing, "totalCount": 4}


@pytest.mark.parametrize("first", [-1, 1001])
@pytest.mark.parametrize("root", ["scans", "findings", "entities", "rounds", "releases", 'search(text: "a"'])
def test_the_size_of_a_page_is_limited(refuse: Ask, root: str, first: int) -> None:
    call = f"{root}, first: {first})" if "(" in root else f"{root}(first: {first})"
    code, message = refuse(f"{{ {call} {{ edges {{ node {{ __typename }} }} }} }}")
    assert code == "BAD_USER_INPUT"
    assert "1000" in message


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "after",
    [
        "",
        "?",
        "é",
        cursor("{}"),
        cursor("[1]"),
        cursor('["a", true, "x"]'),
        cursor('["a", 1, "x"]'),
        cursor('["a",1e99,0]'),
    ],
)
def test_what_is_no_cursor_is_refused(refuse: Ask, after: str) -> None:
    query = "query($after: String) { findings(after: $after) { edges { node { id } } } }"
    code, message = refuse(query, after=after)
    assert code == "BAD_USER_INPUT"
    assert "endCursor" in message


FIELDS = [[each.name] for each in EntityField] + [["SIDE", "HU_MEAN"], ["VOLUME_ML", "LABEL"]]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("fields", FIELDS)
def test_pages_follow_any_order(ask: Ask, fields: list[str], descending: bool) -> None:
    query = """query($order: [EntityOrder!], $first: Int!, $after: String) {
      entities(first: $first, after: $after, orderBy: $order) { edges { node { id } } pageInfo { endCursor } }
    }"""
    order = [{"by": field, "descending": descending} for field in fields]
    whole = [edge["node"]["id"] for edge in ask(query, order=order, first=100)["entities"]["edges"]]
    pages: list[str] = []
    after = None
    while (page := ask(query, order=order, first=4, after=after)["entities"])["edges"]:
        pages += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert pages == whole
    assert len(set(whole)) == 6


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([{"by": "VOLUME_ML"}], [0.08, 0.3, 0.9, 2.5, None, None]),
        ([{"by": "VOLUME_ML", "descending": True}], [2.5, 0.9, 0.3, 0.08, None, None]),
    ],
)
def test_what_is_not_known_comes_last(ask: Ask, order: list[dict[str, Any]], expected: list[float | None]) -> None:
    found = ask("query($o: [EntityOrder!]) { entities(orderBy: $o) { edges { node { volumeMl } } } }", o=order)
    assert [edge["node"]["volumeMl"] for edge in found["entities"]["edges"]] == expected


def test_a_cursor_is_one_of_its_order(ask: Ask, refuse: Ask) -> None:
    page = ask("{ entities(first: 1, orderBy: [{by: LABEL}]) { pageInfo { endCursor } } }")["entities"]
    query = "query($after: String) { entities(after: $after) { edges { cursor } } }"
    assert refuse(query, after=page["pageInfo"]["endCursor"])[0] == "BAD_USER_INPUT"


def test_facets_count_all_pages_under_the_filter(ask: Ask) -> None:
    found = ask("""{ findings(first: 1, where: {textSide: LEFT}) { totalCount
        side: facet(by: SIDE) { value count } code: facet(by: CATEGORY_CODE, most: 1) { value count } }
        categories { code findings { facet(by: TEXT_SIDE) { value count } } } }""")
    assert found["findings"]["totalCount"] == 2
    assert found["findings"]["side"] == [{"value": "LEFT", "count": 1}, {"value": None, "count": 1}]
    assert found["findings"]["code"] == [{"value": "2d", "count": 1}]
    below = {each["code"]: each["findings"]["facet"] for each in found["categories"]}
    assert below["2d"] == [{"value": "LEFT", "count": 1}]
