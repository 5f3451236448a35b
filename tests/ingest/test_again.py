"""Importing twice is importing once, another release adds only what is new, hiding later moves and loses nothing."""

import json
import os
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from compute.jobs.geometry import compute_geometry
from ingest.nifti_files import encode_nifti
from ingest.options import ImportOptions
from ingest.phantoms import SECOND_JSON_NAME, SECOND_MASKS, Expected, make_dataset, make_scan, write_scan
from ingest.report import ImportReport
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import SourceError
from schema.import_run import FaultKind
from schema.integrity import collect_garbage, verify
from schema.release_digest import compute_digests
from schema.tables import METADATA

RUNS = {"import_run", "import_summary", "fault"}
"""Tables that grow with every run."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Expected]:
    """Six clean scans and a second release over them."""
    folder = tmp_path_factory.mktemp("clean")
    return folder, make_dataset(folder, scans=6, seed=11, faults=False)


def base(folder: Path, **changes: Any) -> ImportOptions:
    return ImportOptions(folder / "dataset.json", **{"round": "base", "release": "base", "workers": 1, **changes})


def second(folder: Path, **changes: Any) -> ImportOptions:
    return ImportOptions(
        folder / SECOND_JSON_NAME,
        **{"round": "second", "release": "second", "masks": folder / SECOND_MASKS, "workers": 1, **changes},
    )


def test_twice_is_once(database: Database, arrays: ArrayStore, phantom: tuple[Path, Expected]) -> None:
    options = base(phantom[0], hide=frozenset({"test"}))
    first = import_dataset(database, arrays, options)
    held = state(database, arrays)
    again = import_dataset(database, arrays, options)
    assert state(database, arrays) == held
    before, after = first.to_json(), again.to_json()
    for what in ("scans", "findings", "entities"):
        assert after[what] == {**before[what], "new": 0, "unchanged": before[what]["new"]}
    assert after["faults"] == before["faults"]
    assert after["digest"] == before["digest"] is not None


def test_files_that_were_only_touched_change_nothing(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected], tmp_path: Path
) -> None:
    folder = copy(clean[0], tmp_path)
    import_dataset(database, arrays, base(folder))
    held = state(database, arrays)
    for path in folder.rglob("*.nii.gz"):
        os.utime(path, (1, 1))
    report = import_dataset(database, arrays, base(folder)).to_json()
    assert (report["scans"]["new"], report["findings"]["new"], report["entities"]["new"]) == (0, 0, 0)
    assert report["faults"] == []
    assert without(state(database, arrays), "open.imported_scan") == without(held, "open.imported_scan")


def test_two_at_once_are_once(database: Database, arrays: ArrayStore, clean: tuple[Path, Expected]) -> None:
    reports: list[ImportReport] = []

    def run() -> None:
        reports.append(import_dataset(database, ArrayStore(arrays.url), base(clean[0])))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entities = clean[1].totals["entities"]
    assert sum(report.to_json()["entities"]["new"] for report in reports) == entities
    assert state(database, arrays)["open.entity"] == entities
    assert verify(database, arrays, quiet).problems == ()


def test_unchanged_scans_go_by_quickly(database: Database, arrays: ArrayStore, tmp_path: Path) -> None:
    scan = make_scan(1, shape=(52, 52, 52))
    write_scan(tmp_path, scan)
    names = [f"train_{n}_a_1.nii.gz" for n in range(1, 101)]
    for name in names[1:]:
        for kind in ("volumes", "segmentations"):
            os.link(tmp_path / kind / names[0], tmp_path / kind / name)
    cases = [{**scan.entry(), "name": name} for name in names]
    (tmp_path / "dataset.json").write_text(json.dumps({"train": cases}))
    first = import_dataset(database, arrays, base(tmp_path))
    report = import_dataset(database, arrays, base(tmp_path))
    assert report.to_json()["scans"] == {"new": 0, "unchanged": 100, "left_out": 0}
    assert report.seconds < first.seconds / 2


def test_equal_volumes_and_masks_are_stored_once(database: Database, arrays: ArrayStore, tmp_path: Path) -> None:
    scan = make_scan(1, shape=(52, 52, 52))
    for name in ("train_1_a_1.nii.gz", "train_2_a_1.nii.gz"):
        write_scan(tmp_path, make_scan(1, shape=(52, 52, 52), name=name))
    cases = [{**scan.entry(), "name": f"train_{n}_a_1.nii.gz"} for n in (1, 2)]
    (tmp_path / "dataset.json").write_text(json.dumps({"train": cases}))
    import_dataset(database, arrays, base(tmp_path))
    assert sorted(entry.area for entry in arrays.iter_arrays()) == ["labels", "volumes"]
    assert state(database, arrays)["open.label_array"] == 2
    assert verify(database, arrays, quiet).problems == ()


def test_the_second_release_adds_only_what_is_new(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected]
) -> None:
    folder, expected = clean
    assert expected.second
    first = import_dataset(database, arrays, base(folder))
    held = state(database, arrays)
    report = import_dataset(database, arrays, second(folder)).to_json()
    new = [scan for scan in expected.second.scans if scan.name in expected.second.new]
    entities = sum(len(finding.entities) for scan in new for finding in scan.findings)
    everything = {"scans": expected.second.scans, "findings": [f for s in expected.second.scans for f in s.findings]}
    assert report["scans"] == {"new": len(new), "unchanged": len(everything["scans"]) - len(new), "left_out": 0}
    findings = sum(len(scan.findings) for scan in new)
    assert report["findings"] == {"new": findings, "unchanged": len(everything["findings"]) - findings}
    assert report["entities"]["new"] == entities
    faults = [(one["kind"], one["severity"], one["scan"], one["finding"]) for one in report["faults"]]
    planted = [(f.kind, f.severity, f.scan.removesuffix(".nii.gz"), f.finding) for f in expected.second.faults]
    assert sorted(faults) == sorted(planted)
    now = state(database, arrays)
    with_mask = sum(any(finding.entities for finding in scan.findings) for scan in new)
    assert now["open.label_array"] == held["open.label_array"] + with_mask
    assert len(now["arrays"]) == len(held["arrays"]) + with_mask + len(new)
    assert set(now["arrays"]) > set(held["arrays"])
    assert now["digests"]["base"] == held["digests"]["base"]
    assert now["digests"]["base"][0] == first.digest


def test_equal_annotations_stand_in_both_releases(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected]
) -> None:
    import_dataset(database, arrays, base(clean[0]))
    import_dataset(database, arrays, second(clean[0]))
    query = (
        "SELECT count(*), count(DISTINCT a.annotation_id), count(DISTINCT n.round_id) FROM open.release_annotation a "
        "JOIN open.release_annotation b ON b.annotation_id = a.annotation_id AND b.release_id > a.release_id "
        "JOIN open.annotation n ON n.id = a.annotation_id"
    )
    shared = sum(len(scan.findings) for scan in clean[1].scans)
    assert one_row(database, query) == (shared, shared, 1)


def test_the_base_again_after_the_second_changes_nothing(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected], tmp_path: Path
) -> None:
    folder = copy(clean[0], tmp_path)
    import_dataset(database, arrays, base(folder))
    import_dataset(database, arrays, second(folder))
    held = state(database, arrays)
    import_dataset(database, arrays, base(folder))
    assert state(database, arrays) == held
    for path in folder.rglob("*.nii.gz"):
        os.utime(path, (1, 1))
    report = import_dataset(database, arrays, base(folder)).to_json()
    assert without(state(database, arrays), "open.imported_scan") == without(held, "open.imported_scan")
    assert (report["scans"]["new"], report["findings"]["new"], report["entities"]["new"]) == (0, 0, 0)


def test_hiding_later_moves_and_loses_nothing(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected]
) -> None:
    folder, expected = clean
    import_dataset(database, arrays, base(folder))
    held = state(database, arrays)
    import_dataset(database, arrays, second(folder, hide=frozenset({"test"})))
    now = state(database, arrays)
    entities = sum(
        len(finding.entities) for scan in expected.scans if scan.split == "test" for finding in scan.findings
    )
    assert entities > 0
    assert now["hidden.entity"] == now["hidden.geometry"] == entities
    for table in ("label_array", "annotation", "entity", "geometry", "imported_scan"):
        assert held[f"hidden.{table}"] == 0
        assert now[f"hidden.{table}"] > 0
    assert now["digests"]["base"] == held["digests"]["base"]
    assert verify(database, arrays, quiet).problems == ()

    garbage = collect_garbage(database, arrays, grace=timedelta(0), dry_run=False)
    moved = {("hidden", digest) for area, digest in now["arrays"] if area == "hidden"}
    assert {("hidden", entry.digest) for entry in garbage.removable} <= moved
    assert {entry.area for entry in garbage.removable} == {"labels"}
    assert len(garbage.removable) == sum(scan.split == "test" for scan in expected.scans)
    assert verify(database, arrays, quiet).problems == ()

    import_dataset(database, arrays, base(folder))
    after = state(database, arrays)
    assert without(after, "arrays") == without(now, "arrays")
    assert verify(database, arrays, quiet).problems == ()


def test_a_split_that_was_imported_open_is_not_hidden_in_place(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected]
) -> None:
    import_dataset(database, arrays, base(clean[0]))
    with pytest.raises(SourceError, match=r"release base was imported with the split test open; .* another --release"):
        import_dataset(database, arrays, base(clean[0], hide=frozenset({"test"})))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hide": frozenset({"test"}), "release": None}, "--hide needs --release"),
        ({"hide": frozenset({"tset"})}, "--hide tset: the file's splits are"),
    ],
)
def test_options_that_contradict_one_another(
    database: Database, arrays: ArrayStore, clean: tuple[Path, Expected], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        import_dataset(database, arrays, base(clean[0], **changes))
    assert one_row(database, "SELECT count(*) FROM import_run") == (0,)


def test_a_redrawn_mask_supersedes_the_earlier_once(database: Database, arrays: ArrayStore, tmp_path: Path) -> None:
    scan = make_scan(1, shape=(52, 52, 52), categories=("2d", "2c"))
    write_scan(tmp_path, scan)
    (tmp_path / "dataset.json").write_text(json.dumps({"train": [scan.entry()]}))
    digest = import_dataset(database, arrays, base(tmp_path)).digest
    mask = scan.mask()
    mask[0] = np.where(mask[0] == 1, 9, mask[0])
    path = tmp_path / "segmentations" / scan.name
    path.write_bytes(encode_nifti(mask))
    kinds = [(one.kind, one.finding) for one in import_dataset(database, arrays, base(tmp_path)).all_faults]
    assert kinds == [(FaultKind.CHANGED_SINCE, 0)]
    states = "SELECT count(*) FILTER (WHERE state = 'accepted'), count(*) FROM open.annotation"
    assert one_row(database, states) == (2, 3)
    held = state(database, arrays)
    assert held["digests"]["base"][0] == digest

    os.utime(path, (1, 1))
    import_dataset(database, arrays, base(tmp_path))
    assert one_row(database, states) == (2, 3)
    assert without(state(database, arrays), "open.imported_scan") == without(held, "open.imported_scan")


@pytest.mark.parametrize("what", ["voxels", "affine"])
def test_another_volume_is_named_and_nothing_is_measured_on_it(
    database: Database, arrays: ArrayStore, tmp_path: Path, what: str
) -> None:
    scan = make_scan(1, shape=(52, 52, 52), categories=("2d", "2c"))
    write_scan(tmp_path, scan)
    (tmp_path / "dataset.json").write_text(json.dumps({"train": [scan.entry()]}))
    import_dataset(database, arrays, base(tmp_path))
    held = state(database, arrays)
    volume, affine, mask = scan.volume.copy(), scan.affine_ras.copy(), scan.mask()
    if what == "voxels":
        volume += 1
    else:
        affine[0, 3] += 50
    (tmp_path / "volumes" / scan.name).write_bytes(encode_nifti(volume, affine))
    mask[1] = np.where(mask[1] == 1, 9, mask[1])
    (tmp_path / "segmentations" / scan.name).write_bytes(encode_nifti(mask))
    messages = [one.message for one in import_dataset(database, arrays, base(tmp_path)).all_faults]
    assert f"the volume's {what} differ from what was imported before; the earlier stay" in messages
    assert len(messages) == 2
    now = state(database, arrays)
    assert sorted(area for area, _ in set(now["arrays"]) - set(held["arrays"])) == ["labels"]
    redrawn = now["open.entity"] - held["open.entity"]
    assert now["open.geometry"] == held["open.geometry"]
    assert compute_geometry(database, arrays).computed == redrawn > 0
    query = "SELECT count(*), count(DISTINCT (x_lps_mm, hu_mean)) FROM open.geometry"
    assert one_row(database, query) == (now["open.entity"], held["open.entity"])


def copy(folder: Path, target: Path) -> Path:
    return shutil.copytree(folder, target / "dataset")


def quiet(_done: int, _total: int) -> None:
    """Tell nobody."""


def state(database: Database, arrays: ArrayStore) -> dict[str, Any]:
    """The rows of every table but those of runs, the digests of releases, and every stored file's hash by array."""
    with database.engine(Role.OWNER).connect() as connection:
        tables = [table for table in METADATA.sorted_tables if table.name not in RUNS]
        counts = {str(table): connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables}
        releases = dict(connection.execute(sa.text("SELECT id, name FROM release")).all())  # type: ignore[arg-type]
    with database.transaction(Role.OWNER) as session:
        found = {key: compute_digests(session, key) for key in releases}
    stored = {(entry.area, entry.digest): entry.stored_bytes for entry in arrays.iter_arrays()}
    digests = {releases[key]: (one.logical, one.storage) for key, one in found.items()}
    return {**counts, "digests": digests, "arrays": stored}


def without(held: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in held.items() if name not in names}


def one_row(database: Database, query: str) -> tuple[Any, ...]:
    with database.engine(Role.OWNER).connect() as connection:
        return tuple(connection.execute(sa.text(query)).one())
