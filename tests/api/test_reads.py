"""What a client is told of scans, findings, annotations, entities, categories, rounds and releases."""

import json
from typing import Any

import pytest

from schema.identity import finding_id
from tests.api.archive import COLLECTION, MASS
from tests.api.conftest import Ask

FINDING = str(finding_id(COLLECTION, "train_1_a_1", 0))


def nodes(connection: dict[str, Any]) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


def texts(found: dict[str, Any]) -> list[str]:
    return [node["text"] for node in nodes(found["findings"])]


def test_a_scan_is_found_by_its_name_with_or_without_the_ending(ask: Ask) -> None:
    query = """query($name: String!) { scan(name: $name) {
        name shapeVox spacingMm patient study hidden
        volume { orientation affineRas huMin huMax storedBytes } metadata { manufacturer patientSex }
        releases { release split protocol visibility } } }"""
    scan = ask(query, name="train_1_a_1")["scan"]
    assert scan == ask(query, name="train_1_a_1.nii.gz")["scan"]
    assert (scan["patient"], scan["study"], scan["hidden"]) == ("train_1", "train_1_a", False)
    assert (scan["shapeVox"], scan["spacingMm"]) == ([40, 30, 20], [0.75, 0.75, 1.5])
    assert scan["volume"]["affineRas"][0] == [-0.75, 0.0, 0.0, 10.0]
    assert scan["metadata"] == {"manufacturer": "Siemens", "patientSex": None}
    assert [each["release"] for each in scan["releases"]] == ["base", "second"]
    assert scan["releases"][0] == {
        "release": "base",
        "split": "train",
        "protocol": "protocol1",
        "visibility": "OPEN",
    }
    assert ask(query, name="train_9_z_9")["scan"] is None


def test_what_is_absent_is_null_and_never_zero(ask: Ask) -> None:
    found = ask("""{ scan(name: "train_2_a_1") { spacingMm volume { huMin } metadata { manufacturer } findings {
        side reasoning { origin } sentences { text } report { language findings }
        annotations { declaredEntities policy { kind limit } }
        entities { volumeMm3 volumeMl centroidVox centroidLpsMm side components26 huMean sphericity } } } }""")["scan"]
    assert found["spacingMm"] is found["volume"] is found["metadata"] is None
    (finding,) = found["findings"]
    assert finding["side"] is None
    assert finding["report"] == {"language": "und", "findings": None}
    assert finding["reasoning"] == []
    assert finding["annotations"] == [{"declaredEntities": None, "policy": {"kind": "EXHAUSTIVE", "limit": None}}]
    without_mm, unmeasured = finding["entities"]
    assert without_mm == dict.fromkeys(without_mm) | {"centroidVox": [3.0, 3.0, 3.0], "components26": 1}
    assert unmeasured == dict.fromkeys(unmeasured)


def test_now_means_latest_words_and_accepted_annotations(ask: Ask) -> None:
    found = ask(
        """query($id: ID!) { finding(id: $id) { index revision text side textSide entityCount
        category { code name path focality } scan { name }
        annotations { state round { name } policy { kind limit } entities { label } }
        entities { label round { name } } } }""",
        id=FINDING,
    )["finding"]
    assert (found["index"], found["revision"], found["text"]) == (0, 2, "Nodules in both lower lobes")
    assert (found["side"], found["textSide"], found["entityCount"]) == ("BILATERAL", None, 2)
    assert (found["category"]["code"], found["category"]["path"]) == ("2b", "02/b/")
    (annotation,) = found["annotations"]
    assert annotation == {
        "state": "ACCEPTED",
        "round": {"name": "second"},
        "policy": {"kind": "EXHAUSTIVE", "limit": None},
        "entities": [{"label": 1}, {"label": 2}],
    }
    assert [each["round"]["name"] for each in found["entities"]] == ["second", "second"]


@pytest.mark.parametrize(
    ("release", "index", "text", "side", "entities"),
    [
        ("base", 0, "Nodule in the right lower lobe", "RIGHT", 1),
        ("second", 1, "Nodules in both lower lobes", "BILATERAL", 2),
    ],
)
def test_as_of_a_release_its_words_indices_and_annotations_hold(
    ask: Ask, release: str, index: int, text: str, side: str, entities: int
) -> None:
    query = """query($id: ID!, $release: String!) { finding(id: $id, asOf: $release) { index text side entityCount
        annotations { declaredEntities } scan { findings { index text } } } }"""
    found = ask(query, id=FINDING, release=release)["finding"]
    assert (found["index"], found["text"], found["side"], found["entityCount"]) == (index, text, side, entities)
    assert found["annotations"] == [{"declaredEntities": entities}]
    assert [each["index"] for each in found["scan"]["findings"]] == [0, 1]


def test_a_finding_that_is_not_in_the_release_is_null(ask: Ask) -> None:
    absent = str(finding_id(COLLECTION, "train_2_a_1", 0))
    query = 'query($id: ID!) { now: finding(id: $id) { text } then: finding(id: $id, asOf: "second") { text } }'
    assert ask(query, id=absent) == {"now": {"text": "Bilateral bronchial wall thickening"}, "then": None}


def test_a_round_says_what_it_said_though_another_replaced_it(ask: Ask) -> None:
    found = ask(
        """query($id: ID!) {
        finding(id: $id) { annotations(round: "first") { state } entities(round: "first") { side } }
        round(name: "first") { name protocols entities { totalCount } annotations { totalCount }
            findings { totalCount edges { node { entities { label } } } } } }""",
        id=FINDING,
    )
    assert found["finding"] == {"annotations": [{"state": "SUPERSEDED"}], "entities": [{"side": "RIGHT"}]}
    assert found["round"]["entities"]["totalCount"] == 5
    assert [len(each["entities"]) for each in nodes(found["round"]["findings"])] == [1, 2, 2]


def test_an_entity_is_found_whatever_became_of_its_annotation(ask: Ask) -> None:
    query = 'query($id: ID!) { finding(id: $id) { entities(round: "first") { id } } }'
    key = ask(query, id=FINDING)["finding"]["entities"][0]["id"]
    found = ask(
        """query($id: ID!) { entity(id: $id) {
        id label voxels boxVox { min max } annotation { state } finding { text scan { name } } } }""",
        id=key,
    )["entity"]
    assert found["boxVox"] == {"min": [1, 1, 1], "max": [4, 5, 6]}
    assert found["voxels"] == 60
    assert found["annotation"] == {"state": "SUPERSEDED"}
    assert found["finding"] == {"text": "Nodules in both lower lobes", "scan": {"name": "train_1_a_1"}}


def test_a_hidden_split_shows_words_and_says_that_the_rest_is_hidden(ask: Ask) -> None:
    found = ask("""{
        scans { edges { node { name hidden findings {
            text entityCount side annotations { id } entities { id } } } } }
        entities(first: 1000) { totalCount edges { node { finding { scan { name } } } } } }""")
    hidden = {each["name"]: each for each in nodes(found["scans"])}["valid_1_a_1"]
    (finding,) = hidden["findings"]
    assert hidden["hidden"]
    assert finding["text"] == "Ground-glass opacity in the secret lobe"
    assert finding["annotations"] == finding["entities"] == []
    assert (finding["entityCount"], finding["side"]) == (0, None)
    assert "valid_1_a_1" not in {each["finding"]["scan"]["name"] for each in nodes(found["entities"])}
    assert found["entities"]["totalCount"] == 6


def test_releases_tell_their_splits(ask: Ask) -> None:
    found = ask("""{ releases { totalCount edges { node { name kind digest splits { name visibility scanCount } } } }
        release(name: "second") { scans { totalCount } findings { edges { node { index text } } }
            entities { totalCount } } none: release(name: "third") { name } }""")
    base, second = nodes(found["releases"])
    assert (base["name"], base["kind"], base["digest"]) == ("base", "PUBLISHED", None)
    assert base["splits"] == [
        {"name": "test", "visibility": "HIDDEN", "scanCount": 1},
        {"name": "train", "visibility": "OPEN", "scanCount": 3},
    ]
    assert second["splits"][0]["scanCount"] == 1
    assert found["none"] is None
    assert found["release"]["scans"]["totalCount"] == 2
    assert [each["index"] for each in nodes(found["release"]["findings"])] == [0, 1, 0]
    assert found["release"]["entities"]["totalCount"] == 2


def test_categories_are_a_tree_with_the_findings_of_their_subtrees(ask: Ask) -> None:
    found = ask("""{ categories(ontology: "rexgroundingct") { code path assignable parent { code } children { code }
        findingCount findings(first: 1) { totalCount edges { node { text } } pageInfo { hasNextPage } } }
        none: categories(ontology: "another") { code } }""")
    categories = {each["code"]: each for each in found["categories"]}
    assert sum(each["assignable"] for each in found["categories"]) == 62
    assert sum(each["parent"] is None for each in found["categories"]) == 12
    assert categories["2"]["findingCount"] == categories["2"]["findings"]["totalCount"] == 3
    assert categories["2"]["findings"]["pageInfo"]["hasNextPage"]
    assert texts({"findings": categories["2d"]["findings"]}) == [MASS]
    assert categories["2d"]["parent"] == {"code": "2"}
    assert {"code": "2d"} in categories["2"]["children"]
    assert found["none"] == []


@pytest.mark.parametrize(
    ("ijk", "expected"),
    [([33, 23, 12], [1]), ([33, 24, 12], [2]), ([2, 2, 3], [1]), ([0, 0, 0], [])],
)
def test_entities_at_a_voxel(ask: Ask, ijk: list[int], expected: list[int]) -> None:
    query = 'query($ijk: [Int!]!) { entitiesAt(scan: "train_1_a_1.nii.gz", ijk: $ijk) { label } }'
    assert [each["label"] for each in ask(query, ijk=ijk)["entitiesAt"]] == expected


def test_entities_at_a_voxel_of_a_hidden_scan_are_none(ask: Ask) -> None:
    assert ask('{ entitiesAt(scan: "valid_1_a_1", ijk: [7, 7, 7]) { id } }') == {"entitiesAt": []}


def test_status_counts_what_may_be_seen(ask: Ask) -> None:
    status = ask("""{ status { database { version embedded } counts { scans findings entities reports sentences }
        arrays { volumeBytes maskBytes } } }""")["status"]
    assert status["counts"] == {"scans": 4, "findings": 5, "entities": 6, "reports": 3, "sentences": 8}
    assert status["database"]["embedded"]
    assert status["arrays"]["volumeBytes"] == 3000
    assert status["arrays"]["maskBytes"] > 0


def test_chains_of_thought_have_boxes_and_claims(ask: Ask) -> None:
    steps = "position level place text boxSource boxFrame boxVox { min max } boxLpsMm { min max } holds evidence"
    query = f"""{{ findings(where: {{text: "hilum"}}) {{ edges {{ node {{ reasoning {{ origin version
        steps {{ {steps} }} }} }} }} }} }}"""
    ((found,),) = ([edge["node"]["reasoning"]] for edge in ask(query)["findings"]["edges"])
    strange, own = found
    assert (strange["origin"], own["origin"], own["version"]) == ("chains.json", "groundct", "1")
    (step,) = strange["steps"]
    assert step["boxSource"] == [0.5, 0, 0, 1, 1, 1]
    assert [step[name] for name in ("level", "boxFrame", "boxVox", "boxLpsMm", "holds", "evidence")] == [None] * 6
    scan, side = own["steps"]
    assert (scan["level"], scan["holds"], scan["boxLpsMm"], scan["evidence"]) == ("SCAN", True, None, "{}")
    assert scan["boxVox"] == {"min": [0, 0, 0], "max": [40, 30, 20]}
    assert (side["level"], side["place"], side["holds"]) == ("SIDE", "left", False)
    assert side["boxLpsMm"] == {"min": [5.0, -20.0, -30.75], "max": [20.0, 2.5, -0.75]}
    assert json.loads(side["evidence"]) == {"said": "left", "sides": {"1": "left", "2": "midline"}}


def test_checks_stand_at_the_finding_and_at_its_annotations(ask: Ask) -> None:
    asked = "checks { name version outcome severity evidence }"
    query = f'{{ findings(where: {{text: "hilum"}}) {{ edges {{ node {{ {asked} annotations {{ {asked} }} }} }} }} }}'
    ((found,),) = ([edge["node"]] for edge in ask(query)["findings"]["edges"])
    assert found["annotations"] == [{"checks": found["checks"]}]
    told = [(one["name"], one["outcome"], one["severity"]) for one in found["checks"]]
    assert told == [("count", "CONTRADICTS", 0.5), ("side", "HOLDS", None), ("size", "UNKNOWN", None)]
    assert json.loads(found["checks"][0]["evidence"]) == {"entities": 1, "said": "count"}


def test_a_release_has_the_checks_of_its_own_annotations(ask: Ask) -> None:
    query = """query($asOf: String) { findings(where: {contradicts: "side"}, asOf: $asOf) {
        edges { node { text checks { name } } } } }"""
    assert ask(query)["findings"]["edges"] == []
    (edge,) = ask(query, asOf="base")["findings"]["edges"]
    assert edge["node"] == {"text": "Nodule in the right lower lobe", "checks": [{"name": "side"}]}
