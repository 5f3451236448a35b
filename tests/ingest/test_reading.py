"""The two files of a case are read at the same time: one fault comes out, whole, and no thread stays behind."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import reading
from ingest.cases import Case, read_case_file
from ingest.faults import CaseLeftOut
from ingest.nifti_files import encode_nifti
from ingest.phantoms import make_scan, write_scan
from ingest.places import Places
from ingest.reading import measure_case, read_files
from ingest.timing import Stopwatch
from schema.import_run import FaultKind


@pytest.fixture
def case(tmp_path: Path) -> Case:
    scan = make_scan(1, shape=(52, 52, 52))
    write_scan(tmp_path, scan)
    (tmp_path / "dataset.json").write_text(json.dumps({"train": [scan.entry()]}))
    (found,) = read_case_file(tmp_path / "dataset.json").cases
    return found


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.beside(tmp_path / "dataset.json", None, None)


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_both_files_are_read(case: Case, places: Places) -> None:
    watch = Stopwatch()
    files = read_files(case, places, watch)
    scan = make_scan(1, shape=(52, 52, 52))
    assert files.volume is not None
    assert files.labels is not None
    np.testing.assert_array_equal(files.volume.voxels_zyx, scan.volume.T)
    assert (files.volume.hu_min, files.volume.hu_max) == (scan.volume.min(), scan.volume.max())
    for labels, drawn in zip(files.labels, scan.mask(), strict=True):
        np.testing.assert_array_equal(labels.to_dense(), drawn.T)
    assert measure_case(files, places, watch).faults == ()
    assert {"inflate", "scan", "geometry", "audit"} == set(watch.seconds)


@pytest.mark.parametrize(("spoilt", "named"), [("volumes", "volumes"), ("both", "segmentations")])
def test_the_fault_of_a_file_names_it_and_the_scan(case: Case, places: Places, spoilt: str, named: str) -> None:
    for folder in ("volumes", "segmentations"):
        if spoilt in (folder, "both"):
            path = places.masks.parent / folder / f"{case.name.scan}.nii.gz"
            path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CaseLeftOut) as error:
        read_files(case, places, Stopwatch())
    (fault,) = error.value.faults
    expected = places.masks.parent / named / f"{case.name.scan}.nii.gz"
    assert (fault.kind, fault.scan, fault.path) == (FaultKind.UNREADABLE_FILE, case.name.scan, str(expected))


def test_volumes_of_other_dtypes_are_the_same_hu(case: Case, places: Places) -> None:
    as_stored = read_files(case, places, Stopwatch()).volume
    assert as_stored is not None
    path = places.find_volume(case.name)
    assert path is not None
    for dtype in (np.int32, np.float32):
        path.write_bytes(encode_nifti(as_stored.voxels_zyx.T.astype(dtype), as_stored.affine_ras))
        volume = read_files(case, places, Stopwatch()).volume
        assert volume is not None
        np.testing.assert_array_equal(volume.voxels_zyx, as_stored.voxels_zyx)
        assert (volume.hu_min, volume.hu_max, volume.faults) == (as_stored.hu_min, as_stored.hu_max, ())


def test_ctrl_c_goes_through(case: Case, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "read_mask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_files(case, places, Stopwatch())
