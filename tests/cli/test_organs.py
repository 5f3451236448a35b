"""`groundct ingest organs`, as its users run it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ingest.nifti_files import encode_nifti, write_bytes
from ingest.phantoms import JSON_NAME, make_dataset

SCHEME = ("--scheme", "lungs")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, scans=2, seed=3, faults=False, second=False, shape=(56, 60, 58))
    return folder


@pytest.fixture(scope="module")
def home(open_command_line: Callable[..., AbstractContextManager[Any]], data: Path) -> Iterator[Any]:
    """A command line whose archive holds two scans."""
    with open_command_line() as command_line:
        command_line.read("ingest", "rexgroundingct", data / JSON_NAME, "--round", "r", "--no-embed", "--workers", 1)
        yield command_line


def write_lungs(folder: Path, data: Path, *, moved: bool) -> list[str]:
    """Lungs of both scans, the first elsewhere if so said; and of one that is not here."""
    names = []
    for n, path in enumerate(sorted((data / "volumes").rglob("*.nii.gz"))):
        names.append(path.name.removesuffix(".nii.gz"))
        volume = nib.load(path)
        affine = volume.affine + (np.eye(4, k=3) if moved and n == 0 else 0)
        lungs = (np.asarray(volume.dataobj) < -500).astype(np.uint8)
        write_bytes(folder / f"{names[-1]}_lungs.nii.gz", encode_nifti(lungs, affine))
    write_bytes(folder / "train_999_a_1.nii.gz", encode_nifti(lungs, affine))
    return names


def read(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_lungs_come_in_once_and_what_lies_elsewhere_is_named(home: Any, data: Path, tmp_path: Path) -> None:
    wrong, _ = write_lungs(tmp_path, data, moved=True)
    ingest = ("ingest", "organs", tmp_path, *SCHEME, "--workers", 1)
    planned, done, again = (home.run(*ingest, *more, "--json") for more in (["--dry-run"], [], []))
    assert [each.returncode for each in (planned, done, again)] == [1, 1, 1]
    none = {"new": 0, "unchanged": 0, "changed": 0, "left_out": 1, "unknown": 1}
    assert [read(each)["scans"] for each in (planned, done, again)] == [
        none | {"new": 1},
        none | {"new": 1},
        none | {"unchanged": 1},
    ]
    document = read(done)
    assert document.keys() == {"scheme", "dry_run", "scans", "unknown", "faults", "seconds"}
    assert (document["scheme"], document["unknown"]) == ("lungs", ["train_999_a_1"])
    (told,) = document["faults"]
    assert (told["kind"], told["severity"], told["scan"]) == ("frame_differs", "left_out", wrong)
    said = home.run(*ingest)
    assert said.returncode == 1
    first, second, last = said.stdout.splitlines()
    assert first.startswith(f"left_out  frame_differs  {wrong}: its affine puts it elsewhere")
    assert second == "1 scan not here: train_999_a_1"
    assert last.startswith("organs lungs: scans 0 new, 0 changed, 1 unchanged, 1 left out; 0 in; ")
    write_lungs(tmp_path, data, moved=False)
    assert home.run(*ingest).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--scheme", "own"), 2, "--scheme own: not one of lungs, totalsegmentator-v2; give its labels by --labels"),
        (("--scheme", "lungs", "--labels", "labels.json"), 2, "--scheme lungs has its own labels"),
        (("--scheme", "own", "--labels", "labels.json"), 2, "labels.json: label 1 has no name"),
        (("--scheme", "lungs", "--collection", "nobody"), 1, "there is no collection 'nobody'"),
        (("--scheme", "lungs"), 1, "there is no .nii.gz or .nii file below it"),
    ],
)
def test_wrong_use_is_one_line(home: Any, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    (tmp_path / "labels.json").write_text('{"1": ""}')
    (tmp_path / "empty").mkdir()
    given = [tmp_path / each if each.endswith(".json") else each for each in arguments]
    done = home.run("ingest", "organs", tmp_path / "empty", *given)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
