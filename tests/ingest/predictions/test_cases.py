"""What a dataset's JSON file says of the cases that are scored."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.predictions.cases import ScoredCase, read_scored_cases
from schema.errors import SourceError


def read(tmp_path: Path, content: Any, split: str = "test") -> tuple[list[ScoredCase], list[str]]:
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    found = read_scored_cases(tmp_path / "dataset.json", split)
    return found.cases, [fault.file for fault in found.faults]


def test_a_case_is_the_file_of_its_mask(tmp_path: Path) -> None:
    entries = [{"seg_path": "x/b.nii.gz", "name": "c.nii.gz"}, {"seg_path": "a.nii.gz"}, {"seg_path": "y/b.nii.gz"}]
    cases, faults = read(tmp_path, {"test": entries})
    assert ([case.file for case in cases], faults) == (["a.nii.gz", "b.nii.gz"], [])


def test_names_serve_where_no_entry_has_a_path(tmp_path: Path) -> None:
    cases, _ = read(tmp_path, {"test": [{"name": "b.nii.gz"}, {"name": "a.nii.gz"}]})
    assert [case.file for case in cases] == ["a.nii.gz", "b.nii.gz"]
    cases, _ = read(tmp_path, {"test": [{"name": "b.nii.gz"}, {"name": "a.nii.gz", "seg_path": "a.nii.gz"}]})
    assert [case.file for case in cases] == ["a.nii.gz"]
    assert read_scored_cases(tmp_path / "dataset.json", "test").without_mask == ["b.nii.gz"]


def test_what_is_known_of_findings(tmp_path: Path) -> None:
    entry = {"name": "a.nii.gz", "categories": {"0": "2d", "1": "1a", "2": "12", "10": "9z"}}
    ((case,), _) = read(tmp_path, {"val": [{**entry, "protocol": "val"}]}, "val")
    assert [case.focal(n) for n in (0, 1, 2, 3, 10)] == [True, False, None, None, None]


@pytest.mark.parametrize(
    ("split", "protocol", "exhaustive"),
    [
        ("test", "test", True),
        ("test", None, True),
        ("val", None, True),
        ("train", "protocol1", False),
        ("train", None, False),
        ("test", "protocol2", False),
    ],
)
def test_masks_of_val_and_test_show_everything(
    tmp_path: Path, split: str, protocol: str | None, *, exhaustive: bool
) -> None:
    ((case,), _) = read(tmp_path, {split: [{"name": "a.nii.gz", "protocol": protocol}]}, split)
    assert case.exhaustive is exhaustive


@pytest.mark.parametrize(
    "entry",
    [
        *({}, 3, "a", {"name": ".."}, {"name": "a\\b"}),
        *({"name": "a", "categories": {"x": "1a"}}, {"name": "a", "categories": ["1a"]}),
    ],
)
def test_entries_that_cannot_be_used_are_named(tmp_path: Path, entry: Any) -> None:
    cases, faults = read(tmp_path, {"test": [{"name": "a.nii.gz"}, entry]})
    assert ([case.file for case in cases], faults) == (["a.nii.gz"], ["test 1"])


@pytest.mark.parametrize("content", ["[1]", "{", '{"test": 3}', "[" * 100_000])
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(SourceError, match=r"dataset\.json: "):
        read_scored_cases(tmp_path / "dataset.json", "test")
