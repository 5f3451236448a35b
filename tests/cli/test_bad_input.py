"""Files that are wrong, through the command line: each gives one line that names it and the fix; the rest comes in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from ingest.cases import read_case_file
from ingest.faults import RULES
from ingest.nifti_files import encode_nifti
from ingest.phantoms import PhantomScan, make_scan, write_bad_json
from schema.errors import SourceError
from schema.import_run import FaultKind

SMALL = (52, 52, 52)
ASKEW = ("2c", "1c", "2d", "2c", "1c")
"""Findings whose places in a turned mask look like nothing that they may be."""
Entry = dict[str, Any]


@dataclass
class Draft:
    """A case that is about to be written, to be spoiled before."""

    scan: PhantomScan
    entry: Entry = field(init=False)
    mask: Any = field(init=False)
    volume: Any = field(init=False)

    def __post_init__(self) -> None:
        self.entry, self.mask, self.volume = self.scan.entry(), self.scan.mask(), self.scan.volume

    def spoil_mask(self, value: float, dtype: str) -> None:
        self.mask = self.mask.astype(dtype)
        self.mask[tuple(np.argwhere(self.mask)[0])] = value

    def file(self, kind: str) -> bytes:
        """The bytes of the mask or the volume as they would be written."""
        return encode_nifti(self.mask) if kind == "mask" else encode_nifti(self.volume, self.scan.affine_ras)


def with_nul(draft: Draft) -> None:
    draft.entry["findings"]["1"] += "\0"


def with_surrogate(draft: Draft) -> None:
    draft.entry["findings"]["1"] += "\ud800"


def with_wrong_checksum(draft: Draft) -> None:
    content = bytearray(draft.file("mask"))
    content[-8] ^= 1
    draft.mask = bytes(content)


def with_rgb(draft: Draft) -> None:
    colours = np.zeros(draft.mask.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    draft.mask = gzip.compress(nibabel.Nifti1Image(colours, np.eye(4)).to_bytes())


def with_flat_affine(draft: Draft) -> None:
    draft.volume = encode_nifti(draft.volume, np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))


def with_one_finding(draft: Draft) -> None:
    for key in ("findings", "entity_counts", "pixels", "categories"):
        draft.entry[key] = {"0": draft.entry[key]["0"]}
    draft.mask = draft.mask[0]


def put(name: str, value: Any) -> Callable[[Draft], None]:
    """Set an attribute of the draft to what a function makes of it."""
    return lambda draft: setattr(draft, name, value(draft) if callable(value) else value)


def say(key: str, value: Any) -> Callable[[Draft], None]:
    """Set a key of the case."""
    return lambda draft: draft.entry.__setitem__(key, value)


def count(key: str, value: Any) -> Callable[[Draft], None]:
    """Declare something else for finding 0."""
    return lambda draft: draft.entry[key].__setitem__("0", value)


SPOILT: dict[str, tuple[FaultKind | None, str, Callable[[Draft], None]]] = {
    "a sound case": (None, "", lambda _draft: None),
    "a 3D mask for one finding": (None, "", with_one_finding),
    "a 5D mask": (None, "", put("mask", lambda d: d.mask[..., None])),
    "a 4D volume": (None, "", put("volume", lambda d: d.volume[..., None])),
    "a mask that ends too early": (FaultKind.UNREADABLE_FILE, "mask", put("mask", lambda d: d.file("mask")[:999])),
    "a mask with a wrong checksum": (FaultKind.UNREADABLE_FILE, "mask", with_wrong_checksum),
    "an empty mask file": (FaultKind.UNREADABLE_FILE, "mask", put("mask", b"")),
    "a mask that is a text": (FaultKind.NOT_NIFTI, "mask", put("mask", b"this is not an image\n" * 99)),
    "a mask that is a gzipped text": (FaultKind.NOT_NIFTI, "mask", put("mask", gzip.compress(b"not an image" * 99))),
    "a mask that is a folder": (FaultKind.UNREADABLE_FILE, "mask", put("mask", "folder")),
    "a mask in colours": (FaultKind.NOT_NIFTI, "mask", with_rgb),
    "a missing mask": (FaultKind.MISSING_MASK, "mask", put("mask", None)),
    "a mask with NaN": (FaultKind.NOT_FINITE, "mask", lambda d: d.spoil_mask(np.nan, "float32")),
    "a mask with infinity": (FaultKind.NOT_FINITE, "mask", lambda d: d.spoil_mask(np.inf, "float64")),
    "a mask with a probability": (FaultKind.NOT_INTEGRAL, "mask", lambda d: d.spoil_mask(0.25, "float32")),
    "a mask with a negative label": (FaultKind.NEGATIVE_LABEL, "mask", lambda d: d.spoil_mask(-2, "int16")),
    "a mask with a huge label": (FaultKind.WRONG_TYPE, "mask", lambda d: d.spoil_mask(70_000, "int32")),
    "a 3D mask for three findings": (FaultKind.FINDING_COUNT_DIFFERS, "mask", put("mask", lambda d: d.mask[0])),
    "a mask with its findings last": (
        FaultKind.FINDING_AXIS_LAST,
        "mask",
        put("mask", lambda d: np.moveaxis(d.mask, 0, -1)),
    ),
    "a mask of another shape": (FaultKind.SHAPE_DIFFERS, "mask", put("mask", lambda d: d.mask[:, :, :, 1:])),
    "a missing volume": (FaultKind.MISSING_VOLUME, "volume", put("volume", None)),
    "a volume that ends too early": (FaultKind.UNREADABLE_FILE, "volume", put("volume", lambda d: d.file("v")[:9999])),
    "a volume of zeros": (FaultKind.CONSTANT_VOLUME, "volume", put("volume", lambda d: d.volume * 0)),
    "a volume of another shape": (FaultKind.SHAPE_DIFFERS, "volume", put("volume", lambda d: d.volume[1:])),
    "a volume with NaN": (FaultKind.NOT_FINITE, "volume", put("volume", lambda d: d.volume.astype("f4") * np.nan)),
    "a volume with fractions": (
        FaultKind.NOT_INTEGRAL,
        "volume",
        put("volume", lambda d: d.volume.astype("f4") + 0.25),
    ),
    "a volume in no space": (FaultKind.NOT_NIFTI, "volume", with_flat_affine),
    "no shape": (FaultKind.MISSING_KEY, "json", lambda d: d.entry.pop("shape")),
    "no findings": (FaultKind.MISSING_KEY, "json", lambda d: d.entry.pop("findings")),
    "a shape of two numbers": (FaultKind.WRONG_TYPE, "json", say("shape", [52, 52])),
    "findings in a list": (FaultKind.WRONG_TYPE, "json", say("findings", ["a", "b", "c"])),
    "findings 0 and 2": (FaultKind.BAD_KEYS, "json", say("findings", {"0": "a", "2": "b"})),
    "counts of other findings": (FaultKind.BAD_KEYS, "json", say("pixels", {"0": 1})),
    "a text that is a number": (FaultKind.WRONG_TYPE, "json", count("findings", 3)),
    "a count that is a text": (FaultKind.WRONG_TYPE, "json", count("entity_counts", "3")),
    "a count below zero": (FaultKind.WRONG_TYPE, "json", count("pixels", -1)),
    "a count beyond every number": (FaultKind.WRONG_TYPE, "json", count("pixels", 2**70)),
    "a count of entities beyond every number": (FaultKind.WRONG_TYPE, "json", count("entity_counts", 2**40)),
    "a protocol that is a number": (FaultKind.WRONG_TYPE, "json", say("protocol", 2)),
    "a text with a NUL": (FaultKind.WRONG_TYPE, "json", with_nul),
    "a text with half a character": (FaultKind.WRONG_TYPE, "json", with_surrogate),
    "a category with a NUL": (FaultKind.WRONG_TYPE, "json", count("categories", "2d\0")),
    "a name that is a path": (FaultKind.BAD_NAME, "json", lambda d: say("name", f"../{d.scan.name}")(d)),
    "a name with a NUL": (FaultKind.BAD_NAME, "json", lambda d: say("name", f"\0{d.scan.name}")(d)),
    "a case that comes twice": (FaultKind.DUPLICATE_SCAN, "json", lambda _draft: None),
}
NUMBERS = {what: n for n, what in enumerate(SPOILT, 1)}


@dataclass(frozen=True)
class Import:
    """What the command said of the spoilt dataset, once in words and once as JSON."""

    folder: Path
    code: int
    out: str
    err: str
    document: dict[str, Any]

    def lines(self, text: str) -> list[str]:
        return [line for line in self.out.splitlines() if text in line]


@pytest.fixture(scope="module")
def spoilt(
    open_command_line: Callable[..., AbstractContextManager[Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Import]:
    folder = tmp_path_factory.mktemp("spoilt") / "dataset"
    write_spoilt(folder)
    command = ("ingest", "rexgroundingct", folder / "dataset.json", "--round", "r", "--workers", 1, "--no-embed")
    with open_command_line() as command_line:
        in_words = command_line.run(*command)
        as_json = command_line.run(*command, "--json")
        assert as_json.stderr == ""
        yield Import(folder, in_words.returncode, in_words.stdout, in_words.stderr, json.loads(as_json.stdout))


def write_spoilt(folder: Path) -> None:
    model = make_scan(1, shape=SMALL, categories=("2d", "2c", "2a"))
    cases = []
    for what, (_, _, spoil) in SPOILT.items():
        draft = Draft(model)
        draft.entry = {**json.loads(json.dumps(draft.entry)), "name": name_of(what)}
        draft.scan = make_named(model, name_of(what))
        spoil(draft)
        cases += [draft.entry] * (2 if what == "a case that comes twice" else 1)
        for kind, part in (("segmentations", draft.mask), ("volumes", draft.volume)):
            write(folder / kind / name_of(what), part, model.affine_ras if kind == "volumes" else None)
    for n, turn in enumerate((lambda m: m[:, ::-1], lambda m: m.swapaxes(1, 2)), len(cases)):
        scan = make_scan(n, split="val", categories=ASKEW, name=f"valid_{n}_a_1.nii.gz")
        cases.append(scan.entry())
        write(folder / "segmentations" / scan.name, np.ascontiguousarray(turn(scan.mask())))
        write(folder / "volumes" / scan.name, scan.volume, scan.affine_ras)
    (folder / "dataset.json").write_text(json.dumps({"train": [*cases, "not a case"]}))


def make_named(scan: PhantomScan, name: str) -> PhantomScan:
    return PhantomScan(**{**vars(scan), "name": name})


def name_of(what: str) -> str:
    return f"train_{NUMBERS[what]}_a_1.nii.gz"


def write(path: Path, part: Any, affine: Any = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(part, str):
        path.mkdir()
    elif isinstance(part, bytes):
        path.write_bytes(part)
    elif part is not None:
        path.write_bytes(encode_nifti(part, affine))


@pytest.mark.parametrize("what", SPOILT)
def test_one_line_with_the_path_and_the_fix(spoilt: Import, what: str) -> None:
    kind, seat, _ = SPOILT[what]
    scan = name_of(what).removesuffix(".nii.gz")
    lines = spoilt.lines(f"{scan}:") + spoilt.lines(f"{scan} finding")
    if kind is None:
        assert lines == []
        return
    (line,) = lines
    folder = {"json": "dataset.json", "mask": f"segmentations/{scan}", "volume": f"volumes/{scan}"}[seat]
    assert kind in line
    assert RULES[kind][1] in line
    assert f"[{spoilt.folder}/{folder}" in line
    assert line.isprintable()


def test_the_rest_comes_in_and_what_is_left_out_is_counted(spoilt: Import) -> None:
    kept = {FaultKind.MISSING_VOLUME, FaultKind.CONSTANT_VOLUME, None}
    left_out = [what for what, (kind, _, _) in SPOILT.items() if kind not in kept]
    left_out.remove("a volume with fractions")
    left_out.append("not a case")
    assert spoilt.code == 1
    assert spoilt.err == ""
    assert spoilt.document["scans"] == {
        "new": 0,
        "unchanged": len(SPOILT) + 2 + 1 - len(left_out),
        "left_out": len(left_out),
    }


def test_a_turned_mask_is_suspected_and_kept(spoilt: Import) -> None:
    suspects = [one for one in spoilt.document["faults"] if one["kind"] == "orientation_suspect"]
    assert [one["severity"] for one in suspects] == ["warning", "warning"]
    assert [reading(one["message"]) for one in suspects] == ["i mirrored", "i and j swapped"]


def test_nothing_is_written_outside(spoilt: Import) -> None:
    assert [path.name for path in spoilt.folder.parent.iterdir()] == ["dataset"]
    assert sorted(path.name for path in spoilt.folder.iterdir()) == ["dataset.json", "segmentations", "volumes"]


def test_json_and_words_say_the_same(spoilt: Import) -> None:
    faults = spoilt.document["faults"]
    assert len([line for line in spoilt.out.splitlines() if line.split()[0] in ("left_out", "warning", "note")]) == len(
        faults
    )
    for one in faults:
        assert spoilt.lines(one["message"])
        assert list(one) == ["kind", "severity", "scan", "finding", "path", "message", "remedy"]


def reading(message: str) -> str:
    return message.removeprefix("read with ").split(",")[0]


def bad_files(folder: Path) -> dict[Path, str]:
    """Files that cannot be read as a whole, with what must be said of each."""
    said = {
        "cut_off.json": "line 1, column 61: Unterminated string",
        "not_a_mapping.json": "is not a dataset file",
        "not_utf8.json": "byte 46 is not UTF-8",
        "empty.json": "line 1, column 1: Expecting value",
        "splits_not_lists.json": '"train" should be a list',
    }
    found = {path: said[path.name] for path in write_bad_json(folder)}
    for name, content, what in (
        ("missing_comma.json", '{"train": []\n "val": []}', "line 2, column 2: Expecting ',' delimiter"),
        ("deep.json", "[" * 100_000, "is nested too deeply"),
        ("long_number.json", '{"train": [' + "9" * 5000 + "]}", "holds a number of thousands of digits"),
    ):
        (folder / name).write_text(content)
        found[folder / name] = what
    return found


def test_what_is_wrong_with_a_file_as_a_whole(tmp_path: Path) -> None:
    for path, what in bad_files(tmp_path).items():
        with pytest.raises(SourceError) as raised:
            read_case_file(path)
        assert str(raised.value).startswith(f"{path}: ")
        assert what in str(raised.value)
        assert str(raised.value).isprintable()


def test_a_file_that_cannot_be_read_is_one_line(command_line: Any, tmp_path: Path) -> None:
    files = bad_files(tmp_path)
    path = tmp_path / "missing_comma.json"
    done = command_line.run("ingest", "rexgroundingct", path, "--round", "r", "--no-embed")
    (fault, summary) = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    assert fault.startswith(f"left_out  bad_json  {path}: {files[path]}")
    assert fault.endswith(f"; {RULES[FaultKind.BAD_JSON][1]} [{path}]")
    assert "scans 0 new, 0 unchanged, 0 left out" in summary


def test_a_dry_run_says_the_same_and_writes_nothing(spoilt: Import, command_line: Any, tmp_path: Path) -> None:
    missing = tmp_path / "missing.txt"
    command = ("ingest", "rexgroundingct", spoilt.folder / "dataset.json", "--round", "r", "--missing", missing)
    done = command_line.run(*command, "--dry-run", "--json")
    plan = json.loads(done.stdout)
    volume = name_of("a missing volume").removesuffix(".nii.gz")
    assert done.returncode == 1
    assert plan["missing"]["volumes"] == [f"dataset/train_fixed/{volume[:-4]}/{volume[:-2]}/{volume}.nii.gz"]
    assert missing.read_text().splitlines() == plan["missing"]["volumes"]
    assert plan["missing"]["masks"] == [name_of("a missing mask").removesuffix(".nii.gz")]
    assert plan["left_out"] == len([one for one in spoilt.document["faults"] if one["path"].endswith("dataset.json")])
    assert not (command_line.home / "arrays").exists()
    assert command_line.read("status")["counts"]["scans"] == 0
