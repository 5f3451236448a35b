"""Blind readers with known disagreement: agreement is what a plain computation gives, and rules and queue follow it."""

from itertools import combinations
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.reviews.queue import review_queue
from ingest.rounds.closing import CloseReport, close_round
from schema.errors import NotFound, SourceError
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


def test_an_unknown_round(desk: Desk) -> None:
    with pytest.raises(NotFound):
        close(desk, "nothing")
