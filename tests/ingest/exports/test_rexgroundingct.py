"""What goes out in the published layout comes in again as the same release, and other readers find what they expect."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import sqlalchemy as sa

from ingest.exports.folder import ABOUT
from ingest.exports.released import read_released
from ingest.exports.rexgroundingct import export_rexgroundingct
from ingest.exports.terms import TermsForbid, require_passing_on, terms_of
from ingest.options import ImportOptions
from ingest.phantoms import make_dataset
from ingest.releases.making import ReleaseOptions, make_release
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database, Role
from schema.errors import NotFound, SourceError

NewDatabase = Callable[[], AbstractContextManager[Database]]
Archive = tuple[Database, ArrayStore, Path]


@pytest.fixture(scope="module")
def archive(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A made release with all that the layout has no place for, beside the published one."""
    with made_release(new_database, tmp_path_factory.mktemp("exports"), scans=4) as made:
        yield made


@contextmanager
def made_release(new_database: NewDatabase, folder: Path, scans: int) -> Iterator[Archive]:
    make_dataset(folder / "data", scans=scans, seed=5, faults=False, second=False, shape=(60, 60, 60))
    options = ImportOptions(folder / "data" / "dataset.json", "first", release="base", collection="phantom", workers=1)
    (folder / "waive.json").write_text('[{"kind": "patient", "one": "*", "other": "*", "reason": "as published"}]')
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        with database.transaction(Role.OWNER) as session:
            session.execute(sa.text(REVISE))
        like = ReleaseOptions("made", like="base", waivers=folder / "waive.json", collection="phantom", notes="new")
        make_release(database, arrays, like)
        yield database, arrays, folder


REVISE = """
INSERT INTO finding_revision
  (id, finding_id, revision, is_latest, text, category_code, present, refers_to_prior, source)
SELECT gen_random_uuid(), finding_id, 2, true, text || ' "again"', CASE WHEN n > 1 THEN category_code END, n > 2, n > 1,
  'person' FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM finding_revision) AS numbered WHERE n < 4
"""


def write(archive: Archive, out: Path, release: str = "made", *, with_hidden: bool = False) -> Path:
    database, arrays, _ = archive
    export_rexgroundingct(read_released(database, release, with_hidden=with_hidden), arrays, out, lambda _n, _m: None)
    return out


@pytest.fixture(scope="module")
def exported(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(archive, tmp_path_factory.mktemp("out") / "made")


def digests(database: Database) -> dict[str, str]:
    with database.transaction() as session:
        return dict(session.execute(sa.text("SELECT name, digest FROM release")).all())  # type: ignore[arg-type]


def take_in(new_database: NewDatabase, out: Path, volumes: Path, folder: Path) -> str:
    options = ImportOptions(
        out / "dataset.json", "again", release="made", volumes=volumes, collection="other", workers=1
    )
    with new_database() as database, ArrayStore(str(folder / "arrays")) as arrays:
        assert not import_dataset(database, arrays, options).left_out
        return digests(database)["made"]


def test_it_comes_in_again_as_the_same_release(
    archive: Archive, exported: Path, new_database: NewDatabase, tmp_path: Path
) -> None:
    assert take_in(new_database, exported, archive[2] / "data" / "volumes", tmp_path) == digests(archive[0])["made"]


@pytest.mark.soak
def test_a_hundred_scans_come_in_again_as_the_same_release(new_database: NewDatabase, tmp_path: Path) -> None:
    with made_release(new_database, tmp_path / "here", scans=100) as made:
        out = write(made, tmp_path / "out")
        assert take_in(new_database, out, made[2] / "data" / "volumes", tmp_path) == digests(made[0])["made"]


def one_voxel(out: Path) -> None:
    path = next(iter(sorted((out / "segmentations").iterdir())))
    image = nib.load(path)
    labels = np.asarray(image.dataobj).copy()
    labels[(0, *np.argwhere(labels[0])[0])] = 0
    nib.save(nib.Nifti1Image(labels, image.affine), path)


def one_word(out: Path) -> None:
    path = out / "dataset.json"
    document = json.loads(path.read_text())
    document["train"][0]["findings"]["0"] += " more"
    path.write_text(json.dumps(document))


def one_split(out: Path) -> None:
    path = out / "dataset.json"
    document = json.loads(path.read_text())
    document["val"].append(document["train"].pop())
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("change", [one_voxel, one_word, one_split])
def test_whatever_is_changed_gives_another_digest(
    archive: Archive, exported: Path, new_database: NewDatabase, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    out = shutil.copytree(exported, tmp_path / "out")
    change(out)
    assert take_in(new_database, out, archive[2] / "data" / "volumes", tmp_path) != digests(archive[0])["made"]


def test_a_published_release_goes_out_as_it_came(archive: Archive, tmp_path: Path) -> None:
    out = write(archive, tmp_path / "base", "base")
    came, went = (json.loads((path / "dataset.json").read_text()) for path in (archive[2] / "data", out))
    for split, cases in came.items():
        assert went[split] == sorted(cases, key=lambda case: case["name"])
    for path in sorted((out / "segmentations").iterdir()):
        masks = [nib.load(folder / "segmentations" / path.name) for folder in (archive[2] / "data", out)]
        assert np.array_equal(*(np.asarray(mask.dataobj) for mask in masks))
        assert np.array_equal(masks[1].affine, np.eye(4))


def test_true_counts_stand_beside_the_declared_ones(exported: Path) -> None:
    rows = list(csv.DictReader((exported / "counts.csv").read_text().splitlines()))
    document = json.loads((exported / "dataset.json").read_text())
    declared = {case["name"]: case.get("entity_counts", {}) for cases in document.values() for case in cases}
    assert rows
    for row in rows:
        count = declared[f"{row['scan']}.nii.gz"].get(row["finding"])
        assert row["declared_entities"] == ("" if count is None else str(count))
        mask = np.asarray(nib.load(exported / "segmentations" / f"{row['scan']}.nii.gz").dataobj)[int(row["finding"])]
        assert (len(np.unique(mask)) - 1, np.count_nonzero(mask)) == (int(row["entities"]), int(row["voxels"]))


def test_a_folder_of_something_else_is_left_alone(archive: Archive, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("mine")
    with pytest.raises(SourceError, match="is not empty"):
        write(archive, tmp_path)
    with pytest.raises(SourceError, match="another export"):
        write(archive, exported, "base")


def test_an_interrupted_export_goes_on(archive: Archive, exported: Path, tmp_path: Path) -> None:
    out = shutil.copytree(exported, tmp_path / "out")
    kept, lost = sorted((out / "segmentations").iterdir())[:2]
    lost.unlink()
    before = kept.stat().st_mtime_ns
    (out / "dataset.json").unlink()
    write(archive, out)
    assert kept.stat().st_mtime_ns == before
    assert lost.read_bytes() == (exported / "segmentations" / lost.name).read_bytes()
    assert json.loads((out / ABOUT).read_text())["complete"]


def test_unknown_names(archive: Archive) -> None:
    with pytest.raises(NotFound, match="no complete release"):
        read_released(archive[0], "nothing")
    with pytest.raises(NotFound, match="no cohort"):
        read_released(archive[0], "made", cohort="nothing")


@pytest.mark.parametrize("text", ["CT-RATE data use agreement", "No redistribution.", "may not be passed on"])
def test_terms_that_forbid_are_held_to(text: str) -> None:
    terms = terms_of(["CC BY-NC-SA 4.0", text])
    with pytest.raises(TermsForbid, match=text):
        require_passing_on(terms, held=False)
    require_passing_on(terms, held=True)


@pytest.mark.parametrize(
    ("texts", "unclear"), [(["CC BY-NC 3.0"], False), (["CC0-1.0", None], True), (["ask us"], True)]
)
def test_terms_that_are_not_understood(texts: list[str | None], unclear: bool) -> None:
    terms = terms_of(texts)
    require_passing_on(terms, held=False)
    assert terms.unclear == unclear


def test_hidden_splits_go_out_as_words_alone(archive: Archive, tmp_path: Path) -> None:
    database, arrays, folder = archive
    options = ReleaseOptions("held", like="base", hide=frozenset({"test"}), collection="phantom")
    make_release(database, arrays, replace(options, waivers=folder / "waive.json"))
    for with_hidden in (False, True):
        out = write(archive, tmp_path / str(with_hidden), "held", with_hidden=with_hidden)
        (case,) = json.loads((out / "dataset.json").read_text())["test"]
        assert (out / "segmentations" / case["name"]).exists() == with_hidden
        assert with_hidden or not {"entity_counts", "pixels"} & set(case)


def test_a_split_that_was_hidden_since_does_not_stay_in_a_folder(archive: Archive, exported: Path) -> None:
    database, arrays, folder = archive
    options = ReleaseOptions("later", like="base", hide=frozenset({"test"}), collection="phantom")
    make_release(database, arrays, replace(options, waivers=folder / "waive.json"))
    with pytest.raises(SourceError, match="another export, or other contents"):
        write(archive, exported)
