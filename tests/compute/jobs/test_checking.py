"""Every planted contradiction of words and masks is found, nothing beside them, and only what is stale is redone."""

from typing import Any

import pytest
import sqlalchemy as sa

from compute.checks.checking import CHECKS
from compute.jobs.checking import compute_checks
from compute.jobs.selection import Selection
from schema.base import HIDDEN, OPEN
from schema.database import Database, Role
from schema.errors import NotFound
from schema.text_check import CheckOutcome
from tests.compute.jobs.planted import PLANTS, Planted, describe_all

ROWS = """
  SELECT s.name AS scan, f.source_index AS finding, c.name, c.version, c.outcome, c.severity, c.evidence
  FROM {0}.text_check c JOIN {0}.annotation a ON a.id = c.annotation_id
  JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id ORDER BY s.name, f.source_index, c.name"""


def rows(database: Database, schema: str = OPEN) -> list[Any]:
    with database.engine(Role.OWNER).connect() as connection:
        return list(connection.execute(sa.text(ROWS.format(schema))))


def change(database: Database, statement: str) -> None:
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text(statement))


@pytest.fixture
def checked(planted: Planted) -> Planted:
    compute_checks(planted.database, planted.arrays)
    return planted


def test_precision_and_recall_on_what_is_planted_are_one(checked: Planted) -> None:
    told = rows(checked.database) + rows(checked.database, HIDDEN)
    found = {(row.scan, row.finding, row.name) for row in told if row.outcome == CheckOutcome.CONTRADICTS}
    assert found - checked.truth == set()  # precision
    assert checked.truth - found == set()  # recall
    assert {check for _, _, check in checked.truth} == CHECKS.keys()
    assert len({scan for scan, _, _ in checked.truth}) == len(PLANTS)


def test_clean_phantoms_hold_what_they_say(checked: Planted) -> None:
    wrong = {(scan, finding) for scan, finding, _ in checked.truth}
    told = [row for row in rows(checked.database) if (row.scan, row.finding) not in wrong]
    held = {row.name for row in told if row.outcome == CheckOutcome.HOLDS}
    assert held == CHECKS.keys()


def test_every_annotation_has_every_check_with_its_evidence(checked: Planted) -> None:
    for schema in (OPEN, HIDDEN):
        told = rows(checked.database, schema)
        with checked.database.engine(Role.OWNER).connect() as connection:
            annotations = connection.scalar(sa.text(f"SELECT count(*) FROM {schema}.annotation"))
        assert len(told) == annotations * len(CHECKS) > 0
        for row in told:
            assert row.version == CHECKS[row.name].version
            assert (row.severity is not None) == (row.outcome == CheckOutcome.CONTRADICTS)
            assert "reason" in row.evidence or row.outcome != CheckOutcome.UNKNOWN


def test_the_second_run_has_nothing_to_do(checked: Planted) -> None:
    before = rows(checked.database)
    report = compute_checks(checked.database, checked.arrays)
    assert (report.checked, report.failed) == (0, {})
    assert sum(report.outcomes["count"].values()) == report.annotations
    assert rows(checked.database) == before
    assert compute_checks(checked.database, checked.arrays, force=True).checked == report.annotations
    assert rows(checked.database) == before


@pytest.mark.parametrize(
    "staling",
    [
        "DELETE FROM open.text_check WHERE name = 'side' AND annotation_id IN ({})",
        "UPDATE open.text_check SET version = '0', outcome = 'unknown', severity = NULL WHERE annotation_id IN ({})",
        "UPDATE open.geometry SET computed_at = now() WHERE entity_id IN "
        "(SELECT id FROM open.entity WHERE annotation_id IN ({}))",
    ],
)
def test_what_is_stale_is_checked_again(checked: Planted, staling: str) -> None:
    before = rows(checked.database)
    one = "SELECT a.id FROM open.annotation a JOIN scan s ON s.id = a.scan_id WHERE s.name = 'train_1_a_1'"
    change(checked.database, staling.format(one))
    assert compute_checks(checked.database, checked.arrays).checked == 1
    assert rows(checked.database) == before


def test_words_that_are_read_anew_make_checks_stale(checked: Planted) -> None:
    before = rows(checked.database)
    describe_all(checked.database, "test reader 2")
    assert compute_checks(checked.database, checked.arrays).checked > 0
    after = rows(checked.database)
    assert {row.evidence["described_by"] for row in after} <= {"test reader 2", None}
    assert [row.outcome for row in after] == [row.outcome for row in before]
    describe_all(checked.database)


def test_undescribed_words_are_unknown_and_say_what_to_run(checked: Planted) -> None:
    change(checked.database, "DELETE FROM descriptor")
    compute_checks(checked.database, checked.arrays)
    reasons = {(row.outcome, row.evidence.get("reason")) for row in rows(checked.database) if row.name == "size"}
    assert reasons == {("unknown", "not described; run groundct reports process --stage describe")}
    # The import itself reads sides.
    assert "contradicts" in {row.outcome for row in rows(checked.database) if row.name == "side"}
    describe_all(checked.database)


def test_a_category_of_another_version_is_one_line_and_the_rest_goes_on(checked: Planted) -> None:
    change(checked.database, "UPDATE ontology SET version = '0'")
    report = compute_checks(checked.database, checked.arrays, force=True)
    told = {row.name: row for row in rows(checked.database) if (row.scan, row.finding) == ("train_17_a_1", 0)}
    change(checked.database, "UPDATE ontology SET version = '1'")
    expected = "category 2a is of rexgroundingct 0; the limits mean rexgroundingct 1"
    assert report.noted["train_17_a_1 finding 0, round r"] == expected
    assert (report.failed, report.checked) == ({}, report.annotations)
    assert told["category_shape"].outcome == "unknown"
    assert told["category_shape"].evidence["reason"] == expected
    assert told["single_voxel"].outcome == "holds"
    compute_checks(checked.database, checked.arrays, force=True)


def test_masks_that_are_gone_fail_by_name_and_the_rest_is_checked(checked: Planted) -> None:
    arrays = checked.arrays
    query = (
        "SELECT l.digest, l.findings FROM open.label_array l JOIN scan s ON s.id = l.scan_id WHERE name = 'train_2_a_1'"
    )
    with checked.database.transaction() as session:
        ((digest, findings),) = session.execute(sa.text(query)).all()
    kept = [arrays.read_runs(digest, "labels", n) for n in range(findings)]
    arrays.delete("labels", digest)
    report = compute_checks(checked.database, arrays, selection=Selection(round="r"), force=True)
    assert arrays.write_labels(kept, "labels").digest == digest
    assert {name.split(" finding ")[0] for name in report.failed} == {"train_2_a_1"}
    assert all(digest in reason for reason in report.failed.values())
    assert report.checked == report.annotations


def test_only_what_is_named(checked: Planted) -> None:
    with pytest.raises(NotFound, match="there is no round 'q'; there are: r"):
        compute_checks(checked.database, checked.arrays, selection=Selection(round="q"))
