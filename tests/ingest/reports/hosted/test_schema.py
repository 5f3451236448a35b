"""Schemas that every server understands, and answers read by them."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.hosted.faults import Fault, FaultName
from ingest.reports.hosted.schema import Quoted, Quotes, found_in, read_answer, strict_schema
from ingest.reports.stages import Phrase, ReportText, Stage
from schema.descriptor import DescriptorKind
from schema.ontology import assignable_codes

UNDERSTOOD = {"type", "enum", "anyOf", "items", "properties", "required", "additionalProperties"}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for child in [*schema.get("anyOf", []), *schema.get("properties", {}).values()]:
        yield from nodes(child)
    if "items" in schema:
        yield from nodes(schema["items"])


@pytest.mark.parametrize("stage", list(Stage))
def test_a_schema_has_no_keyword_that_strict_servers_refuse(stage: Stage) -> None:
    for node in nodes(strict_schema(stage)):
        assert set(node) <= UNDERSTOOD
        assert ("type" in node) != ("anyOf" in node)
        if node.get("type") == "object":
            assert node["required"] == list(node["properties"])
            assert node["additionalProperties"] is False
        if node.get("type") == "array":
            assert "items" in node


def test_only_codes_of_the_ontology_can_be_answered() -> None:
    properties = strict_schema(Stage.CATEGORISE)["properties"]
    assert set(properties["code"]["anyOf"][0]["enum"]) == assignable_codes()
    assert set(properties["alternatives"]["items"]["properties"]["code"]["enum"]) == assignable_codes()


def quoted(*quotes: str) -> Quotes:
    side = {"kind": DescriptorKind.SIDE, "value": "left", "sizes_mm": None, "number": None}
    return Quotes(descriptors=tuple(Quoted(**side, quote=quote) for quote in quotes))


@given(st.lists(st.text("abB I", min_size=1), min_size=1))
def test_what_is_quoted_is_found_where_it_stands(words: list[str]) -> None:
    text = "|".join(words)
    found = found_in(Phrase(text=text), quoted(*words))
    assert sorted(text[each.start : each.end].lower() for each in found.descriptors) == sorted(map(str.lower, words))


def test_what_is_said_twice_is_found_twice() -> None:
    found = found_in(Phrase(text="Left lung, left pleura"), quoted("left", "left"))
    assert [(each.start, each.end) for each in found.descriptors] == [(0, 4), (11, 15)]


@pytest.mark.parametrize("quote", ["right", ""])
def test_what_is_not_in_the_text_is_a_fault(quote: str) -> None:
    with pytest.raises(Fault) as raised:
        found_in(Phrase(text="Left lung"), quoted(quote))
    assert raised.value.name is FaultName.NOT_IN_TEXT


@pytest.mark.parametrize(
    ("stage", "content", "name"),
    [
        (Stage.REWRITE, "", FaultName.NOT_JSON),
        (Stage.REWRITE, '{"sentences": [', FaultName.NOT_JSON),
        (Stage.REWRITE, "[]", FaultName.WRONG_TYPE),
        (Stage.REWRITE, '{"sentences": [], "undecided": [0]}', FaultName.WRONG_TYPE),
    ],
)
def test_what_is_no_answer_is_a_fault(stage: Stage, content: str, name: FaultName) -> None:
    with pytest.raises(Fault) as raised:
        read_answer(stage, ReportText(sentences=()), content)
    assert raised.value.name is name


def test_sizes_have_lengths_and_only_they() -> None:
    one = '{"kind": "%s", "value": "x", "sizes_mm": %s, "number": %s, "quote": "cyst"}'
    for values in (
        ("size", "null", "null"),
        ("side", "[1.0]", "null"),
        ("count", "null", "null"),
        ("side", "null", "2"),
    ):
        with pytest.raises(Fault):
            read_answer(Stage.DESCRIBE, Phrase(text="A cyst"), '{"descriptors": [%s]}' % (one % values))
