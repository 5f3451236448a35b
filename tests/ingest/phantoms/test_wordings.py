"""There are enough templates, and what they say of side, size and count is what was painted."""

import re

import numpy as np

from ingest.phantoms import CODES
from ingest.phantoms.wordings import NUMBERS, WORDINGS

SIDED = {"right": "RIGHT", "left": "LEFT", "both": "BILATERAL", "bilateral": "BILATERAL"}
SIZE = re.compile(r"(\d+)(?: x (\d+))? mm")


def clean_findings(written):
    return [(s, f) for s in written.expected.scans if s.name not in written.faulty for f in s.findings]


def test_every_category_has_words():
    templates = [text for wording in WORDINGS.values() for text in (*wording.one, *wording.many)]
    assert set(WORDINGS) == {*CODES, "midline"}
    assert len(templates) == len(set(templates)) >= 100


def test_the_side_in_words_is_the_side_in_the_mask(written):
    for _, finding in clean_findings(written):
        said = {SIDED[word] for word in re.findall(r"[a-z]+", finding.text.lower()) if word in SIDED}
        assert said == ({finding.side} - {"MIDLINE"}), finding.text


def test_a_number_in_words_is_the_number_painted(written):
    for _, finding in clean_findings(written):
        words = re.findall(r"[a-z]+", finding.text.lower())
        numbers = [NUMBERS.index(word) for word in words if word in NUMBERS[2:]]
        assert set(numbers) <= {finding.painted}, finding.text


def test_the_size_in_words_is_the_size_of_the_largest(written):
    sized = [(f, SIZE.search(f.text)) for _, f in clean_findings(written) if SIZE.search(f.text)]
    assert len(sized) > 8
    for finding, match in sized:
        long, short = int(match[1]), int(match[2] or match[1])
        largest = max(entity.volume_mm3 for entity in finding.entities)
        assert abs(np.log(largest / (np.pi / 6 * long * short * short))) < 0.5, finding.text
