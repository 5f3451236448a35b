"""What is changed over the network is what the commands change, by whom may, and nothing that is frozen or hidden."""

import base64
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from api.access import Access
from api.app import create_app
from api.graphql.execution import execute_query
from api.graphql.schema import read_filter
from api.services import Services
from ingest.releases.making import ReleaseOptions, make_release
from ingest.releases.verifying import verify_release
from ingest.reviews.verdicts import VerdictDraft, give_verdict
from ingest.rounds import receiving
from ingest.rounds.closing import close_round
from schema.arrays.store import ArrayStore
from schema.base import EDITOR_ROLE
from schema.database import Database, Role
from schema.limits import Limits
from schema.postgres.address import Address
from schema.queries.cohorts import CohortRequest, create
from schema.review import ReviewTarget, Verdict
from schema.round import PersonRole
from schema.token import TokenRole, create_token
from tests.api.archive import copied_database
from tests.ingest.rounds.campaigns import Desk, desk_of, labels_at, path_of, rows_of, save_labels, set_rows

NUMBERS = count()
SAVE = """mutation($drawing: DrawingInput!) { saveAnnotation(drawing: $drawing) {
  saved entities faults { kind severity message remedy }
  annotation { version state annotator voxels labelsDigest finding { id } round { name } entities { label volumeMl } }
} }"""
VERDICT = """mutation($verdict: VerdictInput!) { giveVerdict(verdict: $verdict) {
  target verdict reason words reviewer state annotation { state events { person reason toState } }
  entity { label } correction { revision text categoryCode textSide } finding { text revision }
} }"""
OPEN = "mutation($round: RoundInput!) { openRound(round: $round) { name readers policy { kind limit } closedAt } }"
CLOSE = """mutation($name: String!) { closeRound(name: $name) {
  findings single accepted toReview toAdjudicate agreement { measure value findings } round { closedAt }
} }"""
QUEUE = (
    '{ reviewQueue(round: "blind", adjudication: true) { edges { node { adjudication annotation { annotator } } } } }'
)
COHORT = "mutation($cohort: CohortInput!) { createCohort(cohort: $cohort) { name digest selection findingCount } }"


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    with desk_of(new_database, tmp_path_factory.mktemp("desk"), hide=frozenset({"test"})) as desk:
        desk.add_people("ann", "bob")
        desk.add_people("rae", role=PersonRole.REVIEWER)
        desk.open("again", protocol="protocol1")
        desk.hand_out("again", "ann", with_hidden=True)
        yield desk


@pytest.fixture
def standing(imported: Desk) -> Desk:
    """An archive that every change is refused of, so that it stays as it is."""
    return imported


@pytest.fixture
def new_desk(imported: Desk, server: Address, tmp_path: Path) -> Callable[[], AbstractContextManager[Database]]:
    """Makes copies of the archive."""
    imported.database.dispose()
    assert imported.database.owner_url is not None
    name = imported.database.owner_url.database or ""
    return lambda: copied_database(server, name, f"mutated_{next(NUMBERS)}")


@pytest.fixture
def desk(imported: Desk, new_desk: Any, tmp_path: Path) -> Iterator[Desk]:
    shutil.copytree(imported.folder / "again", tmp_path / "again")
    with new_desk() as database:
        yield replace(imported, database=database, folder=tmp_path)


def change(desk: Desk, text: str, *, limits: Limits | None = None, **values: Any) -> Any:
    """The answer to somebody who may change things."""
    database = replace(desk.database, limits=limits or Limits())
    return execute_query(Services(database, desk.arrays), text, values, editor="token ann")


def done(desk: Desk, text: str, **values: Any) -> Any:
    answer = change(desk, text, **values)
    assert "errors" not in answer, answer["errors"]
    (found,) = answer["data"].values()
    return found


def refused(desk: Desk, text: str, **values: Any) -> tuple[str, str]:
    answer = change(desk, text, **values)
    (error,) = answer["errors"]
    return error["extensions"]["code"], error["message"]


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def handed(desk: Desk, annotator: str = "ann", name: str = "again") -> tuple[Path, Any]:
    """A folder of handed out files, and the row of the finding with most voxels, of those that are open."""
    folder = desk.folder / name / annotator
    if not folder.exists():
        desk.hand_out(name, annotator, with_hidden=True)
    hidden = {scan for (scan,) in desk.rows("SELECT name FROM scan WHERE scan_is_hidden(id)")}
    shown = [row for row in rows_of(folder) if row.scan not in hidden]
    return folder, max(shown, key=lambda row: np.count_nonzero(labels_at(path_of(folder, row))))


def finding_of(desk: Desk, row: Any) -> str:
    query = "SELECT f.id FROM finding f JOIN scan s ON s.id = f.scan_id WHERE s.name = :scan AND f.source_index = :n"
    return str(desk.rows(query, scan=row.scan, n=int(row.finding))[0][0])


def drawing(desk: Desk, folder: Path, row: Any, **more: Any) -> dict[str, Any]:
    mask = encoded(path_of(folder, row))
    return {"round": "again", "annotator": "ann", "finding": finding_of(desk, row), "mask": mask, **more}


def redraw(folder: Path, row: Any) -> None:
    """Erase the first quarter of the planes that hold something."""
    path = path_of(folder, row)
    labels = np.array(labels_at(path))
    planes = np.flatnonzero(labels.any(axis=(0, 1)))
    labels[:, :, planes[: max(1, len(planes) // 4)]] = 0
    save_labels(path, labels)


EVERYTHING = """SELECT a.id, a.version, a.state::text, a.voxels, a.labels_digest, a.policy::text, a.protocol, e.label,
  e.voxels, g.volume_mm3, g.hu_mean FROM open.annotation a LEFT JOIN open.entity e ON e.annotation_id = a.id
  LEFT JOIN open.geometry g ON g.entity_id = e.id WHERE a.annotator_id IS NOT NULL ORDER BY a.id, e.label"""


def test_a_drawing_is_saved_as_the_command_saves_it(desk: Desk, new_desk: Any) -> None:
    folder, row = handed(desk)
    redraw(folder, row)
    for each in rows_of(folder):
        if each.key != row.key:
            path_of(folder, each).unlink()
    set_rows(folder, lambda each: replace(each, status="submitted"))
    found = done(desk, SAVE, drawing=drawing(desk, folder, row, submit=True))
    (folder / "sidecar.csv").write_text(only_row(folder, row))
    with new_desk() as database:
        other = replace(desk, database=database)
        assert other.take_back(folder, "again").counts["new"] == 1
        assert desk.rows(EVERYTHING) == other.rows(EVERYTHING) != []
    annotation = found["annotation"]
    assert (found["saved"], annotation["version"], annotation["state"]) == ("NEW", 1, "SUBMITTED")
    assert (annotation["annotator"], annotation["round"]) == ("ann", {"name": "again"})
    assert len(annotation["entities"]) == found["entities"] > 0
    assert all(entity["volumeMl"] > 0 for entity in annotation["entities"])
    assert desk.rows("SELECT source, state::text FROM import_run WHERE kind = 'round'") == [("token ann", "done")]
    assert desk.rows("SELECT count(*) FROM open.handout WHERE state = 'returned'") == [(1,)]


def only_row(folder: Path, row: Any) -> str:
    lines = (folder / "sidecar.csv").read_text().splitlines()
    return "\n".join([lines[0], *(line for line in lines[1:] if line.startswith(f"{row.scan},{row.finding},"))]) + "\n"


def test_what_is_there_is_kept_and_versions_follow(desk: Desk) -> None:
    folder, row = handed(desk)
    same = done(desk, SAVE, drawing=drawing(desk, folder, row))
    assert (same["saved"], same["annotation"]) == (None, None)
    redraw(folder, row)
    states = [done(desk, SAVE, drawing=drawing(desk, folder, row, submit=submit)) for submit in (False, False, True)]
    assert [each["saved"] for each in states] == ["NEW", "UNCHANGED", "SUBMITTED"]
    redraw(folder, row)
    later = done(desk, SAVE, drawing=drawing(desk, folder, row))
    assert (later["saved"], later["annotation"]["version"], later["annotation"]["state"]) == ("SUPERSEDING", 2, "DRAFT")


def test_a_file_that_a_viewer_turned_is_turned_back(desk: Desk) -> None:
    folder, row = handed(desk)
    redraw(folder, row)
    plain = done(desk, SAVE, drawing=drawing(desk, folder, row))
    path = path_of(folder, row)
    turned = nib.as_closest_canonical(nib.load(path)).as_reoriented(np.array([[0, -1], [1, 1], [2, -1]]))
    turned.to_filename(path)
    again = done(desk, SAVE, drawing=drawing(desk, folder, row))
    assert again["saved"] == "UNCHANGED"
    assert again["annotation"]["labelsDigest"] == plain["annotation"]["labelsDigest"]
    assert [each["kind"] for each in again["faults"]] == ["FRAME_DIFFERS"]


def elsewhere(path: Path) -> None:
    image = nib.load(path)
    save_labels(path, labels_at(path), image.affine + np.diag([0, 0, 0, 0]) + [[0, 0, 0, 30], *[[0] * 4] * 3])


def mirrored(path: Path) -> None:
    save_labels(path, np.array(labels_at(path))[::-1])


def cropped(path: Path) -> None:
    save_labels(path, np.array(labels_at(path))[:-1])


def not_nifti(path: Path) -> None:
    path.write_bytes(b"no file of labels")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (elsewhere, "its affine puts it elsewhere"),
        (mirrored, "save it as it was opened"),
        (cropped, "the file's shape is"),
        (not_nifti, "not a NIfTI file"),
    ],
)
def test_a_mask_that_the_command_leaves_out_is_refused(desk: Desk, spoil: Callable[[Path], None], message: str) -> None:
    folder, row = handed(desk)
    spoil(path_of(folder, row))
    code, told = refused(desk, SAVE, drawing=drawing(desk, folder, row))
    assert (code, message in told, str(path_of(folder, row)) in told) == ("NOT_TAKEN", True, False)
    assert desk.rows("SELECT count(*) FROM open.annotation WHERE annotator_id IS NOT NULL") == [(0,)]


def test_what_is_meant_so_is_taken_with_a_warning(desk: Desk) -> None:
    folder, row = handed(desk)
    mirrored(path_of(folder, row))
    found = done(desk, SAVE, drawing=drawing(desk, folder, row, asDrawn=True))
    assert (found["saved"], found["faults"][-1]["severity"]) == ("NEW", "WARNING")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"round": "nothing"}, "NOT_FOUND"),
        ({"annotator": "nobody"}, "NOT_FOUND"),
        ({"annotator": "rae"}, "BAD_USER_INPUT"),
        ({"finding": "6f1c1e0a-5d5b-5c0e-9d3e-2f7d6a3b9c41"}, "NOT_FOUND"),
        ({"finding": "nothing"}, "BAD_USER_INPUT"),
        ({"mask": "no base64!"}, "BAD_USER_INPUT"),
        ({"mask": ""}, "NOT_TAKEN"),
    ],
)
def test_mistakes_about_drawings(standing: Desk, changed: dict[str, Any], code: str) -> None:
    folder, row = handed(standing)
    assert refused(standing, SAVE, drawing=drawing(standing, folder, row, **changed))[0] == code


def test_what_was_handed_to_others_is_not_taken(desk: Desk) -> None:
    folder, row = handed(desk)
    taken = "UPDATE open.handout SET state = 'withdrawn' WHERE finding_id = :finding"
    desk.execute(taken, finding=finding_of(desk, row))
    code, message = refused(desk, SAVE, drawing=drawing(desk, folder, row))
    assert (code, "was not handed out to ann" in message) == ("NOT_TAKEN", True)


# What is hidden


def test_nothing_hidden_is_changed_or_told(desk: Desk) -> None:
    hidden = desk.rows("SELECT id::text, finding_id::text FROM hidden.annotation ORDER BY id")
    assert hidden
    before = desk.rows("SELECT count(*) FROM hidden.annotation_event") + desk.rows("SELECT count(*) FROM hidden.review")
    annotation, finding = hidden[0]
    sent = {"round": "again", "annotator": "ann", "finding": finding, "mask": "AAAA"}
    code, message = refused(desk, SAVE, drawing=sent)
    assert (code, "hidden split" in message) == ("NOT_TAKEN", True)
    unknown = "6f1c1e0a-5d5b-5c0e-9d3e-2f7d6a3b9c41"
    told = [
        refused(desk, VERDICT, verdict={"annotation": key, "verdict": "ACCEPT", "reviewer": "rae"})
        for key in (annotation, unknown)
    ]
    assert told[0][0] == told[1][0] == "NOT_FOUND"
    assert told[0][1].replace(annotation, unknown) == told[1][1]
    assert before == desk.rows("SELECT count(*) FROM hidden.annotation_event") + desk.rows(
        "SELECT count(*) FROM hidden.review"
    )


# Verdicts


def accepted(desk: Desk) -> str:
    return str(desk.rows("SELECT id FROM open.annotation WHERE state = 'accepted' ORDER BY id")[0][0])


def test_a_verdict_does_what_the_commands_verdict_does(desk: Desk, new_desk: Any) -> None:
    key = accepted(desk)
    said = {"annotation": key, "reviewer": "rae", "reason": "mask_spills", "words": "into the pleura"}
    found = done(desk, VERDICT, verdict={**said, "verdict": "REJECT"})
    assert (found["target"], found["state"], found["annotation"]["state"]) == ("MASK", "REJECTED", "REJECTED")
    why = "mask reject mask_spills into the pleura"
    assert found["annotation"]["events"] == [{"person": "rae", "reason": why, "toState": "REJECTED"}]
    again = done(desk, VERDICT, verdict={"annotation": key, "reviewer": "rae", "verdict": "ACCEPT"})
    assert (again["verdict"], again["reason"], again["state"]) == ("ACCEPT", None, "ACCEPTED")
    facts = "SELECT annotation_id, target::text, verdict::text, reason, words FROM open.review ORDER BY id"
    with new_desk() as database:
        for verdict, more in (
            (Verdict.REJECT, {"reason": "mask_spills", "words": "into the pleura"}),
            (Verdict.ACCEPT, {}),
        ):
            with database.transaction() as session:
                give_verdict(session, VerdictDraft(key, ReviewTarget.MASK, verdict, "rae", **more))  # type: ignore[arg-type]
        other = replace(desk, database=database)
        assert other.rows(facts) == desk.rows(facts)


@pytest.mark.parametrize(
    ("target", "reason", "correction", "expected"),
    [
        ("TEXT", "text_wrong", "Nodule in the left lung", {"text": "Nodule in the left lung", "textSide": "LEFT"}),
        ("CATEGORY", "category_wrong", "2h", {"categoryCode": "2h"}),
        ("SIDE", "side_wrong", "bilateral", {"textSide": "BILATERAL"}),
    ],
)
def test_a_correction_is_a_revision(
    desk: Desk, target: str, reason: str, correction: str, expected: dict[str, Any]
) -> None:
    said = {"annotation": accepted(desk), "target": target, "reason": reason, "correction": correction}
    found = done(desk, VERDICT, verdict={**said, "verdict": "CORRECT", "reviewer": "rae"})
    assert found["correction"] | {"revision": 2} | expected == found["correction"]
    assert found["finding"]["revision"] == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"verdict": "REJECT", "reviewer": "rae"}, "BAD_USER_INPUT"),
        ({"verdict": "ACCEPT", "reviewer": "ann"}, "NOT_FOUND"),
        ({"verdict": "ACCEPT", "reviewer": "rae", "target": "ENTITY", "entity": 999}, "NOT_FOUND"),
        ({"verdict": "CORRECT", "reviewer": "rae", "reason": "mask_other"}, "BAD_USER_INPUT"),
        ({"verdict": "ACCEPT", "reviewer": "rae", "annotation": "nothing"}, "BAD_USER_INPUT"),
    ],
)
def test_mistakes_about_verdicts(standing: Desk, said: dict[str, Any], code: str) -> None:
    assert refused(standing, VERDICT, verdict={"annotation": accepted(standing), **said})[0] == code
    assert standing.rows("SELECT count(*) FROM open.review") == [(0,)]


# Cohorts and rounds


def test_a_cohort_is_the_commands(desk: Desk) -> None:
    where = {"not": {"side": "LEFT"}, "entityCount": {"min": 1}, "scan": {"hasVolume": True}}
    asked = {"where": where, "release": "base", "split": "train", "patients": 2, "seed": 3}
    found = done(desk, COHORT, cohort={"name": "one", **asked})
    with desk.database.transaction() as session:
        create(
            session, "two", CohortRequest(read_filter(where), where, **{n: v for n, v in asked.items() if n != "where"})
        )
    rows = desk.rows("SELECT digest, selection, release_id, seed FROM cohort WHERE name IN ('one', 'two')")
    assert rows[0] == rows[1]
    assert (found["name"], found["digest"]) == ("one", rows[0][0])
    assert read_filter(rows[0][1]["where"]["and"][0]) == read_filter(where)


@pytest.mark.parametrize(
    ("cohort", "code"),
    [
        ({"name": "all"}, "BAD_USER_INPUT"),
        ({"name": "x", "split": "train"}, "BAD_USER_INPUT"),
        ({"name": "x", "release": "nothing"}, "NOT_FOUND"),
        ({"name": "x", "patients": 0}, "BAD_USER_INPUT"),
        ({"name": "x", "where": {"text": "nothing of this kind"}}, "BAD_USER_INPUT"),
    ],
)
def test_mistakes_about_cohorts(standing: Desk, cohort: dict[str, Any], code: str) -> None:
    assert refused(standing, COHORT, cohort=cohort)[0] == code


def test_a_round_is_opened_drawn_and_closed_as_by_commands(desk: Desk, new_desk: Any) -> None:
    policy = {"kind": "AT_MOST", "limit": 2}
    found = done(
        desk, OPEN, round={"name": "blind", "cohort": "all", "readers": 2, "policy": policy, "acceptAbove": 0.999}
    )
    assert found == {"name": "blind", "readers": 2, "policy": policy, "closedAt": None}
    for annotator in ("ann", "bob"):
        folder, row = handed(desk, annotator, "blind")
        if annotator == "bob":
            redraw(folder, row)
        said = {"round": "blind", "annotator": annotator, "submit": True}
        assert done(desk, SAVE, drawing=drawing(desk, folder, row, **said))["saved"] == "NEW"
    error = change(desk, CLOSE, name="blind", limits=Limits(comparisons=0))["errors"][0]["extensions"]
    assert error == {"code": "BAD_USER_INPUT", "limit": {"name": "comparisons", "most": 0}}
    assert desk.rows("SELECT closed_at FROM round WHERE name = 'blind'") == [(None,)]
    told = done(desk, CLOSE, name="blind")
    assert (told["findings"], told["single"], told["accepted"], told["toReview"]) == (1, 0, 0, 1)
    assert told["toAdjudicate"] == 1
    queue = [edge["node"] for edge in done(desk, QUEUE)["edges"]]
    assert all(each["adjudication"] for each in queue)
    assert {each["annotation"]["annotator"] for each in queue} == {"ann", "bob", None}
    assert {each["measure"] for each in told["agreement"]} == {"dice", "surface", "detection", "alpha"}
    assert told["round"]["closedAt"] is not None
    report = close_round(desk.database, desk.arrays, "blind")
    assert {each["measure"]: each["value"] for each in told["agreement"]} == {
        name: figure["value"] for name, figure in report.figures.items()
    }
    unmeasured = (
        "SELECT count(*) FROM open.entity e WHERE NOT EXISTS (SELECT FROM open.geometry WHERE entity_id = e.id)"
    )
    assert desk.rows(unmeasured) == [(0,)]
    code, message = refused(desk, SAVE, drawing=drawing(desk, folder, row, round="blind", annotator="bob"))
    assert (code, "was closed on" in message) == ("BAD_USER_INPUT", True)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": "again", "cohort": "all"}, "BAD_USER_INPUT"),
        ({"name": "x", "cohort": "nothing"}, "NOT_FOUND"),
        ({"name": "x", "cohort": "all", "readers": 0}, "BAD_USER_INPUT"),
        ({"name": "x", "cohort": "all", "acceptAbove": 1.5}, "BAD_USER_INPUT"),
        ({"name": "x", "cohort": "all", "policy": {"kind": "AT_MOST"}}, "BAD_USER_INPUT"),
    ],
)
def test_mistakes_about_rounds(standing: Desk, given: dict[str, Any], code: str) -> None:
    assert refused(standing, OPEN, round=given)[0] == code


def test_changes_of_one_operation_see_one_another_and_stand_by_themselves(desk: Desk) -> None:
    text = """mutation { openRound(round: {name: "x", cohort: "all"}) { name }
      again: openRound(round: {name: "x", cohort: "all"}) { name } }"""
    answer = change(desk, text)
    assert [each["path"] for each in answer["errors"]] == [["again"]]
    assert desk.rows("SELECT count(*) FROM round WHERE name = 'x'") == [(1,)]
    text = """mutation { openRound(round: {name: "y", cohort: "all"}) { name history { totalCount } }
      closeRound(name: "y") { round { closedAt } } }"""
    assert change(desk, text)["data"]["closeRound"]["round"]["closedAt"] is not None


# What is frozen


def released(desk: Desk) -> tuple[Path, Any, str]:
    """A drawing that was accepted in the round `again`, and is in the made release `v1`."""
    folder, row = handed(desk)
    redraw(folder, row)
    key = done(desk, SAVE.replace("version state", "id version state"), drawing=drawing(desk, folder, row, submit=True))
    annotation = key["annotation"]["id"]
    done(desk, VERDICT, verdict={"annotation": annotation, "verdict": "ACCEPT", "reviewer": "rae"})
    options = ReleaseOptions("v1", like="base", rounds=("again", "first"), collection="phantom")
    make_release(desk.database, desk.arrays, options)
    named = desk.rows("SELECT 1 FROM open.release_annotation WHERE annotation_id = :key", key=annotation)
    assert len(named) == 1
    return folder, row, annotation


def test_what_a_release_froze_is_refused_by_mutation_and_command_alike(desk: Desk) -> None:
    folder, row, annotation = released(desk)
    held = desk.rows(EVERYTHING)
    redraw(folder, row)
    code, message = refused(desk, SAVE, drawing=drawing(desk, folder, row, submit=True))
    (folder / "sidecar.csv").write_text(only_row(folder, row))
    for each in folder.glob("*.nii.gz"):
        if each != path_of(folder, row):
            each.unlink()
    (fault,) = desk.take_back(folder, "again").imported.all_faults
    assert (code, fault.message in message) == ("CONFLICT", True)
    assert "have those rejected, or open another round" in message
    assert desk.rows(EVERYTHING) == held
    said = {"annotation": annotation, "reviewer": "rae", "target": "TEXT", "reason": "text_wrong"}
    done(desk, VERDICT, verdict={**said, "verdict": "CORRECT", "correction": "Other words"})
    done(
        desk,
        VERDICT,
        verdict={"annotation": annotation, "reviewer": "rae", "verdict": "REJECT", "reason": "mask_spills"},
    )
    assert verify_release(desk.database, desk.arrays, "v1", lambda *_: None).problems == ()


RELEASED = {
    "release": ("digest = NULL", "name = 'other'"),
    "release_split": ("visibility = 'open'",),
    "release_scan": ("split = 'other'",),
    "release_finding": ("index = 99",),
    "open.release_annotation": ("declared_entities = 99",),
    "finding_revision": ("text = 'other'", "category_code = '1a'", "is_latest = false"),
    "open.annotation": ("voxels = 1", "labels_digest = repeat('0', 64)"),
    "open.entity": ("voxels = 1", "label = 9"),
    "open.label_array": ("digest = repeat('0', 64)",),
}


@pytest.mark.parametrize("table", RELEASED)
def test_the_editor_can_change_or_delete_nothing_of_a_release(standing: Desk, table: str) -> None:
    statements = [*(f"UPDATE {table} SET {change}" for change in RELEASED[table]), f"DELETE FROM {table}"]
    for statement in statements:
        with standing.database.as_editor().transaction() as session:
            assert session.scalar(sa.text("SELECT current_user")) == EDITOR_ROLE
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                session.execute(sa.text(statement))


def test_the_editor_adds_what_people_say_and_nothing_else(standing: Desk) -> None:
    query = """SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND n.nspname IN ('public', 'open', 'hidden')
      AND has_table_privilege('groundct_editor', c.oid, :right)"""
    added = {name for (name,) in standing.rows(query, right="INSERT")}
    assert added == {
        *(
            "open.label_array",
            "open.annotation",
            "open.entity",
            "open.geometry",
            "open.location",
            "open.annotation_event",
        ),
        *("open.annotation_source", "open.agreement", "open.round_agreement", "open.review", "public.finding_revision"),
        "open.adjudication",
        *("public.round", "public.cohort", "public.cohort_member"),
        *("public.import_run", "open.import_summary", "open.fault"),
    }
    assert standing.rows(query, right="DELETE") == []
    seen = {name for (name,) in standing.rows(query, right="SELECT")}
    api = {name for (name,) in standing.rows(query.replace("groundct_editor", "groundct_api"), right="SELECT")}
    assert api - seen == {"public.alembic_version"}
    assert seen <= api


def test_the_editor_never_acts_as_the_owner_nor_longer_than_it_may(standing: Desk) -> None:
    limited = replace(standing.database, limits=Limits(statement_ms=50)).as_editor()
    assert limited.owner_url is None
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"), limited.transaction() as session:
        session.execute(sa.text("SELECT pg_sleep(5)"))
    with standing.database.transaction() as session:
        assert session.scalar(sa.text("SELECT current_user")) == "groundct_api"


def test_what_the_database_refuses_is_told_in_its_words(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a scan is hidden while its mask is on the way."""
    hidden = {scan for (scan,) in desk.rows("SELECT name FROM scan WHERE scan_is_hidden(id)")}
    folder = desk.folder / "again" / "ann"
    row = next(row for row in rows_of(folder) if row.scan in hidden)
    desk.execute("DELETE FROM open.handout")
    known = receiving.get_wanted
    monkeypatch.setattr(receiving, "get_wanted", lambda *asked: replace(known(*asked), hidden=False))
    code, message = refused(desk, SAVE, drawing=drawing(desk, folder, row, submit=True, asDrawn=True))
    assert (code, "stands in a hidden split; its annotations belong" in message) == ("CONFLICT", True)
    assert desk.rows("SELECT count(*) FROM open.annotation WHERE annotator_id IS NOT NULL") == [(0,)]
    assert desk.rows("SELECT state::text FROM import_run ORDER BY id DESC LIMIT 1") == [("failed",)]


def test_a_right_that_the_editor_lacks_is_no_fault_of_the_server(desk: Desk) -> None:
    desk.execute("REVOKE INSERT ON open.review FROM groundct_editor")
    code, message = refused(
        desk, VERDICT, verdict={"annotation": accepted(desk), "verdict": "ACCEPT", "reviewer": "rae"}
    )
    assert (code, "INSERT" in message) == ("FORBIDDEN", False)


# Who may


@pytest.fixture
def secrets(desk: Desk) -> dict[str, str]:
    with desk.database.transaction(Role.OWNER) as session:
        made = {
            role.value: create_token(session, role.value, role=role, collections=None, lasts=timedelta(days=1))[1]
            for role in TokenRole
        }
    return {**made, "guess": "groundct_guess"}


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(
    ("who", "codes"),
    [
        ("maintainer", {True: None, False: None}),
        ("reader", {True: "FORBIDDEN", False: "FORBIDDEN"}),
        ("guess", {True: "UNAUTHENTICATED", False: "FORBIDDEN"}),
        (None, {True: "UNAUTHENTICATED", False: "FORBIDDEN"}),
    ],
)
def test_only_a_maintainer_changes_anything(
    desk: Desk, secrets: dict[str, str], asks: bool, who: str | None, codes: dict[bool, str | None]
) -> None:
    app = create_app(Services(desk.database, desk.arrays), access=Access(desk.database), asks=asks)
    headers = {"Authorization": f"Bearer {secrets[who]}"} if who else {}
    asked = {"query": OPEN, "variables": {"round": {"name": "x", "cohort": "all"}}}
    with TestClient(app) as client:
        answer = client.post("/graphql", json=asked, headers=headers).json()
        told = [each["extensions"]["code"] for each in answer.get("errors", ())]
        assert told == ([codes[asks]] if codes[asks] else [])
        reads = client.post("/graphql", json={"query": "{ rounds { totalCount } }"}, headers=headers)
        assert reads.status_code == (401 if asks and who not in {"maintainer", "reader"} else 200)
    assert desk.rows("SELECT count(*) FROM round WHERE name = 'x'") == [(int(codes[asks] is None),)]


def test_a_form_or_a_link_changes_nothing(desk: Desk, secrets: dict[str, str]) -> None:
    app = create_app(Services(desk.database, desk.arrays), access=Access(desk.database))
    headers = {"Authorization": f"Bearer {secrets['maintainer']}"}
    text = 'mutation { openRound(round: {name: "x", cohort: "all"}) { name } }'
    with TestClient(app) as client:
        link = client.get("/graphql", params={"query": text}, headers=headers).json()
        assert link["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
            form = client.post("/graphql", content=f'{{"query": "{text}"}}', headers={**headers, "Content-Type": kind})
            assert form.status_code == 415
    assert desk.rows("SELECT count(*) FROM round WHERE name = 'x'") == [(0,)]


def test_without_tokens_nothing_is_changed(desk: Desk, arrays: ArrayStore) -> None:
    with TestClient(create_app(Services(desk.database, arrays))) as client:
        answer = client.post("/graphql", json={"query": 'mutation { closeRound(name: "again") { findings } }'}).json()
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "groundct token create" in answer["errors"][0]["message"]
