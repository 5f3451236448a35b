"""What is drawn for a hidden split goes out when the owner says so, and comes back where nobody else sees it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from ingest.rounds.differing import compare_rounds
from ingest.rounds.pictures import draw_changes
from schema.base import hideable_tables
from schema.database import Database
from schema.errors import SettingsError, SourceError
from schema.integrity import verify
from tests.ingest.rounds.campaigns import Desk, desk_of, drawn, labels_at, path_of, rows_of, save_labels, set_rows


@pytest.fixture(scope="module")
def desk(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """An archive that hides its validation split, and a round over all of it."""
    with desk_of(new_database, tmp_path_factory.mktemp("hidden"), hide=frozenset({"val"})) as desk:
        desk.add_people("ann", "bob")
        desk.open("again", protocol="protocol1")
        yield desk


def test_out_and_back(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="stand in a hidden split; say --with-hidden"):
        desk.hand_out("again", "ann")
    nobody = replace(desk, database=replace(desk.database, owner_url=None))
    with pytest.raises(SettingsError, match="GROUNDCT_OWNER_URL"):
        nobody.hand_out("again", "ann", with_hidden=True)

    seen = counts(desk)
    out = desk.hand_out("again", "ann", with_hidden=True).out
    hidden = dict(desk.rows("SELECT name, scan_is_hidden(id) FROM scan"))
    rows = rows_of(out)
    assert {hidden[row.scan] for row in rows} == {True, False}
    assert all(labels_at(path_of(out, row)).any() for row in rows)
    correct(out)
    with pytest.raises(SettingsError, match="GROUNDCT_OWNER_URL"):
        nobody.take_back(out, "again")
    report = desk.take_back(out, "again")
    assert report.counts["new"] == len(rows)
    for row in rows:
        there, elsewhere = ("hidden", "open") if hidden[row.scan] else ("open", "hidden")
        assert [one[1] for one in drawn(desk, row, "again", "ann", there)] == ["submitted"]
        assert drawn(desk, row, "again", "ann", elsewhere) == []
    assert desk.take_back(out, "again").counts["unchanged"] == len(rows)

    open_findings = sum(not hidden[row.scan] for row in rows)
    now = counts(desk)
    assert now["annotation"] - seen["annotation"] == now["handout"] - seen["handout"] == open_findings
    assert verify(desk.database, desk.arrays, lambda _n, _m: None).problems == ()
    areas = {entry.area for entry in desk.arrays.iter_arrays()}
    assert areas == {"volumes", "labels", "hidden"}
    unseen = desk.rows("SELECT labels_digest FROM hidden.annotation")
    digests = {
        digest for entry in desk.arrays.iter_arrays() if entry.area == "labels" for digest in leaves(desk, entry)
    }
    assert not digests & {digest for (digest,) in unseen}


def correct(out: Path) -> None:
    """Take a voxel out of every finding, and submit it."""
    for row in rows_of(out):
        labels = labels_at(path_of(out, row)).copy()
        labels[tuple(np.argwhere(labels)[0])] = 0
        save_labels(path_of(out, row), labels)
    set_rows(out, lambda row: replace(row, status="submitted"))


def test_a_picture_of_changes_keeps_their_words(desk: Desk) -> None:
    desk.open("third")
    out = desk.hand_out("third", "bob", with_hidden=True).out
    correct(out)
    assert desk.take_back(out, "third").counts["new"]
    for schema in ("open", "hidden"):
        desk.execute(f"UPDATE {schema}.annotation SET state = 'accepted' WHERE state = 'submitted'")
    told = compare_rounds(desk.database, desk.arrays, "first", "third")
    assert told.redrawn
    assert not any(each.hidden for each in told.redrawn)
    told = compare_rounds(desk.database, desk.arrays, "first", "third", with_hidden=True)
    panels = draw_changes(desk.database, desk.arrays, told, most=len(told.redrawn))
    hidden = dict(desk.rows("SELECT name, scan_is_hidden(id) FROM scan"))
    words = {text for (text,) in desk.rows("SELECT text FROM finding_revision")}
    assert len(panels) == len(told.redrawn)
    for panel in panels:
        assert (panel.lines[3] == "(hidden split)") == hidden[panel.lines[0].split()[0]]
        assert panel.lines[3] == "(hidden split)" or any(text.startswith(panel.lines[3][:10]) for text in words)


def leaves(desk: Desk, entry: object) -> list[str]:
    return desk.arrays.finding_digests(entry.digest, "labels")  # type: ignore[attr-defined]


def counts(desk: Desk) -> dict[str, int]:
    """Rows that everybody may see."""
    with desk.database.engine().connect() as connection:
        return {
            table.name: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in hideable_tables()
        }
