"""The real case beside a checkout: a chest CT with a tumour, in the published layout."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import sqlalchemy as sa

from ingest.cases import read_case_file
from ingest.options import ImportOptions
from ingest.places import Places
from ingest.reading import measure_case, read_files
from ingest.rexgroundingct import import_dataset
from ingest.timing import Stopwatch
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.import_run import FaultKind, Severity


@pytest.fixture
def real(shared_data: Path) -> Path:
    return shared_data / "rex_real"


def test_its_figures(database: Database, arrays: ArrayStore, real: Path) -> None:
    options = ImportOptions(real / "dataset.json", round="real", release="real", workers=1)
    report = import_dataset(database, arrays, options)
    (fault,) = report.all_faults
    assert (fault.kind, fault.severity, fault.finding) == (FaultKind.ENTITY_COUNT_DIFFERS, Severity.WARNING, 1)
    assert "13 entities are declared, the mask has 12 labels" in fault.message
    document = report.to_json()
    assert [document[what]["new"] for what in ("scans", "findings", "entities")] == [1, 2, 13]
    query = """
      SELECT e.voxels, g.volume_ml, g.side, g.x_lps_mm, g.y_lps_mm, g.z_lps_mm
      FROM open.entity e JOIN open.geometry g ON g.entity_id = e.id JOIN open.annotation a ON a.id = e.annotation_id
      JOIN finding f ON f.id = a.finding_id WHERE f.source_index = 0"""
    with database.transaction() as session:
        ((voxels, volume_ml, side, *centroid),) = session.execute(sa.text(query)).all()
    assert (voxels, side) == (54_639, "left")
    assert volume_ml == pytest.approx(156.32, abs=0.005)
    assert centroid == pytest.approx([82.3, -201.5, -456.8], abs=0.05)


@pytest.mark.parametrize(
    ("turn", "name"),
    [
        (lambda mask: mask[:, ::-1], "i mirrored"),
        (lambda mask: mask[:, :, ::-1], "j mirrored"),
        (lambda mask: mask[:, ::-1, ::-1], "i, j mirrored"),
        (lambda mask: mask.transpose(0, 2, 1, 3), "i and j swapped"),
    ],
)
def test_a_turned_mask_is_suspected_named_and_kept(real: Path, tmp_path: Path, turn: object, name: str) -> None:
    mask = np.asarray(nibabel.load(real / "segmentations" / "train_90001_a_1.nii.gz").dataobj)
    (tmp_path / "segmentations").mkdir()
    turned = nibabel.Nifti1Image(np.ascontiguousarray(turn(mask)), np.eye(4))  # type: ignore[operator]
    nibabel.save(turned, tmp_path / "segmentations" / "train_90001_a_1.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps(json.loads((real / "dataset.json").read_text())))
    (case,) = read_case_file(tmp_path / "dataset.json").cases
    places, watch = Places(tmp_path / "segmentations", real / "volumes"), Stopwatch()
    read = measure_case(read_files(case, places, watch), places, watch)
    (fault,) = [one for one in read.faults if one.kind is FaultKind.ORIENTATION_SUSPECT]
    assert fault.severity is Severity.WARNING
    axes = name.replace(", ", " and ") if name.endswith("mirrored") else name
    assert f"read with {axes}," in fault.message
    assert read.labels is not None
