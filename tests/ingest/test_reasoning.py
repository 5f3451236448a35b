"""A file of chains of thought comes in once, what is not here is named, and what is hidden stays so."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingest.options import ImportOptions
from ingest.phantoms import make_scan, write_scan
from ingest.reasoning import import_reasoning
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, OPEN
from schema.database import Database, Role
from schema.errors import NotFound, SourceError
from schema.import_run import FaultKind, Severity

STEPS = [{"text": "Whole scan"}, {"text": "Right lung", "bbox": [1, 2, 3, 4, 5, 6]}, "Then look closely"]


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A train scan with two findings, and a hidden test scan with one."""
    folder = tmp_path_factory.mktemp("data")
    cases: dict[str, Any] = {"train": [], "val": [], "test": []}
    for number, (split, codes) in enumerate([("train", ("2d", "2c")), ("test", ("2d",))], start=1):
        drawn: dict[str, Any] = {"split": split, "categories": codes, "shape": (60, 60, 60)}
        scan = make_scan(number, name=f"train_{number}_a_1.nii.gz", **drawn)
        write_scan(folder, scan)
        cases[split].append(scan.entry())
    (folder / "dataset.json").write_text(json.dumps(cases))
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        options = ImportOptions(folder / "dataset.json", round="r", workers=1, release="b", hide=frozenset({"test"}))
        assert import_dataset(database, arrays, options).all_faults == []
        yield database


@pytest.fixture
def database(imported: Database) -> Iterator[Database]:
    yield imported
    with imported.transaction(Role.OWNER) as session:
        for schema in (OPEN, HIDDEN):
            session.execute(sa.text(f"DELETE FROM {schema}.reasoning"))
            session.execute(sa.text(f"DELETE FROM {schema}.fault"))


def write(folder: Path, document: Any, name: str = "anatomical_cot.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def rows(database: Database, schema: str, query: str) -> list[Any]:
    with database.engine(Role.OWNER).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query.format(schema)))]


def test_chains_come_in_once_with_what_is_recognised(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, {"train_1_a_1.nii.gz": {"0": STEPS, "1": "Whole scan -> lesion"}})
    report = import_reasoning(database, path, "ct-rate")
    assert (report.chains, report.new, report.boxes, report.unrecognised, report.all_faults) == (2, 2, 1, 1, [])
    steps = rows(database, OPEN, "SELECT position, level, text, box_source, box_frame, box_vox_min, holds "
                 "FROM {0}.reasoning_step WHERE box_source IS NOT NULL OR level IS NULL ORDER BY position")  # fmt: skip
    assert steps == [
        (1, "side", "Right lung", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], None, None, None),
        (2, None, "Then look closely", None, None, None, None),
    ]
    sources = "SELECT source->'chain', origin FROM {0}.reasoning ORDER BY source->'finding'"
    assert rows(database, OPEN, sources) == [
        (STEPS, "anatomical_cot.json"),
        ("Whole scan -> lesion", "anatomical_cot.json"),
    ]
    before = rows(database, OPEN, "SELECT * FROM {0}.reasoning ORDER BY id")
    again = import_reasoning(database, path, "ct-rate")
    assert (again.new, again.changed, again.unchanged) == (0, 0, 2)
    assert rows(database, OPEN, "SELECT * FROM {0}.reasoning ORDER BY id") == before
    changed = import_reasoning(
        database, write(tmp_path, {"train_1_a_1": [STEPS[:2], "Whole scan -> lesion"]}), "ct-rate"
    )
    assert (changed.new, changed.changed) == (0, 2)  # the name in the source is another one
    assert rows(database, OPEN, "SELECT count(*) FROM {0}.reasoning_step") == [(4,)]


def test_a_finding_may_be_named_by_its_words(database: Database, tmp_path: Path) -> None:
    query = (
        "SELECT v.text FROM finding f JOIN finding_revision v ON v.finding_id = f.id "
        "JOIN scan s ON s.id = f.scan_id WHERE s.name = 'train_1_a_1' AND f.source_index = 1"
    )
    ((text,),) = rows(database, OPEN, query)
    path = write(tmp_path, [{"name": "train_1_a_1", "finding": text.upper(), "steps": STEPS}])
    report = import_reasoning(database, path, "ct-rate")
    assert (report.new, report.all_faults) == (1, [])


def test_what_is_not_here_is_one_line_each_and_the_rest_comes_in(database: Database, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            {"name": "train_77_a_1.nii.gz", "finding": 0, "steps": STEPS},
            {"name": "train_1_a_1.nii.gz", "finding": 9, "steps": STEPS},
            {"name": "train_1_a_1.nii.gz", "finding": "nobody said this", "steps": STEPS},
            {"name": "../up", "finding": 0, "steps": STEPS},
            {"name": "train_1_a_1.nii.gz", "finding": 0, "steps": STEPS},
            {"name": "train_1_a_1.nii.gz", "finding": "0", "steps": STEPS},
            {"name": "train_1_a_1.nii.gz", "finding": 1, "steps": 7},
        ],
    )
    report = import_reasoning(database, path, "ct-rate")
    assert (report.new, len(report.all_faults)) == (1, 6)
    assert {one.severity for one in report.all_faults} == {Severity.LEFT_OUT}
    told = sorted(
        (one.kind.value, one.finding, one.message[:24]) for one in report.all_faults if one.finding is not None
    )
    assert [kind for kind, *_ in told] == ["unmatched_finding", "unmatched_finding", "wrong_type"]
    assert FaultKind.BAD_NAME in {one.kind for one in report.all_faults}
    assert rows(database, OPEN, "SELECT count(*) FROM {0}.fault") == [(6,)]


def test_chains_and_faults_of_a_hidden_scan_are_hidden(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, {"train_2_a_1.nii.gz": {"0": STEPS, "5": STEPS}})
    report = import_reasoning(database, path, "ct-rate")
    assert (report.new, [one.finding for one in report.all_faults]) == (1, [5])
    for table in ("reasoning", "reasoning_step", "fault"):
        assert rows(database, OPEN, f"SELECT count(*) FROM {{0}}.{table}") == [(0,)]
        assert rows(database, HIDDEN, f"SELECT count(*) FROM {{0}}.{table}") != [(0,)]
    again = import_reasoning(database, path, "ct-rate")
    assert (again.new, again.unchanged) == (0, 1)


def test_files_and_collections_that_are_not_there(database: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no collection 'other'"):
        import_reasoning(database, write(tmp_path, {}), "other")
    with pytest.raises(SourceError, match="cannot be read as JSON"):
        import_reasoning(database, tmp_path / "nothing.json", "ct-rate")
