"""The real reports, all of them, by rules: read in time, killed in the middle, and the same rows in the end."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from migrations.ready import ready_database
from schema.settings import Settings

FILE = Path("ct_rate_reports") / "validation_reports_with_volumes.csv.gz"
ROWS = {
    "rewritten": "SELECT s.name, w.position, w.region::text, w.text FROM reading r JOIN rewritten_sentence w"
    " ON w.reading_id = r.id",
    "observed": "SELECT s.name, o.position, o.phrase, o.present, o.category_code FROM reading r JOIN observation o"
    " ON o.reading_id = r.id",
    "described": "SELECT s.name, o.position, d.kind::text, d.value, d.start_char, d.end_char FROM reading r"
    " JOIN observation o ON o.reading_id = r.id JOIN descriptor d ON d.observation_id = o.id",
    "accounts": "SELECT s.name, t.section::text, t.start_char, a.use::text, a.reason::text FROM reading r"
    " JOIN sentence_account a ON a.reading_id = r.id JOIN sentence t ON t.id = a.sentence_id",
    "losses": "SELECT s.name, l.kind::text, l.what, l.repaired FROM reading r JOIN loss l ON l.reading_id = r.id",
}
OF_STUDY = " JOIN report p ON p.id = r.report_id JOIN study s ON s.id = p.study_id WHERE r.is_latest"


def count(home: Any, query: str) -> int:
    with ready_database(Settings(home=home.home)) as database, database.transaction() as session:
        return int(session.execute(sa.text(query)).scalar_one())


def rows(home: Any) -> dict[str, list[tuple[Any, ...]]]:
    with ready_database(Settings(home=home.home)) as database, database.transaction() as session:
        found = {name: session.execute(sa.text(query + OF_STUDY)) for name, query in ROWS.items()}
        return {name: sorted(map(tuple, each), key=repr) for name, each in found.items()}


@pytest.mark.soak
def test_all_of_them_are_read_and_a_kill_changes_nothing(
    open_command_line: Callable[..., AbstractContextManager[Any]], shared_data: Path
) -> None:
    if not (shared_data / FILE).is_file():
        pytest.skip("the real reports are not here")
    with open_command_line() as whole, open_command_line() as killed:
        for home in (whole, killed):
            home.read("ingest", "reports", shared_data / FILE, "--translated")
        running = whole.start("reports", "process", "--json")
        out, _ = running.communicate(timeout=900)
        assert running.returncode == 0
        done = json.loads(out)
        assert done["reports"] == {"read": 1564, "unchanged": 0, "failed": 0}
        assert done["losses"]["sentence"]["lost"] == 0
        assert done["sentences"]["flagged"] <= 0.05 * done["sentences"]["total"]
        query = "SELECT count(*) FROM sentence WHERE section IN ('findings', 'impression')"
        assert (
            done["sentences"]["total"] == count(whole, query) == count(whole, "SELECT count(*) FROM sentence_account")
        )

        running = killed.start("reports", "process", "--json")
        while count(killed, "SELECT count(*) FROM reading") < 300:
            time.sleep(0.5)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        assert 0 < count(killed, "SELECT count(*) FROM reading") < 1564
        running = killed.start("reports", "process", "--json")
        out, _ = running.communicate(timeout=900)
        again = json.loads(out)["reports"]
        assert again["read"] + again["unchanged"] == 1564
        assert again["unchanged"] >= 300
        assert rows(killed) == rows(whole)
