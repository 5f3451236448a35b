"""Blind readers with known disagreement: agreement is what a plain computation gives, and rules and queue follow it."""

from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import UUID

import krippendorff
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError

from ingest.reviews.queue import review_queue
from ingest.reviews.verdicts import BadVerdict, VerdictDraft, give_verdict
from ingest.rounds.closing import CloseReport, close_round
from schema.errors import NotFound, SourceError
from schema.review import ReviewTarget, Verdict
from schema.round import PersonRole
from tests.ingest.rounds.campaigns import Desk, labels_at, path_of, rows_of, save_labels, set_rows

READERS = ("ann", "bob", "cyd")
Masks = dict[str, list[NDArray[Any]]]


@pytest.fixture
def read(desk: Desk, tmp_path: Path) -> tuple[Desk, Masks]:
    """Three blind readers of every finding: one as it was, one eroded by growing steps, one without the first ones."""
    desk.add_people("cyd")
    desk.open("blind", protocol="protocol1", readers=3, accept_above=0.8, tolerance_mm=3.0)
    masks: Masks = {}
    for n, reader in enumerate(READERS):
        folder = tmp_path / reader
        desk.hand_out("blind", reader, out=folder)
        for place, row in enumerate(rows_of(folder)):
            path = path_of(folder, row)
            labels = labels_at(path).copy()
            if n == 1:
                labels[: labels.shape[0] // 2 + place] = 0
            if n == 2 and place % 3 == 0:
                labels[:] = 0
            save_labels(path, labels)
            masks.setdefault(f"{row.scan} {row.finding}", []).append(labels)
        set_rows(folder, lambda row: row.__class__(**{**row.__dict__, "status": "submitted"}))
        assert not desk.take_back(folder, "blind").imported.left_out
    return desk, masks


def close(desk: Desk, name: str = "blind") -> CloseReport:
    return close_round(desk.database, desk.arrays, name)


def dice(one: NDArray[Any], other: NDArray[Any]) -> float:
    both = np.count_nonzero(one) + np.count_nonzero(other)
    return 2 * np.count_nonzero((one > 0) & (other > 0)) / both if both else 1.0


def means(masks: Masks) -> dict[str, float]:
    return {name: float(np.mean([dice(*pair) for pair in combinations(each, 2)])) for name, each in masks.items()}


def test_agreement_equals_a_plain_computation(read: tuple[Desk, Masks]) -> None:
    desk, masks = read
    report = close(desk)
    assert (report.findings, report.single) == (len(masks), 0)
    found = desk.rows(
        "SELECT s.name || ' ' || f.source_index, a.dice, a.readers FROM open.agreement a "
        "JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id"
    )
    assert {name: value for name, value, _ in found} == pytest.approx(means(masks))
    assert {readers for *_, readers in found} == {3}
    assert report.figures["dice"]["value"] == pytest.approx(np.mean(list(means(masks).values())))
    present = np.array([[mask.any() for mask in each] for each in masks.values()], float).T
    alpha = krippendorff.alpha(reliability_data=present, level_of_measurement="nominal")
    assert report.figures["alpha"]["value"] == pytest.approx(alpha)


def test_the_rule_accepts_and_the_queue_takes_the_rest(read: tuple[Desk, Masks]) -> None:
    desk, masks = read
    report = close(desk)
    agreed = {name for name, value in means(masks).items() if value >= 0.8}
    assert (report.accepted, report.to_review) == (len(agreed), len(masks) - len(agreed))
    holding = desk.rows(
        "SELECT s.name || ' ' || f.source_index, r.name, a.method FROM open.annotation a "
        "JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id JOIN round r ON r.id = a.round_id "
        "WHERE a.state = 'accepted'"
    )
    assert {name: (name_of_round, method) for name, name_of_round, method in holding} == {
        name: ("blind", "majority") if name in agreed else ("first", None) for name in masks
    }
    with desk.database.transaction() as session:
        queue = review_queue(session, round_name="blind")
    assert {f"{each.scan} {each.finding}" for each in queue} == set(masks) - agreed
    first = {each.scan: each.urgency for each in reversed(queue)}
    assert list(dict.fromkeys(each.scan for each in queue)) == sorted(first, key=lambda scan: (-first[scan], scan))


def test_a_consensus_is_what_most_drew_with_its_sources(read: tuple[Desk, Masks]) -> None:
    desk, masks = read
    close(desk)
    found = desk.rows(
        "SELECT s.name || ' ' || f.source_index, a.voxels, l.digest, count(*) FROM open.annotation a "
        "JOIN open.label_array l ON l.id = a.label_array_id JOIN open.annotation_source o ON o.annotation_id = a.id "
        "JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id WHERE a.method = 'majority' "
        "GROUP BY 1, 2, 3"
    )
    assert len(found) == len(masks)
    for name, voxels, digest, sources in found:
        votes = sum((mask > 0).astype(int) for mask in masks[name])
        stored = desk.arrays.read_runs(digest, "labels", 0).to_dense().transpose(2, 1, 0)
        assert np.array_equal(stored > 0, votes > 1)
        assert (voxels, sources) == (np.count_nonzero(votes > 1), 3)


def test_closing_twice_is_closing_once_and_nobody_comes_after(read: tuple[Desk, Masks], tmp_path: Path) -> None:
    desk, _ = read
    counted = "SELECT count(*) FROM open.annotation UNION ALL SELECT count(*) FROM open.annotation_event"
    first, rows = close(desk), desk.rows(counted)
    assert close(desk) == first
    assert desk.rows(counted) == rows
    with pytest.raises(SourceError, match="was closed"):
        desk.take_back(tmp_path / "ann", "blind")


Drawn = dict[str, list[tuple[str, str | None, str]]]


def by_finding(desk: Desk) -> Drawn:
    """Id, annotator and state of what `blind` has of each finding."""
    found: Drawn = {}
    for name, *facts in desk.rows(
        "SELECT s.name || ' ' || f.source_index, a.id::text, p.pseudonym, a.state::text FROM open.annotation a "
        "JOIN finding f ON f.id = a.finding_id JOIN scan s ON s.id = f.scan_id JOIN round r ON r.id = a.round_id "
        "LEFT JOIN person p ON p.id = a.annotator_id WHERE r.name = 'blind' ORDER BY 1, 3 NULLS LAST"
    ):
        found.setdefault(name, []).append(tuple(facts))
    return found


def give(desk: Desk, annotation: str, reviewer: str, verdict: str = "accept", **more: Any) -> None:
    draft = VerdictDraft(UUID(annotation), ReviewTarget.MASK, Verdict(verdict), reviewer, **more)
    with desk.database.transaction() as session:
        assert give_verdict(session, draft)


DECIDED = (
    "SELECT s.name || ' ' || f.source_index, d.chosen_id::text, p.pseudonym, d.reason FROM open.adjudication d "
    "JOIN finding f ON f.id = d.finding_id JOIN scan s ON s.id = f.scan_id "
    "LEFT JOIN person p ON p.id = d.adjudicator_id ORDER BY 1"
)


@pytest.fixture
def disputed(read: tuple[Desk, Masks]) -> tuple[Desk, list[str]]:
    """A closed round, and the findings that its readers disagree about."""
    desk, masks = read
    desk.add_people("rae", role=PersonRole.REVIEWER)
    desk.add_people("ada", role=PersonRole.ADJUDICATOR)
    report = close(desk)
    names = sorted(name for name, value in means(masks).items() if value < 0.8)
    assert report.to_adjudicate == len(names) > 1
    return desk, names


def test_disagreement_waits_for_an_adjudicator(disputed: tuple[Desk, list[str]]) -> None:
    desk, names = disputed
    assert desk.rows(DECIDED) == [(name, None, None, None) for name in names]
    with desk.database.transaction() as session:
        queue = review_queue(session, adjudication=True)
    assert {f"{each.scan} {each.finding}" for each in queue} == set(names)
    assert all(each.adjudication and each.round == "blind" for each in queue)
    (ann, *_rest, _consensus) = by_finding(desk)[names[0]]
    for verdict, more in (("accept", {}), ("reject", {"reason": "mask_spills"})):
        with pytest.raises(BadVerdict, match="an adjudicator decides, and rae is a reviewer"):
            give(desk, ann[0], "rae", verdict, **more)


@pytest.mark.parametrize("chosen", [0, 3])
def test_what_an_adjudicator_accepts_settles_it(disputed: tuple[Desk, list[str]], chosen: int) -> None:
    desk, (first, *others) = disputed
    drawn = by_finding(desk)[first]
    assert [state for *_, state in drawn] == ["in_review"] * 4
    give(desk, drawn[1][0], "ada", "reject", reason="mask_misses_part")
    assert [name for name, key, *_ in desk.rows(DECIDED) if key is None] == [first, *others]
    give(desk, drawn[chosen][0], "ada", words="the smaller one")
    states = ["superseded", "rejected", "superseded", "superseded"]
    states[chosen] = "accepted"
    assert [state for *_, state in by_finding(desk)[first]] == states
    told = (first, drawn[chosen][0], "ada", "mask accept the smaller one")
    assert desk.rows(DECIDED) == [told, *((name, None, None, None) for name in others)]
    holding = desk.rows(
        "SELECT a.id::text FROM open.annotation a JOIN open.annotation c ON c.finding_id = a.finding_id "
        f"WHERE c.id = '{drawn[chosen][0]}' AND a.state = 'accepted'"
    )
    assert holding == [(drawn[chosen][0],)]
    with desk.database.transaction() as session:
        assert first not in {f"{each.scan} {each.finding}" for each in review_queue(session)}
    give(desk, drawn[chosen][0], "rae", "reject", reason="mask_spills")  # settled, it is an annotation like any other


def test_what_held_before_may_be_chosen(disputed: tuple[Desk, list[str]]) -> None:
    desk, (first, *_) = disputed
    ((held,),) = desk.rows(
        "SELECT a.id::text FROM open.annotation a JOIN finding f ON f.id = a.finding_id "
        "JOIN scan s ON s.id = f.scan_id WHERE a.state = 'accepted' AND s.name || ' ' || f.source_index = :name",
        name=first,
    )
    give(desk, held, "ada")
    assert {state for *_, state in by_finding(desk)[first]} == {"superseded"}
    assert desk.rows(DECIDED)[0] == (first, held, "ada", "mask accept")


def test_it_is_decided_once(disputed: tuple[Desk, list[str]]) -> None:
    desk, (first, *_) = disputed
    give(desk, by_finding(desk)[first][0][0], "ada")
    with pytest.raises(IntegrityError, match="append-only"):
        desk.execute("UPDATE open.adjudication SET reason = 'other' WHERE chosen_id IS NOT NULL")
    with pytest.raises(IntegrityError, match="waits_or_is_decided"):
        desk.execute("UPDATE open.adjudication SET reason = 'half' WHERE chosen_id IS NULL")


def test_without_a_rule_nobody_is_asked_to_decide(desk: Desk, tmp_path: Path) -> None:
    for reader in ("ann", "bob"):
        desk.hand_out("again", reader, out=tmp_path / reader)
        set_rows(tmp_path / reader, lambda row: row.__class__(**{**row.__dict__, "status": "submitted"}))
        desk.take_back(tmp_path / reader, "again")
    report = close(desk, "again")
    assert report.to_review > report.to_adjudicate == 0
    assert desk.rows(DECIDED) == []


def test_an_unknown_round(desk: Desk) -> None:
    with pytest.raises(NotFound):
        close(desk, "nothing")
