"""The labelled sentences and findings keep their own conventions; what reads them is measured elsewhere."""

import json
import re
from collections import Counter
from pathlib import Path

from schema.ontology import assignable_codes, rexgroundingct_ontology

SET = json.loads(Path(__file__).with_name("labelled.json").read_text("utf-8"))
LABELS = [(item["text"], seen["sides"], seen) for item in SET["sentences"] for seen in item["observations"]]
LABELS += [(item["text"], item["side"], item) for item in SET["findings"]]
LOBES = {
    "right": {"right upper lobe", "right middle lobe", "right lower lobe"},
    "left": {"left upper lobe", "left lower lobe", "lingula"},
}
LOBES |= {"bilateral": LOBES["right"] | LOBES["left"], "midline": set(), None: set()}
REASONS = {"speculation", "recommendation", "question", "normal_statement", "technique"}
ATTRIBUTES = {"attenuation", "margin", "distribution", "change", "certainty"}


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def numbers_mm(text: str) -> set[float]:
    """Every number of the text, read as millimetres and as centimetres."""
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
    return {round(number * scale, 3) for number in numbers for scale in (1, 10)}


def test_it_names_the_ontology_that_is_installed() -> None:
    ontology = rexgroundingct_ontology()
    assert SET["ontology"] == {"name": ontology.name, "version": ontology.version}


def test_codes_are_assignable_and_differ() -> None:
    for text, _, label in LABELS:
        codes = [label["code"], *label["alternatives"]]
        assert set(codes) <= assignable_codes(), text
        assert len(set(codes)) == len(codes), text


def test_lobes_lie_on_their_side() -> None:
    for text, side, label in LABELS:
        assert set(label["lobes"]) <= LOBES[side], text


def test_sizes_and_counts_are_said() -> None:
    for text, _, label in LABELS:
        sizes = [size for measured in label["sizes_mm"] for size in measured]
        assert all(label["sizes_mm"]), text
        assert all(size > 0 for size in sizes), text
        assert set(sizes) <= numbers_mm(text), text
        assert label["count"] is None or label["count"] > 0, text


def test_a_sentence_has_observations_or_a_reason() -> None:
    for item in SET["sentences"]:
        assert bool(item["observations"]) != (item["dropped"] in REASONS), item["text"]
        assert item["dropped"] is None or item["dropped"] in REASONS, item["text"]


def test_attributes_are_lower_case_words() -> None:
    for item in SET["findings"]:
        assert item["attributes"].keys() <= ATTRIBUTES, item["text"]
        assert all(value and value == value.lower() for value in item["attributes"].values()), item["text"]


def test_no_text_stands_twice() -> None:
    counts = Counter(words(item["text"]) for item in SET["sentences"] + SET["findings"])
    assert [text for text, count in counts.items() if count > 1] == []


def test_every_code_has_its_findings() -> None:
    counts = Counter(item["code"] for item in SET["findings"])
    for category in rexgroundingct_ontology().categories:
        if category.assignable:
            assert counts[category.code] >= (5 if category.segmented else 1), category.code
