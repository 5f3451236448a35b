"""A cohort goes out as it holds now: whole scans, the latest words, what is accepted; hidden splits as words alone."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import sqlalchemy as sa

from ingest.exports.cohort import read_cohort
from ingest.exports.folder import ABOUT
from ingest.exports.nnunet import export_nnunet
from ingest.exports.rexgroundingct import export_rexgroundingct
from ingest.exports.training import export_training
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import NotFound, SettingsError, SourceError
from schema.postgres.address import Address
from schema.queries.cohorts import CohortPlan, draw, freeze
from tests.api.archive import copied_database

Archive = tuple[Database, ArrayStore]
NUMBERS = count()


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    """An archive with a hidden split, a cohort of all, and one of a single finding of a scan with several."""
    folder = tmp_path_factory.mktemp("cohorts")
    make_dataset(folder / "data", scans=6, seed=5, faults=False, second=False, shape=(60, 60, 60))
    hide = frozenset({"test"})
    options = ImportOptions(
        folder / "data" / "dataset.json", "first", release="base", hide=hide, collection="phantom", workers=1
    )
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        with database.transaction() as session:
            plan = CohortPlan()
            everything = draw(session, plan)
            several = next(each for each in everything if sum(other.scan == each.scan for other in everything) > 1)
            freeze(session, "all", everything, plan, {})
            freeze(session, "one", [several], plan, {})
        yield database, arrays


@pytest.fixture
def archive(imported: Archive, server: Address) -> Iterator[Archive]:
    database, arrays = imported
    database.dispose()
    assert database.owner_url is not None
    with copied_database(server, database.owner_url.database or "", f"cohorts_{next(NUMBERS)}") as copy:
        yield copy, arrays


def quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def execute(database: Database, statement: str) -> None:
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text(statement))


def test_whole_scans_with_what_is_accepted(archive: Archive, tmp_path: Path) -> None:
    database, arrays = archive
    released = read_cohort(database, "one")
    (scan,) = released.scans
    assert len(scan.findings) > 1
    assert released.name is released.kind is released.digest is None
    export_rexgroundingct(released, arrays, tmp_path / "one", quiet)
    document = json.loads((tmp_path / "one" / "dataset.json").read_text())
    (case,) = document["train"]
    assert not document["val"]
    assert not document["test"]
    mask = np.asarray(nib.load(tmp_path / "one" / "segmentations" / case["name"]).dataobj)
    assert [np.count_nonzero(each) for each in mask] == list(case["pixels"].values())
    assert [len(np.unique(each)) - 1 for each in mask] == list(case["entity_counts"].values())


def test_it_says_that_it_is_no_release(archive: Archive, tmp_path: Path) -> None:
    database, arrays = archive
    export_training(read_cohort(database, "one"), arrays, tmp_path / "one", quiet)
    about = json.loads((tmp_path / "one" / ABOUT).read_text())
    assert (about["release"], about["digest"], about["cohort"], about["complete"]) == (None, None, "one", True)
    assert {path.name for path in (tmp_path / "one").iterdir()} == {ABOUT, "findings.jsonl"}


def test_the_latest_words_and_what_is_accepted_count(archive: Archive) -> None:
    database, _ = archive
    before = read_cohort(database, "one")
    rejected, *kept = before.scans[0].findings
    execute(database, f"UPDATE open.annotation SET state = 'rejected' WHERE finding_id = '{rejected.id}'")
    execute(
        database,
        "INSERT INTO finding_revision (id, finding_id, revision, is_latest, text, present, source) "
        f"VALUES (gen_random_uuid(), '{kept[0].id}', 2, true, 'said anew', true, 'person')",
    )
    after = read_cohort(database, "one")
    assert [(each.id, each.index) for each in after.scans[0].findings] == [(each.id, n) for n, each in enumerate(kept)]
    assert after.scans[0].findings[0].text == "said anew"
    assert after.content_digest() != before.content_digest()


def test_an_export_goes_on_only_with_what_it_began_with(archive: Archive, tmp_path: Path) -> None:
    database, arrays = archive
    export_rexgroundingct(read_cohort(database, "one"), arrays, tmp_path / "one", quiet)
    export_rexgroundingct(read_cohort(database, "one"), arrays, tmp_path / "one", quiet)
    execute(database, "UPDATE open.annotation SET state = 'rejected'")
    with pytest.raises(SourceError, match="another export"):
        export_rexgroundingct(read_cohort(database, "one"), arrays, tmp_path / "one", quiet)
    with pytest.raises(SourceError, match="cohort one has no scan with a volume"):
        export_nnunet(read_cohort(database, "one"), arrays, tmp_path / "two", quiet)


def test_hidden_splits_go_out_as_words_alone(archive: Archive) -> None:
    database, _ = archive
    found: dict[bool, Any] = {}
    for with_hidden in (False, True):
        scans = read_cohort(database, "all", with_hidden=with_hidden).scans
        assert {scan.hidden for scan in scans} == {True, False}
        found[with_hidden] = {scan.name for scan in scans if scan.hidden and scan.drawn}
        assert all(scan.drawn for scan in scans if not scan.hidden)
    assert found[True]
    assert not found[False]
    nobody = Database(database.url, None, embedded=True)
    with pytest.raises(SettingsError, match="GROUNDCT_OWNER_URL"):
        read_cohort(nobody, "all", with_hidden=True)


def test_an_unknown_cohort(archive: Archive) -> None:
    with pytest.raises(NotFound, match="no cohort 'none'; there is: all, one"):
        read_cohort(archive[0], "none")
