"""Chains of thought are read however they are laid out, and what is none is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.chains import ReadChain, read_chains
from ingest.faults import FaultDraft
from schema.errors import SourceError
from schema.import_run import FaultKind
from schema.reasoning import ReasoningLevel

STEPS = ["Whole scan: a chest CT", "Lung: right", "Lobe: right lower lobe", "Lesion: nodule"]
LEVELS = [ReasoningLevel.SCAN, ReasoningLevel.SIDE, ReasoningLevel.LOBE, ReasoningLevel.LESION]
NAME = "train_1_a_1.nii.gz"


def read(folder: Path, document: Any) -> list[ReadChain | FaultDraft]:
    path = folder / "chains.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return list(read_chains(path))


@pytest.mark.parametrize(
    "document",
    [
        {NAME: {"0": STEPS}},
        {NAME: {"finding_0": {"steps": STEPS}}},
        {NAME: [STEPS]},
        {NAME: {"findings": {"0": {"chain_of_thought": STEPS}}}},
        {NAME: ["\n".join(STEPS)]},
        {NAME: {"0": " -> ".join(STEPS)}},
        {"train": {NAME: {"0": STEPS}}, "val": {}},
        {"train": [{"name": NAME, "finding_index": 0, "cot": STEPS}]},
        [{"Volume Name": NAME, "Finding-ID": "0", "Steps": STEPS}],
        [{"file": NAME, "findings": {"0": STEPS}}],
        [{"scan": NAME, "chains": [{"index": 0, "reasoning": STEPS}]}],
        {"name": NAME, "finding": 0, "steps": STEPS},
        {NAME: {"0": [{"text": text} for text in STEPS]}},
        {NAME: {"0": [{"level": text.split(":")[0], "description": text} for text in STEPS]}},
    ],
)
def test_every_layout_gives_the_same_chain(tmp_path: Path, document: Any) -> None:
    (chain,) = read(tmp_path, document)
    assert isinstance(chain, ReadChain)
    assert (chain.scan, chain.finding) == (NAME, 0)
    assert [step.text for step in chain.steps] == STEPS
    assert [step.level for step in chain.steps] == LEVELS


def test_a_chain_may_be_an_object_by_level_and_a_finding_named_by_its_words(tmp_path: Path) -> None:
    steps = {"whole_scan": "CT", "lung": {"text": "right", "bbox": [0, 1, 2, 3, 4, 5]}, "lesion": "nodule"}
    (chain,) = read(tmp_path, {NAME: {"Nodule on the right": steps}})
    assert isinstance(chain, ReadChain)
    assert chain.finding == "Nodule on the right"
    assert [step.level and step.level.value for step in chain.steps] == ["scan", "side", "lesion"]
    assert chain.steps[1].box_source == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("given_box", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], (0, 1, 2, 3, 4, 5)),
        ([[0, 1, 2], [3, 4, 5]], (0, 1, 2, 3, 4, 5)),
        ({"min": [0, 1, 2], "max": [3, 4, 5]}, (0, 1, 2, 3, 4, 5)),
        ({"x_min": 0, "y_min": 1, "z_min": 2, "x_max": 3, "y_max": 4, "z_max": 5}, (0, 1, 2, 3, 4, 5)),
        ([0, 1, 2, 3], None),
        ("0 1 2 3 4 5", None),
        ([0, 1, 2, 3, 4, True], None),
        ({"min": [0, 1, 2]}, None),
        (None, None),
    ],
)
def test_boxes_are_six_numbers_or_nothing(tmp_path: Path, given_box: Any, expected: Any) -> None:
    (chain,) = read(tmp_path, {NAME: {"0": [{"text": "lung", "bounding_box": given_box}]}})
    assert isinstance(chain, ReadChain)
    assert chain.steps[0].box_source == expected
    assert chain.steps[0].box_frame is None
    assert chain.source == [{"text": "lung", "bounding_box": given_box}]


def test_a_frame_is_kept_where_it_is_named(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, {NAME: {"0": [{"text": "lung", "box": [0] * 6, "coordinate_system": "voxel"}]}})
    assert isinstance(chain, ReadChain)
    assert chain.steps[0].box_frame == "voxel"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({NAME: {"0": []}}, "no step"),
        ({NAME: {"0": 7}}, "neither steps nor text but int"),
        ({NAME: {"0": [7]}}, "neither text nor object but int"),
        ({NAME: {"0": ["x"] * 101}}, "101 steps; 100 at most"),
        ({NAME: {"0": ["x" * 20_001]}}, "20001 characters"),
        ({NAME: {"0": ["a\0b"]}}, "that a database cannot"),
        ({NAME: {"0": ["\ud800"]}}, "that a database cannot"),
        (f'{{"{NAME}": {{"0": [{{"text": "x", "size": 1e999}}]}}}}', "that a database cannot"),
        ({NAME: 7}, "neither an object nor a list"),
        ([{"finding": 0, "steps": STEPS}], "record 0 names no scan"),
        ([7], "record 0 names no scan"),
        ({"train": 7}, "a split is no object or list"),
    ],
)
def test_what_is_no_chain_is_named_and_the_rest_is_read(tmp_path: Path, document: Any, message: str) -> None:
    (fault,) = read(tmp_path, document)
    assert isinstance(fault, FaultDraft)
    assert fault.kind is FaultKind.WRONG_TYPE
    assert message in fault.message


@pytest.mark.parametrize("text", ["", "{", "7", '"text"', '{"a": NaN}', "[" * 100_000])
def test_what_is_no_document_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"chains\.json") as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "steps", "finding", "text", "box", "0", NAME, "train"]), below, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_document_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        found = read(folder, document)
    except SourceError:
        return
    for one in found:
        assert isinstance(one, ReadChain | FaultDraft)
        assert not isinstance(one, ReadChain) or one.steps
