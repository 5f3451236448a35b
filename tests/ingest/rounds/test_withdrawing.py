"""What is out can be withdrawn, and goes to somebody else; what came back cannot, and what was withdrawn stays so."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from ingest.rounds import returning
from ingest.rounds.checking import SidecarRefused
from ingest.rounds.withdrawing import WithdrawOptions, WithdrawReport, withdraw_handouts
from schema.errors import NotFound, SourceError
from schema.import_run import FaultKind
from tests.ingest.rounds.campaigns import Desk, path_of, rows_of, set_rows

STATES = (
    "SELECT state::text, count(*) FROM open.handout JOIN person p ON p.id = annotator_id "
    "WHERE p.pseudonym = 'ann' GROUP BY 1"
)


def withdraw(desk: Desk, *files: str, dry_run: bool = False, round_name: str = "single") -> WithdrawReport:
    options = WithdrawOptions(round_name, "ann", frozenset(files), dry_run=dry_run)
    return withdraw_handouts(desk.database, options)


def states(desk: Desk) -> dict[str, int]:
    return {state: number for state, number in desk.rows(STATES)}  # noqa: C416 - rows are no pairs


@pytest.fixture
def out(desk: Desk) -> Path:
    """A round of one reader a finding, all of it with ann, of which one finding came back."""
    desk.open("single", readers=1)
    folder = desk.hand_out("single", "ann").out
    first = rows_of(folder)[0].key
    set_rows(folder, lambda row: replace(row, status="submitted" if row.key == first else "draft"))
    assert desk.take_back(folder, "single").counts["new"] == 1
    return folder


def test_what_is_out_goes_to_somebody_else(desk: Desk, out: Path) -> None:
    back, *others = (path_of(out, row).name for row in rows_of(out))
    assert withdraw(desk, dry_run=True).withdrawn == tuple(sorted(others))
    assert states(desk) == {"out": len(others), "returned": 1}
    report = withdraw(desk)
    assert (report.withdrawn, report.returned) == (tuple(sorted(others)), (back,))
    assert states(desk) == {"withdrawn": len(others), "returned": 1}
    given = desk.hand_out("single", "bob")
    assert (given.new, given.with_others) == (len(others), 1)
    again = desk.hand_out("single", "ann")
    assert (again.new, again.already, again.withdrawn) == (0, 1, len(others))
    with pytest.raises(SourceError, match="nothing is out with ann in round single; 1 came back"):
        withdraw(desk)


def test_only_what_is_named(desk: Desk, out: Path) -> None:
    back, one, other, *_ = (path_of(out, row).name for row in rows_of(out))
    assert withdraw(desk, one, other.removesuffix(".nii.gz")).withdrawn == tuple(sorted([one, other]))
    with pytest.raises(SourceError, match=f"{back} came back already"):
        withdraw(desk, back)
    with pytest.raises(NotFound, match="was not handed out to ann"):
        withdraw(desk, "train_9_z_9__0")
    with pytest.raises(NotFound, match="no round"):
        withdraw(desk, round_name="never")


def test_it_does_not_come_back(desk: Desk, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(out)
    withdraw(desk)
    set_rows(out, lambda row: replace(row, status="submitted"))
    with pytest.raises(SidecarRefused, match="was not handed out to ann, or was withdrawn") as refused:
        desk.take_back(out, "single")
    assert len(refused.value.problems) == len(rows) - 1
    monkeypatch.setattr(returning, "handed_out", lambda *_: {})  # as if it was withdrawn after the check
    report = desk.take_back(out, "single")
    assert report.counts["left_out"] == len(rows) - 1
    assert {each.kind for each in report.imported.all_faults} == {FaultKind.CHANGED_SINCE}
    assert states(desk) == {"withdrawn": len(rows) - 1, "returned": 1}


def test_from_whom_all_was_withdrawn_may_not_bring_anything(desk: Desk) -> None:
    desk.open("single", readers=1)
    folder = desk.hand_out("single", "ann").out
    withdraw(desk)
    with pytest.raises(SidecarRefused, match="or was withdrawn"):
        desk.take_back(folder, "single")


@pytest.mark.parametrize("state", ["out", "withdrawn"])
def test_the_database_keeps_what_came_back(desk: Desk, out: Path, state: str) -> None:
    with pytest.raises(IntegrityError, match=f"that is returned cannot become {state}"):
        desk.execute(f"UPDATE open.handout SET state = '{state}', annotation_id = NULL WHERE state = 'returned'")
