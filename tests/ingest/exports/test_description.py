"""What goes out says what it is: by Croissant's own library, by the schema of citation files, and by its digests."""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
import sqlalchemy as sa
import yaml

from ingest.exports.citation import citation_of
from ingest.exports.nnunet import export_nnunet
from ingest.exports.parquet import export_parquet
from ingest.exports.released import Publication, Released, read_released
from ingest.exports.rexgroundingct import export_rexgroundingct
from ingest.exports.terms import spdx_of, terms_of
from ingest.exports.training import export_training
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role

FORMS = ("rexgroundingct", "nnunet", "parquet", "training")
TABLES = {
    "rexgroundingct": {"counts"},
    "nnunet": set(),
    "parquet": {"scans", "findings", "entities"},
    "training": set(),
}
PUBLICATION = Publication("https://example.org/phantom", ("Ann Otator", "The phantom group"))


@pytest.fixture(scope="module")
def exported(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Released, Path]]:
    """A release with a hidden split in every form."""
    folder = tmp_path_factory.mktemp("described")
    make_dataset(folder / "data", scans=5, seed=5, faults=False, second=False, shape=(60, 60, 60))
    hide = frozenset({"test"})
    options = ImportOptions(
        folder / "data" / "dataset.json", "first", release="base", hide=hide, collection="phantom", workers=1
    )
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        with database.transaction(Role.OWNER) as session:
            session.execute(sa.text("UPDATE collection SET terms = 'CC BY-NC-SA 4.0' WHERE name = 'phantom'"))
        released = replace(read_released(database, "base"), publication=PUBLICATION)
        exports: dict[str, Any] = {
            "rexgroundingct": partial(export_rexgroundingct, released, arrays),
            "nnunet": partial(export_nnunet, released, arrays),
            "parquet": partial(export_parquet, database, released),
            "training": partial(export_training, released, arrays),
        }
        for form in FORMS:
            exports[form](folder / form, lambda _done, _total: None)
        yield released, folder


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # both are the library's own
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_croissant_is_what_its_library_reads(exported: tuple[Released, Path], form: str) -> None:
    released, folder = exported
    dataset = mlcroissant.Dataset(jsonld=folder / form / "croissant.json")
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not [each for each in issues.warnings if "version" not in each.lower()]  # ours is a name
    assert {each.id for each in dataset.metadata.record_sets} == {"splits", *TABLES[form]}
    told = {
        row["splits/name"]: (row["splits/scans"], row["splits/findings"], row["splits/hidden"])
        for row in dataset.records("splits")
    }
    scans = Counter(scan.split for scan in released.scans)
    findings = Counter(dict.fromkeys(scans, 0))
    for scan in released.scans:
        findings[scan.split] += len(scan.findings)
    assert told == {split: (scans[split], findings[split], split == "test") for split in scans}
    for table in TABLES[form]:
        assert len(list(dataset.records(table))) > 0


@pytest.mark.parametrize("form", FORMS)
def test_files_are_named_with_their_digests(exported: tuple[Released, Path], form: str) -> None:
    released, folder = exported
    document = json.loads((folder / form / "croissant.json").read_text())
    described = {each["@id"]: each for each in document["distribution"]}
    there = {path.name for path in (folder / form).iterdir()} - {"croissant.json", "CITATION.cff", "groundct.json"}
    assert set(described) == there
    for name, each in described.items():
        path = folder / form / name
        if path.is_file():
            assert each["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            assert set((folder / form).glob(each["includes"])) == set(path.iterdir())
    assert [each["value"] for each in document["identifier"]] == [
        f"sha256:{released.digest}",
        f"sha256:{released.storage_digest}",
    ]
    assert document["license"] == ["https://spdx.org/licenses/CC-BY-NC-SA-4.0.html"]
    assert document["url"] == PUBLICATION.url


@pytest.mark.parametrize("form", FORMS)
def test_the_citation_is_of_its_schema(exported: tuple[Released, Path], form: str) -> None:
    released, folder = exported
    path = folder / form / "CITATION.cff"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format", path]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    said = yaml.safe_load(path.read_text())
    assert said["authors"] == [{"name": name} for name in PUBLICATION.creators]
    assert (said["version"], said["license"], said["type"]) == ("base", "CC-BY-NC-SA-4.0", "dataset")
    assert f"sha256:{released.digest}" in {each["value"] for each in said["identifiers"]}
    hidden = sum(scan.hidden for scan in released.scans)
    assert f"test {hidden} (hidden)" in said["abstract"]


def test_what_is_not_known_is_not_said(exported: tuple[Released, Path]) -> None:
    released = replace(exported[0], terms=terms_of(["ask us", None]), publication=Publication())
    said = citation_of(released)
    assert not {"license", "url"} & set(said)
    assert said["authors"] == [{"name": "The makers of phantom base"}]
    assert "ask us" in said["message"]
    partly = replace(released, terms=terms_of(["CC0-1.0", None]))
    assert "license" not in citation_of(partly)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa-3.0", "CC-BY-NC-SA-3.0"),
        ("CC0-1.0", "CC0-1.0"),
        ("apache-2.0", "Apache-2.0"),
        ("CC BY 4.0, but ask first", None),
        ("CC BY 9.0", None),
        ("CT-RATE data use agreement", None),
    ],
)
def test_licences_that_are_known_by_name(text: str, code: str | None) -> None:
    assert spdx_of(text) == code
