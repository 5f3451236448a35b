"""Verdicts move annotations by the known ways, correct findings, and come in once however often their file comes."""

import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.reviews.queue import by_scan, review_queue
from ingest.reviews.sheets import CHOICES, write_sheet
from ingest.reviews.verdicts import COLUMNS, BadVerdict, VerdictDraft, give_verdict, ingest_verdicts
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import NotFound, SourceError
from schema.postgres.address import Address
from schema.review import ReviewTarget, Verdict
from tests.api.archive import copied_database

Archive = tuple[Database, ArrayStore]
NUMBERS = count()


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("reviews")
    make_dataset(folder / "data", scans=3, seed=5, faults=False, second=False, shape=(60, 60, 60))
    options = ImportOptions(folder / "data" / "dataset.json", "first", collection="phantom", workers=1)
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        with database.transaction(Role.OWNER) as session:
            session.execute(
                sa.text("INSERT INTO person (pseudonym, role) VALUES ('rae', 'reviewer'), ('ann', 'annotator')")
            )
        yield database, arrays


@pytest.fixture
def archive(imported: Archive, server: Address) -> Iterator[Archive]:
    database, arrays = imported
    database.dispose()
    assert database.owner_url is not None
    with copied_database(server, database.owner_url.database or "", f"reviews_{next(NUMBERS)}") as copy:
        yield copy, arrays


def rows(database: Database, query: str) -> list[Any]:
    with database.engine(Role.OWNER).connect() as connection:
        return list(connection.execute(sa.text(query)))


def annotations(database: Database) -> list[UUID]:
    return [key for (key,) in rows(database, "SELECT id FROM open.annotation ORDER BY id")]


def give(database: Database, annotation: UUID, target: str, verdict: str, **more: Any) -> bool:
    draft = VerdictDraft(annotation, ReviewTarget(target), Verdict(verdict), **{"reviewer": "rae", **more})
    with database.transaction() as session:
        return give_verdict(session, draft) is not None


def state(database: Database, annotation: UUID) -> str:
    return str(rows(database, f"SELECT state FROM open.annotation WHERE id = '{annotation}'")[0][0])


def test_a_rejected_mask_no_longer_holds_and_who_and_why_is_logged(archive: Archive) -> None:
    database, _ = archive
    first = annotations(database)[0]
    give(database, first, "mask", "reject", reason="mask_spills", words="into the pleura")
    assert state(database, first) == "rejected"
    assert rows(database, "SELECT from_state::text, to_state::text, person, reason FROM open.annotation_event") == [
        ("accepted", "rejected", "rae", "mask reject mask_spills into the pleura")
    ]
    give(database, first, "mask", "accept")
    assert state(database, first) == "accepted"
    assert len(rows(database, "SELECT 1 FROM open.review")) == 2


def test_a_wrong_entity_sends_its_annotation_back_into_review(archive: Archive) -> None:
    database, _ = archive
    ((key, label),) = rows(database, "SELECT annotation_id, label FROM open.entity ORDER BY id LIMIT 1")
    give(database, key, "entity", "reject", entity=label, reason="entity_boundary")
    assert state(database, key) == "in_review"
    with database.transaction() as session:
        (queued,) = review_queue(session)
    assert queued.id == key


@pytest.mark.parametrize(
    ("target", "reason", "correction", "column", "expected"),
    [
        ("text", "text_wrong", "Nodule in the left lung", "text_side", "left"),
        ("category", "category_wrong", "2h", "category_code", "2h"),
        ("side", "side_wrong", "bilateral", "text_side", "bilateral"),
    ],
)
def test_a_correction_is_a_revision_by_a_person(
    archive: Archive, target: str, reason: str, correction: str, column: str, expected: str
) -> None:
    database, _ = archive
    first = annotations(database)[0]
    give(database, first, target, "correct", reason=reason, correction=correction)
    query = (
        f"SELECT r.revision, r.source::text, r.{column}::text FROM finding_revision r "
        "JOIN open.review v ON v.correction_revision_id = r.id WHERE r.is_latest"
    )
    assert rows(database, query) == [(2, "person", expected)]
    assert state(database, first) == "accepted"


@pytest.mark.parametrize(
    ("target", "verdict", "more", "message"),
    [
        ("mask", "reject", {}, "is no reason about the mask"),
        ("mask", "reject", {"reason": "text_wrong"}, "is no reason about the mask"),
        ("mask", "correct", {"reason": "mask_spills"}, "drawing it anew"),
        ("text", "correct", {"reason": "text_wrong"}, "says what is right"),
        ("category", "correct", {"reason": "category_wrong", "correction": "2z"}, "is no code"),
        ("side", "correct", {"reason": "side_wrong", "correction": "up"}, "is no side"),
        ("entity", "accept", {}, "label is given"),
        ("entity", "accept", {"entity": 999}, "has no entity"),
        ("mask", "accept", {"reviewer": "ann"}, "no reviewer 'ann'"),
        ("mask", "accept", {"reviewer": "nobody"}, "no reviewer 'nobody'"),
    ],
)
def test_what_cannot_be_said(archive: Archive, target: str, verdict: str, more: dict[str, Any], message: str) -> None:
    database, _ = archive
    with pytest.raises((BadVerdict, NotFound), match=message):
        give(database, annotations(database)[0], target, verdict, **more)
    assert rows(database, "SELECT 1 FROM open.review") == []


def test_a_file_comes_in_once_and_names_what_is_wrong(archive: Archive, tmp_path: Path) -> None:
    database, _ = archive
    first, second = annotations(database)[:2]
    said = [
        {"annotation": first, "target": "mask", "verdict": "reject", "reason": "mask_spills", "reviewer": "rae"},
        {"annotation": "x", "target": "mask", "verdict": "accept", "reviewer": "rae"},
        {"annotation": second, "target": "mask", "verdict": "maybe", "reviewer": "rae"},
        {"annotation": UUID(int=1), "target": "mask", "verdict": "accept", "reviewer": "rae"},
        {"annotation": second, "target": "mask", "verdict": "accept", "reviewer": "rae"},
    ]
    path = tmp_path / "verdicts.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(said)
    report = ingest_verdicts(database, path)
    assert (report.new, report.unchanged) == (2, 0)
    assert [problem.split(": ")[1] for problem in report.problems] == ["line 3", "line 4", "line 5"]
    again = ingest_verdicts(database, path)
    assert (again.new, again.unchanged) == (0, 2)
    assert len(rows(database, "SELECT 1 FROM open.review")) == 2


def test_a_file_without_its_columns(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("annotation,target\n")
    with pytest.raises(SourceError, match="lacks the column verdict"):
        ingest_verdicts(archive[0], tmp_path / "bad.csv")


def test_the_queue_goes_by_disagreement_and_checks(archive: Archive) -> None:
    database, _ = archive
    first, second = annotations(database)[:2]
    with database.transaction() as session:
        session.execute(
            sa.text(
                "INSERT INTO open.text_check (annotation_id, name, version, revision_id, outcome, severity, evidence) "
                "SELECT a.id, 'side', '1', r.id, 'contradicts', CASE WHEN a.id = :second THEN 0.9 ELSE 0.2 END, '{}' "
                "FROM open.annotation a JOIN finding_revision r ON r.finding_id = a.finding_id "
                "WHERE a.id IN (:first, :second)"
            ),
            {"first": first, "second": second},
        )
    with database.transaction() as session:
        queue = review_queue(session)
    assert next(each.id for each in queue) == second
    assert {each.id for each in queue} == {first, second}
    with database.transaction() as session:
        assert review_queue(session, scan="train_9_z_9") == review_queue(session, round_name="none") == []


def test_a_page_shows_three_planes_and_its_choices_are_known_reasons(archive: Archive, tmp_path: Path) -> None:
    database, arrays = archive
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("UPDATE open.annotation SET state = 'in_review'"))
    known = set(rows(database, "SELECT target::text, code FROM review_reason"))
    assert {(each["target"], each["reason"]) for each in CHOICES if "reason" in each} <= known
    with database.transaction() as session:
        for scan, queued in by_scan(review_queue(session)):
            page = write_sheet(session, arrays, queued, tmp_path, "labels").read_text()
            assert f"<title>Review {scan}</title>" in page
            assert page.count("<article") == len(queued)
            assert page.count("data:image/jpeg;base64,") == 3 * len(queued)
            assert all(each.text.split("'")[0][:20] in page for each in queued)
            assert "http" not in page.replace("http-equiv", "")
