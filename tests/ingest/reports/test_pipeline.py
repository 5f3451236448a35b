"""Reading reports, whatever engine answers: rows, accounts, corrections, and that nothing is asked twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.phantoms import make_dataset
from ingest.reports.corrections import Stand, correct, standing
from ingest.reports.engine import Engine
from ingest.reports.hosted.engine import HostedEngine
from ingest.reports.hosted.estimate import estimate
from ingest.reports.pipeline import process
from ingest.reports.stages import Stage
from ingest.reports.work import Work
from ingest.rexgroundingct import ImportOptions, import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.errors import NotFound, ServerError, SourceError
from schema.queries.readings import latest_readings, waiting
from schema.queries.tables import DESCRIPTOR, READING, REVISION, STAGE_RESULT
from tests.ingest.reports.archive import add_reports
from tests.ingest.reports.model_server import ModelServer

NewEngine = Callable[[], HostedEngine]


def reading_of(database: Database, study: str) -> dict[str, Any]:
    with database.transaction() as session:
        (found,) = latest_readings(session, study)
    return found


def rows_of(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that was read, without keys and times."""
    queries = {
        "rewritten": "SELECT r.report_id, w.position, w.region::text, w.text FROM reading r JOIN rewritten_sentence w"
        " ON w.reading_id = r.id WHERE is_latest ORDER BY 1, 2",
        "observed": "SELECT r.report_id, o.position, phrase, present, category_code, d.value, start_char"
        " FROM reading r JOIN observation o ON o.reading_id = r.id LEFT JOIN descriptor d ON d.observation_id = o.id"
        " WHERE is_latest ORDER BY 1, 2, 6, 7",
        "accounts": "SELECT r.report_id, a.sentence_id, use::text, reason::text FROM reading r"
        " JOIN sentence_account a ON a.reading_id = r.id WHERE is_latest ORDER BY 1, 2",
        "losses": "SELECT r.report_id, l.kind::text, what, repaired FROM reading r JOIN loss l ON l.reading_id = r.id"
        " WHERE is_latest ORDER BY 1, 2, 3",
    }
    with database.transaction() as session:
        return {name: [tuple(row) for row in session.execute(sa.text(query))] for name, query in queries.items()}


def test_a_report_is_read_whole(database: Database, new_engine: NewEngine) -> None:
    add_reports(database)
    report = process(database, new_engine(), Work())
    assert report.complete
    assert dict(report.sentences) == {"used": 10, "dropped": 3, "flagged": 1}
    first = reading_of(database, "train_1_a")
    assert [(each["use"], each["reason"]) for each in first["source"]] == [
        ("dropped", "normal"),
        *[("used", None)] * 3,
    ]
    assert [(each["phrase"], each["present"], each["category_code"]) for each in first["observations"]] == [
        ("There is a stable 7 x 5 mm nodule in the right upper lobe", True, "2d"),
        ("pleural effusion", False, "2e"),
        ("Atelectasis in the left lower lobe", True, "2b"),
    ]
    assert [(each["kind"], each["value"]) for each in first["descriptors"]] == [
        ("size", "7 x 5 mm"),
        ("side", "right"),
        ("side", "left"),
    ]
    with database.transaction() as session:
        assert [(each["study"], each["what"]) for each in waiting(session)] == [("train_3_a", "???")]


def test_a_second_run_asks_nothing_and_changes_nothing(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database)
    process(database, new_engine(), Work())
    before, asked = rows_of(database), len(model_server.asked)
    again = process(database, new_engine(), Work())
    assert (again.read, again.unchanged, again.asked, again.calls) == (0, 4, 0, 0)
    assert rows_of(database) == before
    assert len(model_server.asked) == asked
    with database.transaction() as session:
        again_by_force = [row for (row,) in session.execute(sa.select(READING.c.report_id))]
    process(database, new_engine(), Work(again=again_by_force))
    assert rows_of(database) == before
    assert len(model_server.asked) == asked


def test_what_two_reports_say_is_asked_once(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database, 40)
    process(database, new_engine(), Work())
    questions = [(each.stage, each.text) for each in model_server.asked]
    assert len(questions) == len(set(questions))
    assert sum(text == "Atelectasis in the left lower lobe" for _, text in questions) == 2


@pytest.mark.parametrize("stage", list(Stage))
def test_a_run_may_end_after_a_stage(
    database: Database, model_server: ModelServer, new_engine: NewEngine, stage: Stage
) -> None:
    add_reports(database)
    process(database, new_engine(), Work(last=stage))
    order = list(Stage)
    assert {each.stage for each in model_server.asked} == {str(each) for each in order[: order.index(stage) + 1]}
    with database.transaction() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(READING)) == 0
    asked = len(model_server.asked)
    process(database, new_engine(), Work())
    assert {each.stage for each in model_server.asked[asked:]} == {
        str(each) for each in order[order.index(stage) + 1 :]
    }


def test_a_study_or_some_reports_alone(database: Database, new_engine: NewEngine) -> None:
    add_reports(database)
    assert process(database, new_engine(), Work(study="train_2_a")).read == 1
    assert process(database, new_engine(), Work(limit=2)).read == 2
    assert process(database, new_engine(), Work()).read == 1
    with pytest.raises(NotFound, match="train_9_a"):
        process(database, new_engine(), Work(study="train_9_a"))


def test_an_estimate_is_of_what_is_not_answered_yet(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database, 12)
    ahead = estimate(database, new_engine(), Work())
    assert ahead["reports"] == 12
    assert ahead["cost_usd"] is None
    assert model_server.asked == []
    process(database, new_engine(), Work())
    asked = {stage: sum(each.stage == stage for each in model_server.asked) for stage in Stage}
    assert ahead["stages"]["rewrite"]["calls"] == asked["rewrite"]
    assert ahead["stages"]["extract"]["calls"] == asked["extract"]
    assert asked["describe"] <= ahead["stages"]["describe"]["calls"] <= 2 * asked["describe"]
    tokens = sum(each["tokens_in"] for each in ahead["stages"].values())
    assert model_server.tokens_in <= tokens * 1.2 <= 2 * model_server.tokens_in
    after = estimate(database, new_engine(), Work())
    assert (after["reports"], after["stages"]) == (0, {})


def edited(database: Database, engine: Engine, study: str, stage: Stage, number: int = 0) -> Stand:
    with database.transaction() as session:
        return standing(session, engine, study, stage)[number]


def give(database: Database, engine: Engine, stand: Stand) -> None:
    with database.transaction() as session:
        again = correct(session, engine, stand)
    process(database, engine, Work(again=again))


def test_a_persons_correction_wins_and_is_linked(
    database: Database, model_server: ModelServer, new_engine: NewEngine
) -> None:
    add_reports(database)
    engine = new_engine()
    process(database, engine, Work())
    asked = len(model_server.asked)
    stand = edited(database, engine, "train_1_a", Stage.CATEGORISE, 2)
    assert stand.input == {"text": "Atelectasis in the left lower lobe"}
    give(database, engine, stand.model_copy(update={"output": {"code": "2a", "score": None, "alternatives": []}}))
    for study in ("train_1_a", "train_2_a", "train_3_a", "train_4_a"):  # all of them say it
        codes = {each["phrase"]: each["category_code"] for each in reading_of(database, study)["observations"]}
        assert codes["Atelectasis in the left lower lobe"] == "2a"
    assert len(model_server.asked) == asked
    with database.transaction() as session:
        person = session.execute(sa.select(STAGE_RESULT).where(STAGE_RESULT.c.engine == "person")).mappings().one()
        corrected = session.execute(sa.select(STAGE_RESULT).where(STAGE_RESULT.c.id == person["overrides_id"]))
        assert corrected.mappings().one()["output"]["code"] == "2b"
    give(database, engine, stand)  # a second correction, back to what it was
    assert reading_of(database, "train_4_a")["observations"][0]["category_code"] == "2b"
    assert edited(database, engine, "train_1_a", Stage.CATEGORISE, 2) == stand


def test_a_corrected_report_is_read_anew(database: Database, new_engine: NewEngine) -> None:
    add_reports(database)
    engine = new_engine()
    process(database, engine, Work())
    stand = edited(database, engine, "train_3_a", Stage.REWRITE)
    output = dict(stand.output)
    output["undecided"] = []
    output["dropped"] = [*output["dropped"], {"sentence": 2, "reason": "not_a_finding"}]
    give(database, engine, stand.model_copy(update={"output": output}))
    assert reading_of(database, "train_3_a")["flagged"] == 0
    with database.transaction() as session:
        assert waiting(session) == []
        assert session.scalar(sa.select(sa.func.count()).select_from(READING)) == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"output": {"code": "2z"}}, "there is no code 2z"),
        ({"output": {"colour": "red"}}, "code"),
        (
            {"stage": Stage.DESCRIBE, "output": {"descriptors": []}, "input": {"text": "unheard of"}},
            "nothing was answered",
        ),
    ],
)
def test_what_is_no_correction_is_refused(
    database: Database, new_engine: NewEngine, change: dict[str, Any], said: str
) -> None:
    add_reports(database, 1)
    engine = new_engine()
    process(database, engine, Work())
    stand = edited(database, engine, "train_1_a", Stage.CATEGORISE)
    with pytest.raises(SourceError, match=said):
        give(database, engine, stand.model_copy(update=change))


def test_two_runs_at_a_time_would_pay_twice(database: Database, new_engine: NewEngine) -> None:
    add_reports(database)
    engine = new_engine()
    started: list[str] = []

    def run_another(_done: int, _total: int) -> None:
        with pytest.raises(ServerError) as raised:
            process(database, new_engine(), Work())
        started.append(str(raised.value))

    process(database, engine, Work(), run_another)
    assert "another run" in started[0]
    assert process(database, engine, Work()).complete


def test_findings_are_described_and_keep_their_categories(
    database: Database, arrays: ArrayStore, new_engine: NewEngine, tmp_path: Path
) -> None:
    make_dataset(tmp_path, scans=3, seed=2, faults=False, second=False, shape=(56, 60, 58))
    import_dataset(database, arrays, ImportOptions(tmp_path / "dataset.json", "r", workers=1))
    with database.transaction() as session:
        before = session.execute(sa.select(REVISION.c.id, REVISION.c.category_code)).all()
    report = process(database, new_engine(), Work())
    assert report.complete
    assert report.described > 0
    with database.transaction() as session:
        after = session.execute(sa.select(REVISION.c.id, REVISION.c.category_code)).all()
        spans = session.execute(
            sa.select(sa.func.substr(REVISION.c.text, DESCRIPTOR.c.start_char + 1, 4), DESCRIPTOR.c.value).join(
                DESCRIPTOR, DESCRIPTOR.c.revision_id == REVISION.c.id
            )
        ).all()
    assert sorted(after) == sorted(before)
    assert all(value.startswith(said) for said, value in spans)
    again = process(database, new_engine(), Work())
    assert (again.described, again.categorised, again.calls) == (0, 0, 0)
