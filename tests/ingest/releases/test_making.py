"""A release is made whole, guarded and frozen; whatever changes in it is named, and its name is never used again."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.releases.comparing import compare_releases
from ingest.releases.guard import NEAR
from ingest.releases.making import LeakRefused, ReleaseOptions, make_release
from ingest.releases.verifying import VerifiedRelease, verify_release
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.base import API_ROLE
from schema.database import Database, Role
from schema.errors import NotFound, SourceError
from schema.postgres.address import SUPERUSER, Address
from tests.api.archive import copied_database

Imported = tuple[Database, ArrayStore]
NUMBERS = count()
SCANS = 6
WORDS = "Nodule in the right upper lobe measuring nine millimetres without change against the earlier examination. "


@pytest.fixture(scope="module")
def imported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Imported]:
    folder = tmp_path_factory.mktemp("made")
    make_dataset(folder / "data", scans=SCANS, seed=3, faults=False, second=False, shape=(60, 60, 60))
    options = ImportOptions(folder / "data" / "dataset.json", "first", release="base", collection="phantom", workers=1)
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        yield database, arrays


@pytest.fixture
def archive(imported: Imported, server: Address) -> Iterator[Imported]:
    """A copy of the imported archive."""
    database, arrays = imported
    database.dispose()
    with copied_database(server, name_of(database), f"made_{next(NUMBERS)}") as copy:
        yield copy, arrays


def name_of(database: Database) -> str:
    assert database.owner_url is not None
    return database.owner_url.database or ""


def split(database: Database, *splits: str) -> dict[str, list[str]]:
    """The archive's scans, dealt out patient by patient."""
    scans = "SELECT scan.name, patient_id FROM scan JOIN study ON study.id = study_id ORDER BY scan.name"
    names: dict[int, list[str]] = {}
    for name, patient in all_rows(database, scans):
        names.setdefault(patient, []).append(name)
    dealt: dict[str, list[str]] = {each: [] for each in splits}
    for number, scans_of_one in enumerate(names.values()):
        dealt[splits[number % len(splits)]] += scans_of_one
    return dealt


@pytest.fixture
def like_base(tmp_path: Path) -> ReleaseOptions:
    """As the published release, whose patients stand in two splits."""
    waivers = tmp_path / "waivers.json"
    waivers.write_text(json.dumps([{"kind": "patient", "one": "*", "other": "*", "reason": "as published"}]))
    return ReleaseOptions("made", like="base", waivers=waivers, collection="phantom")


def all_rows(database: Database, query: str) -> list[Any]:
    with database.engine(Role.OWNER).connect() as connection:
        return list(connection.execute(sa.text(query)))


def change(database: Database, server: Address, statement: str) -> None:
    """Change rows behind the back of every trigger, as an owner with time on his hands could."""
    with server.connect(SUPERUSER, name_of(database)) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement.encode())


def check(archive: Imported, name: str) -> VerifiedRelease:
    return verify_release(*archive, name, lambda _done, _total: None)


def test_like_a_published_one_it_says_the_same(archive: Imported, like_base: ReleaseOptions) -> None:
    database, _ = archive
    report = make_release(*archive, like_base)
    assert (report.scans, report.undrawn) == (SCANS, [])
    published = all_rows(database, "SELECT digest, storage_digest FROM release WHERE name = 'base'")
    assert [(report.digest, report.storage_digest)] == published
    with database.transaction() as session:
        assert list(compare_releases(session, "base", "made").changelog()) == ["# base -> made", "nothing differs"]
    assert check(archive, "made") == VerifiedRelease(check(archive, "base").arrays, 0, ())


def test_a_dry_run_makes_nothing(archive: Imported, like_base: ReleaseOptions) -> None:
    made = make_release(*archive, like_base, dry_run=True)
    assert made.digest
    with pytest.raises(NotFound):
        check(archive, "made")


def test_a_name_is_used_once(archive: Imported) -> None:
    with pytest.raises(SourceError, match="already"):
        make_release(*archive, ReleaseOptions("base", like="base", collection="phantom"))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "finding_revision SET text = text || '.' WHERE id = (SELECT revision_id FROM release_finding LIMIT 1)",
            "text",
        ),
        ("release_scan SET split = 'x' WHERE release_id = 2 AND scan_id = (SELECT min(id::text)::uuid FROM scan)", "x"),
        (
            "open.annotation SET labels_digest = repeat('0', 64) "
            "WHERE id = (SELECT annotation_id FROM open.release_annotation LIMIT 1)",
            "0",
        ),
        ("volume SET affine_ras[4] = affine_ras[4] + 1 WHERE scan_id = (SELECT scan_id FROM volume LIMIT 1)", "affine"),
    ],
)
def test_an_owners_change_is_named(
    archive: Imported, server: Address, like_base: ReleaseOptions, statement: str, named: str
) -> None:
    make_release(*archive, like_base)
    change(archive[0], server, f"UPDATE {statement}")
    problems = check(archive, "made").problems
    assert len(problems) == 2
    assert named in problems[0]
    assert "no longer as it was" in problems[1]


FROZEN = (
    *("release", "release_split", "release_scan", "release_finding", "open.release_annotation", "release_leaf"),
    *("finding", "finding_revision", "open.entity", "open.label_array", "volume", "scan", "category", "ontology"),
)


@pytest.mark.parametrize("table", FROZEN)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_the_api_changes_nothing_of_it(imported: Imported, server: Address, table: str, verb: str) -> None:
    database, _ = imported
    first = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum = 2"
    ((column,),) = all_rows(database, first)
    statement = f"UPDATE {table} SET {column} = {column}" if verb == "UPDATE" else f"DELETE FROM {table}"
    with (
        server.connect(API_ROLE, name_of(database)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_splits_of_a_file_and_a_hidden_one(archive: Imported, tmp_path: Path) -> None:
    database, arrays = archive
    dealt = split(database, "train", "test")
    (tmp_path / "splits.json").write_text(json.dumps(dealt))
    options = ReleaseOptions("made", splits=tmp_path / "splits.json", hide=frozenset({"test"}), collection="phantom")
    report = make_release(database, arrays, options)
    assert check(archive, "made").problems == ()
    named = "SELECT count(*) FROM {}.release_annotation JOIN release ON id = release_id WHERE name = 'made'"
    ((shown,),), ((hidden,),) = (all_rows(database, named.format(schema)) for schema in ("open", "hidden"))
    assert shown + hidden == report.annotations
    assert hidden > 0
    (tmp_path / "open.json").write_text(json.dumps({"all": dealt["train"] + dealt["test"]}))
    with pytest.raises(SourceError, match="hidden split of another release"):
        make_release(database, arrays, ReleaseOptions("open", splits=tmp_path / "open.json", collection="phantom"))


FIRST_OF_SEVERAL = """
SELECT min(id::text)::uuid FROM open.annotation
WHERE scan_id = (SELECT scan_id FROM open.annotation GROUP BY scan_id HAVING count(*) > 1 ORDER BY 1 LIMIT 1)
"""
LEAKS = {
    "patient": "UPDATE study SET patient_id = (SELECT min(patient_id) FROM study)",
    "volume": "UPDATE volume SET digest = (SELECT min(digest) FROM volume)",
    "report": f"UPDATE report SET language = 'en', findings = '{WORDS}'",
}


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_is_refused_and_may_be_waived(archive: Imported, server: Address, tmp_path: Path, kind: str) -> None:
    database, _ = archive
    dealt = {name: scans[:1] for name, scans in split(database, "train", "val").items()}
    one, other = sorted([*dealt["train"], *dealt["val"]])
    change(database, server, LEAKS[kind])
    splits, waivers = tmp_path / "splits.json", tmp_path / "waive.json"
    splits.write_text(json.dumps(dealt))
    with pytest.raises(LeakRefused, match=f"{kind}: {one} and {other}") as refused:
        make_release(*archive, ReleaseOptions("made", splits=splits, collection="phantom"))
    assert [(leak.kind, leak.one, leak.other) for leak in refused.value.leaks] == [(kind, one, other)]
    waived = [{"kind": kind, "one": other, "other": one, "reason": "it is a phantom"}]
    other_kind = next(each for each in LEAKS if each != kind)
    waivers.write_text(json.dumps([*waived, {"kind": other_kind, "one": "*", "other": "*", "reason": "unused"}]))
    report = make_release(*archive, ReleaseOptions("made", splits=splits, waivers=waivers, collection="phantom"))
    assert len(report.waived) == len(report.unused_waivers) == 1
    assert all_rows(database, "SELECT kind::text, one, other, reason FROM release_waiver") == [
        (kind, other, one, "it is a phantom")
    ]


def test_reports_that_nearly_say_the_same_are_listed(archive: Imported, server: Address, tmp_path: Path) -> None:
    database, _ = archive
    dealt = {name: scans[:1] for name, scans in split(database, "train", "val").items()}
    (tmp_path / "splits.json").write_text(json.dumps(dealt))
    long = "(SELECT string_agg('word' || n, ' ') FROM generate_series(1, 200) AS n)"
    change(database, server, f"UPDATE report SET language = 'en', findings = {long} || ' of study ' || id")
    report = make_release(*archive, ReleaseOptions("made", splits=tmp_path / "splits.json", collection="phantom"))
    (near,) = report.near_reports
    assert {near.one, near.other} == {*dealt["train"], *dealt["val"]}
    assert NEAR <= near.alike < 1


def test_what_changed_between_two_releases(archive: Imported, server: Address, tmp_path: Path) -> None:
    database, _ = archive
    dealt = split(database, "train", "val")
    now = {**dict.fromkeys(dealt["val"], "train"), **dict.fromkeys(dealt["train"], "val")}
    (tmp_path / "splits.csv").write_text("scan,split\n" + "".join(f"{scan},{each}\n" for scan, each in now.items()))
    change(database, server, f"UPDATE open.annotation SET state = 'rejected' WHERE id = ({FIRST_OF_SEVERAL})")
    make_release(*archive, ReleaseOptions("made", splits=tmp_path / "splits.csv", collection="phantom"))
    with database.transaction() as session:
        found = compare_releases(session, "base", "made")
    splits = dict(
        all_rows(database, "SELECT name, split FROM release_scan JOIN scan ON id = scan_id WHERE release_id = 1")
    )
    assert {change.scan: (change.before, change.after) for change in found.moved} == {
        name: (splits[name], now[name]) for name in splits if splits[name] != now[name]
    }
    assert len(found.findings_removed) == 1
    assert any(line.startswith("findings removed: 1") for line in found.changelog())
    assert (found.findings_added, found.reworded, found.recategorised, found.redrawn) == ((), (), (), ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ('{"train": 1}', "should be a list"),
        ('{"train": ["train_1_a_1"], "val": ["train_1_a_1.nii.gz"]}', "stands in train and in val"),
        ("scan,part\n", "needs the columns scan and split"),
        ("scan,split\ntrain_1_a_1,\n", "line 2"),
        ('{"train": ["train_9_a_9"]}', "not in the archive"),
        ("{}", "nothing to release"),
    ],
)
def test_a_file_of_splits_that_cannot_be_used(archive: Imported, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "splits").write_text(content)
    with pytest.raises((SourceError, NotFound), match=message):
        make_release(*archive, ReleaseOptions("made", splits=tmp_path / "splits", collection="phantom"))
    assert all_rows(archive[0], "SELECT name FROM release") == [("base",)]
