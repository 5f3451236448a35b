"""A second round with known edits: exactly those are named, and the store grows by those alone."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from ingest.nifti_files import encode_nifti
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.rexgroundingct import import_dataset
from ingest.rounds.differing import RoundDifference, compare_rounds
from ingest.rounds.pictures import draw_changes, save_changes
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import NotFound, SourceError

Archive = tuple[Database, ArrayStore, dict[str, str]]
Labels = NDArray[np.uint8]
BEFORE, AFTER = (0x42, 0xD4, 0xF4), (0xF5, 0x82, 0x31)


def erase(labels: Labels) -> Labels:
    """Take the entity with the lowest label away."""
    return np.where(labels == np.unique(labels)[1], 0, labels)


def move(labels: Labels) -> Labels:
    """Shift the whole finding by a voxel along i."""
    return np.roll(labels, 1, axis=0)


def grow(labels: Labels) -> Labels:
    """Add an entity in an empty corner."""
    grown = labels.copy()
    grown[:2, :2, :2] = labels.max() + 1
    return grown


def split(labels: Labels) -> Labels:
    """Cut the entity with the lowest label in the middle of i into two labels."""
    low = np.unique(labels)[1]
    i = np.nonzero(labels == low)[0]
    halves = np.arange(len(labels))[:, None, None] > np.median(i)
    return np.where((labels == low) & halves, labels.max() + 1, labels)


def merge(labels: Labels) -> Labels:
    """Give all entities one label."""
    return np.where(labels > 0, labels.max(), 0)


EDITS: dict[str, Callable[[Labels], Labels]] = {
    "removed": erase,
    "moved": move,
    "added": grow,
    "split": split,
    "merged": merge,
}


@pytest.fixture(scope="module")
def archive(
    new_database: Callable[[], AbstractContextManager[Database]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Archive]:
    """Two rounds over one phantom dataset, and which edit was made of which finding."""
    folder = tmp_path_factory.mktemp("rounds")
    make_dataset(folder / "data", scans=8, seed=5, faults=False, second=False, shape=(60, 60, 60))
    edits = edit(shutil.copytree(folder / "data", folder / "edited"))
    first = ImportOptions(folder / "data" / "dataset.json", "first", collection="phantom", workers=1)
    second = replace(first, dataset=folder / "edited" / "dataset.json", round="second")
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        for options in (first, second):
            assert not import_dataset(database, arrays, options).left_out
        yield database, arrays, edits


def edit(folder: Path) -> dict[str, str]:
    """Make each edit of one finding, reword and recategorise others, drop a finding and a scan; give them by name."""
    document = json.loads((folder / "dataset.json").read_text())
    cases = [case for each in document.values() for case in each if "entity_counts" in case]
    edits: dict[str, str] = {}
    pending = dict(EDITS)
    for case in cases[:-2]:
        path = folder / "segmentations" / case["name"]
        mask = np.asarray(nib.load(path).dataobj).astype(np.uint8)
        scan = case["name"].removesuffix(".nii.gz")
        for index in range(len(mask)):
            entities = len(np.unique(mask[index])) - 1
            name = next((name for name in pending if entities > (name in {"removed", "merged"})), None)
            if name and index == 0:
                mask[index] = pending.pop(name)(mask[index])
                edits[f"{scan} {index}"] = name
        case.pop("entity_counts")
        case.pop("pixels")
        path.write_bytes(encode_nifti(mask))
    assert not pending
    first, last = cases[-2:]
    first["findings"]["0"] += " again"
    first["categories"]["0"] = "2h" if first["categories"]["0"] != "2h" else "2d"
    edits[f"{first['name'].removesuffix('.nii.gz')} 0"] = "reworded"
    for each in document.values():
        if last in each:
            each.remove(last)
    edits[last["name"].removesuffix(".nii.gz")] = "scan removed"
    (folder / "dataset.json").write_text(json.dumps(document))
    return edits


@pytest.fixture(scope="module")
def difference(archive: Archive) -> RoundDifference:
    return compare_rounds(*archive[:2], "first", "second")


def test_exactly_the_edits_are_named(archive: Archive, difference: RoundDifference) -> None:
    edits = archive[2]
    assert {f"{each.scan} {each.finding}" for each in difference.redrawn} == {
        name for name, edit in edits.items() if edit in EDITS
    }
    for each in difference.redrawn:
        edit = edits[f"{each.scan} {each.finding}"]
        kinds = {change["change"] for change in each.changes} - {"same"}
        assert kinds == {edit}, (edit, each)
    reworded = [f"{each.scan} {each.finding}" for each in difference.reworded]
    assert reworded == [name for name, edit in edits.items() if edit == "reworded"]
    gone = [each.name for each in difference.scans_removed]
    assert gone == [name for name, edit in edits.items() if edit == "scan removed"]
    assert {each.name.split()[0] for each in difference.findings_removed} == set(gone)
    assert [f"{each.scan} {each.finding}" for each in difference.recategorised] == reworded
    assert (difference.scans_added, difference.findings_added) == ((), ())


def test_the_store_grows_by_what_differs(archive: Archive, difference: RoundDifference) -> None:
    database, arrays, edits = archive
    with database.engine(Role.OWNER).connect() as connection:
        new = connection.scalar(
            sa.text("SELECT count(*) FROM open.annotation a JOIN round r ON r.id = a.round_id WHERE r.name = 'second'")
        )
    assert new == len(difference.redrawn) == sum(edit in EDITS for edit in edits.values())
    stored = {entry.digest for entry in arrays.iter_arrays() if entry.area == "labels"}
    for each in difference.redrawn:
        assert each.digest is None or each.digest in stored
        if each.digest is not None:
            voxels = arrays.read_runs(each.digest, "labels", 0).to_dense()
            assert (np.count_nonzero(voxels == 1), np.count_nonzero(voxels == 2)) == (
                each.voxels_removed,
                each.voxels_added,
            )


def test_told_once_it_is_known(archive: Archive, difference: RoundDifference, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("voxels were read again")

    monkeypatch.setattr(ArrayStore, "read_runs", refuse)
    assert compare_rounds(*archive[:2], "first", "second") == difference


def test_backwards_it_is_the_reverse(archive: Archive, difference: RoundDifference) -> None:
    reverse = compare_rounds(*archive[:2], "second", "first")
    assert reverse.scans_added == difference.scans_removed
    forth, back = difference.entities(), reverse.entities()
    mirrored = {"removed": "added", "added": "removed", "split": "merged", "merged": "split"}
    assert back == {mirrored.get(kind, kind): count for kind, count in forth.items()}


def test_a_summary_says_it_in_lines(difference: RoundDifference) -> None:
    lines = list(difference.summary())
    assert lines[0] == "# first -> second"
    assert f"findings drawn otherwise: {len(difference.redrawn)}" in lines


def test_the_largest_changes_are_drawn_with_both_outlines(archive: Archive, difference: RoundDifference) -> None:
    panels = draw_changes(*archive[:2], difference)
    named = {f"{each.scan} {each.finding}": each for each in difference.redrawn if each.digest}
    shown = [named[panel.lines[0].split(",")[0]] for panel in panels]
    assert {id(each) for each in shown} == {id(each) for each in named.values()}  # phantoms have voxels of one size
    sizes = [each.voxels_added + each.voxels_removed for each in shown]
    assert sizes == sorted(sizes, reverse=True)
    for each, panel in zip(shown, panels, strict=True):
        colours = {tuple(colour) for colour in np.asarray(panel.picture).reshape(-1, 3)}
        assert AFTER in colours
        assert not each.voxels_removed or BEFORE in colours
        assert f"Dice {each.dice:.3f}" in panel.lines[2]
    assert [panel.lines for panel in draw_changes(*archive[:2], difference, most=1)] == [panels[0].lines]


def test_a_picture_is_saved_whole(archive: Archive, difference: RoundDifference, tmp_path: Path) -> None:
    save_changes(*archive[:2], difference, tmp_path / "changes.png")
    assert [path.name for path in tmp_path.iterdir()] == ["changes.png"]
    with Image.open(tmp_path / "changes.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 3 * 480
    with pytest.raises(NotFound, match="no voxels differ"):
        save_changes(*archive[:2], replace(difference, redrawn=()), tmp_path / "none.png")


def test_what_cannot_be_compared(archive: Archive) -> None:
    with pytest.raises(SourceError, match="does not differ from itself"):
        compare_rounds(*archive[:2], "first", "first")
    with pytest.raises(NotFound):
        compare_rounds(*archive[:2], "first", "third")
