"""The real reports beside a checkout: every sentence is accounted for, and next to no measurement is lost."""

import csv
import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.reports.rules.extracting import extract
from ingest.reports.rules.measurements import find_measurements
from ingest.reports.rules.rewriting import rewrite
from ingest.reports.stages import ReportText, RewrittenReport, SourceSentence
from schema.report import Section

EVERY = 20
SECTIONS = {"Findings_EN": Section.FINDINGS, "Impressions_EN": Section.IMPRESSION}


def reports(shared_data: Path) -> Iterator[ReportText]:
    """Give every twentieth report, cut where a stop is followed by a capital."""
    (path,) = (shared_data / "ct_rate_reports").glob("*.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8-sig") as lines:
        for row in list(csv.DictReader(lines))[::EVERY]:
            cut = [
                (section, part)
                for key, section in SECTIONS.items()
                for part in re.split(r"(?<=[.?])\s+(?=[A-Z])", row[key])
            ]
            said = [(section, part) for section, part in cut if part.strip()]
            yield ReportText(
                sentences=tuple(
                    SourceSentence(number=number, section=section, text=part)
                    for number, (section, part) in enumerate(said)
                )
            )


@pytest.fixture(scope="module")
def fates(shared_data: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for report in reports(shared_data):
        rewritten = rewrite(report)
        extraction = extract(RewrittenReport(sentences=rewritten.sentences))
        linked = {each.sources[0].sentence for each in rewritten.sentences}
        set_aside = {each.sentence for each in rewritten.dropped} | set(rewritten.undecided)
        counts["sentences"] += len(report.sentences)
        counts["undecided"] += len(rewritten.undecided) + len(extraction.undecided)
        counts["unaccounted"] += len(set(range(len(report.sentences))) - linked - set_aside)
        used = {number: each for each in extraction.observations for number in each.sentences}
        for number, observation in used.items():
            sentence = rewritten.sentences[number]
            phrases = " ".join(each.phrase for each in extraction.observations if number in each.sentences)
            counts["sizes"] += len(sizes := {found.sizes_mm for found in find_measurements(sentence.text)})
            counts["sizes lost"] += len(sizes - {found.sizes_mm for found in find_measurements(phrases)})
            assert observation.phrase
    return counts


def test_none_is_lost_and_few_are_undecided(fates: Counter[str]) -> None:
    assert fates["sentences"] > 1000
    assert fates["unaccounted"] == 0
    assert fates["undecided"] <= 0.05 * fates["sentences"]


def test_measurements_are_found_again(fates: Counter[str]) -> None:
    assert fates["sizes"] > 50
    assert fates["sizes lost"] <= 0.01 * fates["sizes"]
