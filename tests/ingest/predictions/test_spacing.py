"""Spacing of scans from CTs and from tables."""

from pathlib import Path

import numpy as np
import pytest

from ingest.nifti_files import encode_nifti, write_bytes
from ingest.predictions.spacing import Spacings, read_spacing_table
from schema.errors import SourceError

FILE = "train_1_a_2.nii.gz"
SHAPE = (4, 5, 6)


def save(path: Path, affine: np.ndarray, shape: tuple[int, int, int] = SHAPE) -> None:
    write_bytes(path, encode_nifti(np.zeros(shape, np.int16), affine))


@pytest.mark.parametrize("place", [FILE, f"train_1/train_1_a/{FILE}", f"dataset/train_fixed/train_1/train_1_a/{FILE}"])
def test_a_ct_gives_its_steps_wherever_it_lies(tmp_path: Path, place: str) -> None:
    save(tmp_path / place, np.diag([-0.7, 0.8, 1.5, 1]))
    steps = Spacings(tmp_path).steps_mm(FILE, SHAPE)
    np.testing.assert_allclose(steps, [[0, 0, 1.5], [0, -0.8, 0], [0.7, 0, 0]], atol=1e-6)


def test_a_ct_of_another_shape_or_without_a_frame_gives_none(tmp_path: Path) -> None:
    spacings = Spacings(tmp_path)
    assert spacings.steps_mm(FILE, SHAPE) is None
    save(tmp_path / FILE, np.eye(4), (4, 5, 7))
    assert spacings.steps_mm(FILE, SHAPE) is None
    (tmp_path / FILE).write_bytes(b"no CT")
    assert spacings.steps_mm(FILE, SHAPE) is None


def test_a_table_gives_what_cts_do_not(tmp_path: Path) -> None:
    table = tmp_path / "metadata.csv"
    table.write_text(f'VolumeName,XYSpacing,ZSpacing\n{FILE},"[0.7, 0.8]",1.5\n')
    found = read_spacing_table(table)
    assert found == {"train_1_a_2": (0.7, 0.8, 1.5)}
    steps = Spacings(None, found).steps_mm(FILE, SHAPE)
    assert steps is not None
    assert np.linalg.norm(steps, axis=1).tolist() == [1.5, 0.8, 0.7]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("VolumeName,ZSpacing\n", "has no column XYSpacing"),
        ('VolumeName,XYSpacing,ZSpacing\na,"[1, 1]",2\nb,"[1]",2\n', "row 3 gives no spacing"),
        ('VolumeName,XYSpacing,ZSpacing\na,"[1, 1]",0\n', "row 2 gives no spacing"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SourceError, match=says):
        read_spacing_table(tmp_path / "t.csv")
