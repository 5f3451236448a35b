"""Findings linked to sentences: of phantoms whose reports say them, with reports first or last; by observations."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.graphql.execution import execute_query
from api.services import Services
from ingest.options import ImportOptions
from ingest.phantoms import JSON_NAME, REPORTS_NAME, Expected, make_dataset
from ingest.reports.files import ReportDefaults
from ingest.reports.importing import ReportOptions, ReportsReport, import_reports
from ingest.reports.linking import link_findings
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.import_run import FaultKind
from schema.report import (
    EngineName,
    Observation,
    ObservationSource,
    Reading,
    Region,
    RewrittenSentence,
    RewrittenSource,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    folder = tmp_path_factory.mktemp("said")
    return folder, make_dataset(folder, scans=6, seed=3, faults=False, second=False, shape=(64, 64, 64))


def bring_scans(database: Database, arrays: ArrayStore, folder: Path) -> None:
    import_dataset(database, arrays, ImportOptions(folder / JSON_NAME, round="r", collection="phantom", workers=1))


def bring_reports(database: Database, folder: Path) -> ReportsReport:
    options = ReportOptions(folder / REPORTS_NAME, "phantom", ReportDefaults("en", machine_translated=True))
    return import_reports(database, options)


def rows(database: Database, query: str) -> list[Any]:
    with database.transaction() as session:
        return list(session.execute(sa.text(query)))


LINKED = """SELECT r.text, s.text, s.section FROM finding_sentence l JOIN sentence s ON s.id = l.sentence_id
  JOIN finding_revision r ON r.finding_id = l.finding_id AND r.is_latest"""


def says(sentence: str, finding: str) -> bool:
    return finding.lower().rstrip(".") in sentence.lower()


def check_links(database: Database, expected: Expected) -> None:
    found = rows(database, LINKED)
    right = sum(says(sentence, finding) for finding, sentence, _ in found)
    findings = sum(len(scan.findings) for scan in expected.scans)
    assert right / len(found) >= 0.95
    assert len({(finding, section) for finding, _, section in found}) >= findings  # in findings and in impression


def test_every_finding_of_a_phantom_has_its_sentences(
    database: Database, arrays: ArrayStore, made: tuple[Path, Expected]
) -> None:
    folder, expected = made
    bring_scans(database, arrays, folder)
    report = bring_reports(database, folder)
    assert report.faults == []
    assert report.links.linked == report.links.findings == sum(len(scan.findings) for scan in expected.scans)
    check_links(database, expected)


def test_reports_may_come_first(database: Database, arrays: ArrayStore, made: tuple[Path, Expected]) -> None:
    folder, expected = made
    assert bring_reports(database, folder).links.findings == 0
    bring_scans(database, arrays, folder)
    check_links(database, expected)


def test_from_a_voxel_to_its_sentence_and_back(
    database: Database, arrays: ArrayStore, made: tuple[Path, Expected]
) -> None:
    folder, _ = made
    bring_scans(database, arrays, folder)
    bring_reports(database, folder)
    services = Services(database, arrays)
    query = "{ entities(first: 1) { edges { node { id boxVox { min } finding { scan { name study } } } } } }"
    (edge,) = execute_query(services, query)["data"]["entities"]["edges"]
    entity, scan = edge["node"], edge["node"]["finding"]["scan"]
    drawn = "text findings { entities { id boxVox { min } } }"
    back = f'{{ report(study: "{scan["study"]}") {{ sentences {{ {drawn} }} }} }}'
    said = [
        sentence["text"]
        for sentence in execute_query(services, back)["data"]["report"]["sentences"]
        for finding in sentence["findings"]
        for each in finding["entities"]
        if each == {"id": entity["id"], "boxVox": entity["boxVox"]}
    ]
    assert said
    voxel = voxel_of(services, entity["id"])
    asked = "id finding { sentences { text report { study } } }"
    there = f'{{ entitiesAt(scan: "{scan["name"]}", ijk: {voxel}) {{ {asked} }} }}'
    at = execute_query(services, there)["data"]["entitiesAt"]
    (found,) = [each for each in at if each["id"] == entity["id"]]
    assert [each["text"] for each in found["finding"]["sentences"]] == said
    assert {each["report"]["study"] for each in found["finding"]["sentences"]} == {scan["study"]}


def voxel_of(services: Services, entity: str) -> list[int]:
    """A voxel of an entity, from its box."""
    box = execute_query(
        services, f'{{ entity(id: "{entity}") {{ boxVox {{ min max }} finding {{ scan {{ name }} }} }} }}'
    )
    found = box["data"]["entity"]
    low, high = found["boxVox"]["min"], found["boxVox"]["max"]
    for k in range(low[2], high[2]):
        for j in range(low[1], high[1]):
            for i in range(low[0], high[0]):
                asked = f'{{ entitiesAt(scan: "{found["finding"]["scan"]["name"]}", ijk: [{i}, {j}, {k}]) {{ id }} }}'
                if {"id": entity} in execute_query(services, asked)["data"]["entitiesAt"]:
                    return [i, j, k]
    raise AssertionError("no voxel of its box is its own")


def read_as(database: Database, text: str, phrase: str) -> int:
    """Read a report whose one sentence with this text is one observation."""
    with database.transaction() as session:
        found = session.execute(sa.text("SELECT id, report_id FROM sentence WHERE text = :text"), {"text": text}).one()
        reading = Reading(
            report_id=found.report_id, engine=EngineName.RULES, engine_version="1", sentences=1, flagged=0
        )
        session.add(reading)
        session.flush()
        words = RewrittenSentence(reading_id=reading.id, position=0, region=Region.LUNGS, text=phrase)
        seen = Observation(reading_id=reading.id, position=0, phrase=phrase, present=True, refers_to_prior=False)
        session.add_all([words, seen])
        session.flush()
        session.add(RewrittenSource(rewritten_id=words.id, sentence_id=found.id, score=0.8))
        session.add(ObservationSource(observation_id=seen.id, rewritten_id=words.id))
        return int(found.report_id)


def test_an_observation_names_the_finding_and_brings_its_sentence(
    database: Database, arrays: ArrayStore, made: tuple[Path, Expected]
) -> None:
    folder, _ = made
    bring_scans(database, arrays, folder)
    bring_reports(database, folder)
    finding, sentence, _ = rows(database, LINKED + " WHERE s.section = 'findings' ORDER BY s.id LIMIT 1")[0]
    report_id = read_as(database, sentence, finding)
    for _ in range(2):
        with database.transaction() as session:
            links = link_findings(session, [report_id])
        assert links.counts.observed == 2  # the study has two reconstructions, and each its finding
        ((text, score, link, by),) = rows(
            database,
            "SELECT r.text, o.match_score, l.score, l.observation_id = o.id FROM observation o "
            "JOIN finding_revision r ON r.finding_id = o.finding_id "
            "JOIN finding_sentence l ON l.finding_id = o.finding_id",
        )
        assert (text, round(score, 3), round(link, 3), by) == (finding, 1.0, 0.8, True)


def test_what_stays_alone_is_told(database: Database, arrays: ArrayStore, made: tuple[Path, Expected]) -> None:
    folder, expected = made
    bring_scans(database, arrays, folder)
    (tmp := folder.parent / "other.csv").write_text(
        f"VolumeName,Findings_EN,Impressions_EN\n{expected.scans[0].name},The aorta is wide.,\n"
    )
    report = import_reports(database, ReportOptions(tmp, "phantom"))
    alone = [one for one in report.faults if one.kind is FaultKind.UNMATCHED_FINDING]
    study = expected.scans[0].name.rpartition("_")[0]
    findings = [
        (scan.name, each.index) for scan in expected.scans if scan.name.startswith(study) for each in scan.findings
    ]
    assert [(f"{one.scan}.nii.gz", one.finding) for one in alone] == findings
    assert report.links.findings == len(findings)
