"""Vectors of a file, and files that hold none."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compute.embedder.bank import open_bank
from schema.errors import ModelError, SourceError

TEXTS = np.array(["a nodule", "a cyst", "Zyste µ"])
VECTORS = np.array([[3, 4], [0, -2], [1e-3, 0]], np.float16)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(**arrays: Any) -> Path:
        path = tmp_path / "made-elsewhere.npz"
        np.savez(path, **arrays)
        return path

    return written


def test_texts_are_looked_up_to_the_letter(write: Write) -> None:
    path = write(texts=TEXTS, vectors=VECTORS, other=np.zeros(1))
    bank = open_bank(path)
    assert (bank.name, bank.dimensions) == ("made-elsewhere", 2)
    assert bank.version == hashlib.sha256(path.read_bytes()).hexdigest()
    found = bank.embed(["Zyste µ", "a nodule", "a cyst", "a nodule"])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[1, 0], [0.6, 0.8], [0, -1], [0.6, 0.8]], rtol=1e-6)
    assert bank.embed([]).shape == (0, 2)
    assert bank.knows("a cyst")
    assert not bank.knows("A cyst")
    with pytest.raises(ModelError, match=r"'A cyst' is not among the texts of made-elsewhere"):
        bank.embed(["a cyst", "A cyst"])


def test_a_name_may_be_given_and_the_same_row_may_stand_twice(write: Write) -> None:
    twice = write(texts=np.array(["x", "x"]), vectors=np.ones((2, 3)))
    assert open_bank(twice, "ours").name == "ours"


@pytest.mark.parametrize("size", [1e-300, 1e300, 1])
def test_lengths_do_not_matter(write: Write, size: float) -> None:
    bank = open_bank(write(texts=TEXTS[:1], vectors=np.array([[3, 4]]) * size))
    np.testing.assert_allclose(bank.embed(["a nodule"]), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"texts": TEXTS}, "the array vectors is missing"),
        ({"vectors": VECTORS}, "the array texts is missing"),
        ({"texts": TEXTS[:2], "vectors": VECTORS}, "2 texts and 3 vectors"),
        ({"texts": TEXTS[:0], "vectors": VECTORS[:0]}, "0 texts"),
        ({"texts": TEXTS, "vectors": VECTORS * [[1], [0], [1]]}, r"'a cyst' \(row 1\) is zero"),
        ({"texts": TEXTS, "vectors": VECTORS * np.float32(np.nan)}, "not finite"),
        ({"texts": TEXTS, "vectors": np.where(VECTORS[2, 0] == VECTORS, np.inf, VECTORS)}, r"\(row 2\) is not finite"),
        ({"texts": np.array(["x", "y", "x"]), "vectors": VECTORS}, "'x' stands there twice"),
        ({"texts": TEXTS[:1], "vectors": np.ones((1, 4001), np.int8)}, "4001 dimensions; 1 to 4,000"),
        ({"texts": TEXTS, "vectors": np.ones((3, 0))}, "0 dimensions"),
        ({"texts": TEXTS, "vectors": np.ones(3)}, "numbers of shape"),
        ({"texts": TEXTS, "vectors": np.ones((3, 2), complex)}, "numbers of shape"),
        ({"texts": TEXTS.astype("O"), "vectors": VECTORS}, "cannot be read"),
        ({"texts": np.array([b"a", b"b", b"c"]), "vectors": VECTORS}, "unicode strings"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(write: Write, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        open_bank(write(**arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x04K\x01.", b"\x93NUMPY\x01\x00"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bank.npz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"numpy\.savez"):
        open_bank(path)


def test_a_torn_file_and_a_single_array_are_refused(write: Write, tmp_path: Path) -> None:
    path = write(texts=TEXTS, vectors=VECTORS)
    path.write_bytes(path.read_bytes()[:-40])
    single = tmp_path / "single.npy"
    np.save(single, VECTORS)
    for wrong in (path, single, tmp_path / "absent.npz", tmp_path):
        with pytest.raises(SourceError, match="cannot be read"):
            open_bank(wrong)
