"""Cohorts on the command line: drawn once, shown, compared, written for others, and accepted elsewhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingest.phantoms import JSON_NAME, make_dataset


@pytest.fixture(scope="module")
def home(
    open_command_line: Callable[..., AbstractContextManager[Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A command line whose archive holds the release `all` of some scans."""
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, scans=6, seed=3, faults=False, second=False, shape=(56, 60, 58))
    with open_command_line() as command_line:
        ingest = ("ingest", "rexgroundingct", folder / JSON_NAME, "--round", "r", "--release", "all")
        command_line.read(*ingest, "--no-embed", "--workers", 1)
        yield command_line


def test_a_cohort_is_drawn_once_and_never_changed(home: Any) -> None:
    asked = ("cohort", "create", "three", "--patients", 3, "--strata", "category_code", "--release", "all")
    planned, made = home.read(*asked, "--dry-run"), home.read(*asked)
    assert planned == made | {"dry_run": True}
    assert made["patients"] == 3
    again = home.run(*asked)
    assert again.returncode != 0
    assert "choose another name" in again.stderr
    shown = home.read("cohort", "show", "three")
    assert len(shown["members"]) == shown["findings"] == made["findings"]
    assert shown["selection"]["patients"] == 3
    assert [each["name"] for each in home.read("cohort", "list") if each["digest"] == made["digest"]] == ["three"]


def test_what_it_holds_is_asked_for_by_its_name(home: Any) -> None:
    made = home.read("cohort", "create", "bilateral", "--where", json.dumps({"not": {"side": "MIDLINE"}}))
    query = """{ findings(where: {cohort: "bilateral"}) { totalCount }
        scans(where: {cohort: "bilateral"}) { totalCount }
        cohort(name: "bilateral") { digest findingCount findings { totalCount } } cohorts { totalCount } }"""
    data = json.loads(home.run("query", query).stdout)["data"]
    assert data["cohort"] == {
        "digest": made["digest"],
        "findingCount": made["findings"],
        "findings": {"totalCount": made["findings"]},
    }
    assert data["findings"]["totalCount"] == made["findings"]
    assert data["scans"]["totalCount"] == made["scans"]
    found = home.read("search", "nodule opacity", "--mode", "lexical", "--cohort", "bilateral", "-n", 100)["results"]
    assert {each["scan"] for each in found} <= {
        each["scan"] for each in home.read("cohort", "show", "bilateral")["members"]
    }


def test_differences_are_named(home: Any) -> None:
    for name, patients in (("one", 1), ("two", 2)):
        home.read("cohort", "create", name, "--patients", patients)
    done = home.run("cohort", "diff", "one", "two", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["only_a"] == []
    assert found["only_b"]
    assert home.run("cohort", "diff", "one", "one").returncode == 0


def test_it_goes_out_for_evaluators_and_for_nnunet(home: Any, tmp_path: Path) -> None:
    made = home.read("cohort", "create", "four", "--patients", 4, "--release", "all")
    cases, splits = tmp_path / "dataset.json", tmp_path / "splits_final.json"
    assert home.run("cohort", "export", "four", "--as", "evaluator", "--out", cases).returncode == 0
    written = json.loads(cases.read_text())["val"]
    assert len(written) == made["scans"]
    assert all(list(case["findings"]) == [str(n) for n in range(len(case["findings"]))] for case in written)
    assert home.run("cohort", "export", "four", "--as", "nnunet", "--folds", 2, "--out", splits).returncode == 0
    folds = json.loads(splits.read_text())
    assert [set(fold) for fold in folds] == [{"train", "val"}] * 2
    assert sorted(scan for fold in folds for scan in fold["val"]) == sorted(
        case["name"].removesuffix(".nii.gz") for case in written
    )
    assert list(tmp_path.iterdir()) == sorted([cases, splits])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "x", "--where", "{"], "give a JSON object"),
        (["create", "x", "--where", '{"colour": "red"}'], "colour"),
        (["create", "x", "--where", '{"text": "nothing of this kind"}'], "nothing to keep"),
        (["create", "x", "--split", "train"], "name the release"),
        (["show", "nobody"], "there is no cohort"),
        (["export", "nobody", "--as", "nnunet", "--out", "x.json"], "there is no cohort"),
    ],
)
def test_mistakes_are_told_in_one_line(home: Any, arguments: list[str], said: str) -> None:
    done = home.run("cohort", *arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_database_refuses_to_change_one(home: Any) -> None:
    home.read("cohort", "create", "fixed", "--patients", 1)
    with home.server.lease() as address, psycopg.connect(address.url("groundct_api")) as connection:
        key = "(SELECT id FROM cohort WHERE name = 'fixed')"
        for statement in (
            f"INSERT INTO cohort_member SELECT {key}, finding_id, id FROM finding_revision WHERE finding_id NOT IN "
            f"(SELECT finding_id FROM cohort_member WHERE cohort_id = {key})",
            "UPDATE cohort SET seed = 1 WHERE name = 'fixed'",
            f"DELETE FROM cohort_member WHERE cohort_id = {key}",
        ):
            with pytest.raises(psycopg.Error, match=r"frozen|permission denied"):
                connection.execute(statement.encode())
            connection.rollback()
