"""What `where:` lets through."""

from dataclasses import fields
from typing import Any

import pytest

from api.graphql.execution import execute_fields, execute_query
from api.graphql.where import FILTERS
from api.services import Services
from schema.queries.filters import RANGED, EntityFilter
from tests.api.archive import MASS
from tests.api.conftest import Ask

RIGHT_THEN = "Nodule in the right lower lobe"
BOTH = "Nodules in both lower lobes"
WALLS = "Bilateral bronchial wall thickening"
SECRET = "Ground-glass opacity in the secret lobe"
FLUID = "Left pleural effusion"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, [BOTH, MASS, WALLS, SECRET, FLUID]),
        ({"text": "nodule"}, [BOTH]),
        ({"text": '"left lung" mass'}, [MASS]),
        ({"text": "lobe -nodules"}, [MASS, SECRET]),
        ({"category": "2d"}, [MASS]),
        ({"category": "2"}, []),
        ({"categoryUnder": "2"}, [BOTH, MASS, SECRET]),
        ({"categoryUnder": "9z"}, []),
        ({"focality": "NON_FOCAL"}, [WALLS]),
        ({"present": False}, []),
        ({"scans": ["train_1_a_1.nii.gz", "nobody"]}, [BOTH, MASS]),
        ({"release": {"name": "second"}}, [BOTH, MASS, SECRET]),
        ({"release": {"name": "base", "split": "test"}}, [SECRET]),
        ({"release": {"name": "base", "protocol": "protocol2"}}, []),
        ({"release": {"name": "nobody"}}, []),
        ({"side": "BILATERAL"}, [BOTH]),
        ({"side": "LEFT"}, [MASS]),
        ({"textSide": "LEFT"}, [MASS, FLUID]),
        ({"entityCount": {"max": 0}}, [SECRET, FLUID]),
        ({"entityCount": {"min": 2, "max": 2}}, [BOTH, MASS, WALLS]),
        ({"entity": {"volumeMl": {"min": 2}}}, [BOTH]),
        ({"entity": {"volumeMl": {"max": 0.5}}}, [BOTH, MASS]),
        ({"entity": {"volumeMl": {}}}, [BOTH, MASS]),
        ({"entity": {"huMean": {"min": 0, "max": 42}}}, [BOTH, MASS]),
        ({"entity": {"side": "MIDLINE", "huMean": {"min": 42}}}, [MASS]),
        ({"entity": {"side": "MIDLINE", "huMean": {"max": 42}}}, []),
        ({"not": {"entity": {"side": "LEFT"}}}, [WALLS, SECRET, FLUID]),
        ({"not": {"side": "LEFT"}}, [BOTH, WALLS, SECRET, FLUID]),
        ({"or": [{"category": "1a"}, {"textSide": "LEFT"}], "not": {"text": "mass"}}, [WALLS, FLUID]),
        ({"or": []}, []),
        ({"and": [{"categoryUnder": "2"}, {"text": "lobe"}]}, [BOTH, MASS, SECRET]),
        ({"ids": []}, []),
        ({"cohort": "drawn"}, [BOTH, MASS, SECRET]),
        ({"cohort": "nothing"}, []),
        ({"scan": {"patient": "train_2"}}, [WALLS]),
        ({"scan": {"not": {"hasVolume": True}}, "text": "bilateral"}, [WALLS]),
        ({"round": "second"}, [BOTH]),
        ({"round": "nobody"}, []),
        ({"policy": "AT_MOST"}, [MASS]),
        ({"contradicts": "count"}, [MASS]),
        ({"contradicts": "side"}, []),
        ({"not": {"contradicts": "count"}}, [BOTH, WALLS, SECRET, FLUID]),
        ({"entity": {"policy": "EXHAUSTIVE", "round": "first"}}, [WALLS]),
        ({"entity": {"round": "second"}}, [BOTH]),
        ({"entity": {"maxDiameterMm": {"min": 0}}}, []),
        ({"entity": {"boxLpsMm": {"min": [34, 24, 0], "max": [100, 100, 100]}}}, [MASS]),
        ({"entity": {"boxLpsMm": {"min": [34.5, 24, 0], "max": [100, 24, 100]}, "side": "LEFT"}}, []),
        ({"entity": {"boxLpsMm": {"min": [-9, -9, -9], "max": [1, 1, 1]}}}, [BOTH]),
        ({"entity": {"near": {"pointLpsMm": [1, 1, 10], "withinMm": 4}}}, [BOTH]),
        ({"entity": {"near": {"pointLpsMm": [1, 1, 10], "withinMm": 3.9}}}, []),
        ({"entity": {"location": {"lobe": "left upper lobe"}}}, [MASS]),
        ({"entity": {"location": {"lungBorderMm": {"max": 10}}}}, [MASS]),
        ({"entity": {"location": {"lungBorderMm": {"max": 1}}}}, []),
        ({"entity": {"location": {"organ": "heart", "organShare": {"min": 0.5}}}}, [MASS]),
        ({"entity": {"side": "LEFT", "location": {"organ": "heart", "organShare": {"min": 0.5}}}}, []),
        ({"entity": {"location": {"scheme": "nobody"}}}, []),
        ({"entity": {"location": {"relativePosition": {"min": [0.5, 0, 0], "max": [1, 1, 0.25]}}}}, [MASS]),
        ({"entity": {"location": {"relativePosition": {"min": [0.9, 0, 0], "max": [1, 1, 1]}}}}, []),
        ({"entity": {"side": "LEFT", "nearEntity": {"entity": {"side": "MIDLINE"}, "withinMm": 0}}}, [MASS]),
        ({"entity": {"nearEntity": {"entity": {"side": "LEFT"}, "withinMm": 24.5}}}, [BOTH, MASS]),
        ({"entity": {"nearEntity": {"entity": {"side": "RIGHT"}, "withinMm": 23}}}, []),
    ],
)
def test_findings(ask: Ask, where: dict[str, Any], expected: list[str]) -> None:
    query = "query($where: FindingWhere) { findings(where: $where) { totalCount edges { node { text } } } }"
    found = ask(query, where=where)["findings"]
    assert [edge["node"]["text"] for edge in found["edges"]] == expected
    assert found["totalCount"] == len(expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"side": "RIGHT"}, [RIGHT_THEN]),
        ({"category": "2d"}, [RIGHT_THEN, MASS]),
        ({"text": "nodules"}, [RIGHT_THEN]),
        ({"entity": {"side": "LEFT"}}, [MASS]),
        ({"entityCount": {"min": 1, "max": 1}}, [RIGHT_THEN]),
        ({"contradicts": "side"}, [RIGHT_THEN]),
    ],
)
def test_filters_speak_of_the_release_that_is_asked_about(ask: Ask, where: dict[str, Any], expected: list[str]) -> None:
    query = 'query($where: FindingWhere) { findings(where: $where, asOf: "base") { edges { node { text } } } }'
    assert [edge["node"]["text"] for edge in ask(query, where=where)["findings"]["edges"]] == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"names": ["valid_1_a_1.nii.gz"]}, ["valid_1_a_1"]),
        ({"patient": "train_2"}, ["train_2_a_1"]),
        ({"study": "train_1_a"}, ["train_1_a_1"]),
        ({"release": {"name": "second", "split": "train"}}, ["train_1_a_1"]),
        ({"hasVolume": False}, ["train_2_a_1"]),
        ({"hidden": True}, ["valid_1_a_1"]),
        ({"finding": {"categoryUnder": "2", "entityCount": {"min": 1}}}, ["train_1_a_1"]),
        ({"not": {"finding": {"categoryUnder": "2"}}}, ["train_2_a_1", "valid_2_a_1"]),
        ({"and": [{"finding": {"text": "nodules"}}, {"finding": {"category": "2d"}}]}, ["train_1_a_1"]),
        ({"findingCount": {"min": 2}}, ["train_1_a_1"]),
        ({"findingCount": {"max": 1}}, ["train_2_a_1", "valid_1_a_1", "valid_2_a_1"]),
    ],
)
def test_scans(ask: Ask, where: dict[str, Any], expected: list[str]) -> None:
    query = "query($where: ScanWhere) { scans(where: $where) { totalCount edges { node { name } } } }"
    found = ask(query, where=where)["scans"]
    assert [edge["node"]["name"] for edge in found["edges"]] == expected
    assert found["totalCount"] == len(expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"side": "LEFT"}, 2),
        ({"voxels": {"min": 27}}, 3),
        ({"volumeMl": {"min": 0.9, "max": 2.5}}, 2),
        ({"huMean": {"max": -500}}, 1),
        ({"components26": {"min": 1}}, 5),
        ({"finding": {"categoryUnder": "1"}}, 2),
        (
            {
                "finding": {"release": {"name": "base", "split": "train"}, "scans": ["train_1_a_1"]},
                "not": {"side": "LEFT"},
            },
            2,
        ),
    ],
)
def test_entities(ask: Ask, where: dict[str, Any], expected: int) -> None:
    query = "query($where: EntityWhere) { entities(where: $where) { totalCount edges { node { id } } } }"
    found = ask(query, where=where)["entities"]
    assert found["totalCount"] == len(found["edges"]) == expected


def test_filters_hold_below_rounds_releases_and_categories_too(ask: Ask) -> None:
    found = ask("""{ round(name: "first") { findings(where: {category: "2d"}) { totalCount }
            entities(where: {side: LEFT}) { totalCount } }
        release(name: "base") { scans(where: {hasVolume: false}) { totalCount }
            findings(where: {side: RIGHT}) { totalCount } entities(where: {side: LEFT}) { totalCount } }
        categories { code findings(where: {side: LEFT}) { totalCount edges { node { text } } } } }""")
    assert found["round"] == {"findings": {"totalCount": 1}, "entities": {"totalCount": 1}}
    assert [each["totalCount"] for each in found["release"].values()] == [1, 1, 1]
    counts = {each["code"]: each["findings"]["totalCount"] for each in found["categories"]}
    assert {code: count for code, count in counts.items() if count} == {"2": 1, "2d": 1}


@pytest.mark.parametrize(("asked", "filter_"), FILTERS.items())
def test_inputs_have_the_parts_of_their_filters(asked: type[Any], filter_: type[Any]) -> None:
    given, read = ({part.name for part in fields(each)} for each in (asked, filter_))
    read -= {"category_ids"}  # what search looks up of a code
    assert given == (read - {"measures"} | set(RANGED) if filter_ is EntityFilter else read)


def test_every_measure_can_be_chosen_by(ask: Ask) -> None:
    for name in RANGED:
        camel = name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:])
        ask(f"{{ entities(where: {{{camel}: {{min: 0}}}}) {{ totalCount }} }}")


def test_each_cohort_has_its_own_findings(services: Services) -> None:
    query = "{ cohorts { edges { node { name findings { totalCount edges { node { text } } } } } } }"
    for answer in (execute_query(services, query), execute_fields(services, query, {})):
        cohorts = [edge["node"] for edge in answer["data"]["cohorts"]["edges"]]
        found = {each["name"]: [edge["node"]["text"] for edge in each["findings"]["edges"]] for each in cohorts}
        assert found == {"drawn": [BOTH, MASS, SECRET], "other": [MASS]}
        assert [each["findings"]["totalCount"] for each in cohorts] == [3, 1]
