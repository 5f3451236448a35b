"""Prompts: their versions, the ontology that they name, and examples that hold to their own rules."""

import re

import pytest

from ingest.reports.hosted.prompts import load_prompt, ontology_lines, written
from ingest.reports.hosted.schema import read_answer
from ingest.reports.preservation import violations
from ingest.reports.rules.describing import describe
from ingest.reports.stages import Categorisation, Description, Phrase, Stage
from schema.ontology import assignable_codes, rexgroundingct_ontology

NAMES = {each.code: each.name for each in rexgroundingct_ontology().categories}
_NAMED = re.compile(r"(?<![\w(])(\d{1,2}[a-z])\s+([A-Z][^.:;\n]*)")


@pytest.mark.parametrize("stage", list(Stage))
def test_a_prompt_has_a_version_that_its_words_decide(stage: Stage) -> None:
    prompt = load_prompt(stage)
    assert re.fullmatch(r"\d+-[0-9a-f]{8}", prompt.version)
    assert prompt.examples
    assert "{" not in prompt.instructions


@pytest.mark.parametrize("stage", list(Stage))
def test_examples_are_answers_of_the_stage_that_lose_nothing(stage: Stage) -> None:
    for example in load_prompt(stage).examples:
        output = read_answer(stage, example.asked, example.answer)
        assert violations(example.asked, output) == ()


@pytest.mark.parametrize("stage", list(Stage))
def test_every_code_that_is_named_exists_and_is_called_so(stage: Stage) -> None:
    instructions = load_prompt(stage).instructions.replace(ontology_lines(), "")
    instructions = re.sub(r"\n\s+", " ", instructions)
    for code, name in _NAMED.findall(instructions):
        assert name.startswith(NAMES[code]), code
    assert set(re.findall(r"\b\d{1,2}[a-z]\b", instructions)) <= assignable_codes()


def test_the_ontology_is_told_whole() -> None:
    prompt = load_prompt(Stage.CATEGORISE)
    for code in assignable_codes():
        assert f"\n{code} {NAMES[code]}\n" in f"{prompt.instructions}\n"
    codes = [read_answer(Stage.CATEGORISE, each.asked, each.answer) for each in prompt.examples]
    assert {each.code for each in codes if isinstance(each, Categorisation)} >= {"2d", "2a", None}


def test_examples_describe_in_the_words_of_the_rules() -> None:
    for example in load_prompt(Stage.DESCRIBE).examples:
        assert isinstance(example.asked, Phrase)
        told = read_answer(Stage.DESCRIBE, example.asked, example.answer)
        assert isinstance(told, Description)
        ruled = describe(example.asked.text)
        assert {(each.kind, each.value) for each in told.descriptors} == {
            (each.kind, each.value) for each in ruled.descriptors
        }


def test_a_conversation_is_instructions_then_examples_then_the_question() -> None:
    prompt = load_prompt(Stage.DESCRIBE)
    asked = Phrase(text="A cyst")
    said = prompt.messages(asked, ["it was wrong", "twice"])
    assert [each["role"] for each in said] == ["system", *["user", "assistant"] * len(prompt.examples), "user"]
    assert said[-1]["content"].startswith(f"{written(asked)}\n\nYour last answer")
    assert "(1) it was wrong. (2) twice." in said[-1]["content"]
    assert said[:-1] == prompt.messages(asked)[:-1]
