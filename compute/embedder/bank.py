"""Vectors that were made elsewhere, in one file, looked up by their text."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from schema.errors import ModelError, SourceError

MOST_DIMENSIONS = 4000
"""What a halfvec and its index hold."""
_MADE = "make it by numpy.savez(FILE, texts=TEXTS, vectors=VECTORS)"
_UNREADABLE = (OSError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class VectorBank:
    """An embedder of the texts in a file alone, each as it stands there to the letter."""

    name: str
    version: str
    """The file's sha256."""
    dimensions: int
    vectors: NDArray[Any] = field(repr=False)
    """(row, dimension), of any length but 0."""
    rows: Mapping[str, int] = field(repr=False)
    """Where a text's vector stands."""

    def knows(self, text: str) -> bool:
        """Tell whether the file holds a text."""
        return text in self.rows

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Give unit vectors, float32 of shape (text, dimension), in the order of the texts; (0, dimension) for none.

        Raises:
            ModelError: the file does not hold a text.
        """
        if unknown := [text for text in texts if not self.knows(text)]:
            raise ModelError(
                f"{unknown[0][:60]!r} is not among the texts of {self.name}, and only those have vectors: search with "
                "--mode lexical, or write the text as it stands there"
            )
        found = self.vectors[[self.rows[text] for text in texts]].astype(np.float64).reshape(-1, self.dimensions)
        found /= np.abs(found).max(axis=1, keepdims=True)  # squares of great numbers are beyond float64
        unit: NDArray[np.float32] = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
        return unit


def open_bank(path: Path, name: str | None = None) -> VectorBank:
    """Read an .npz with the arrays `texts`, unicode (row,), and `vectors`, numbers (row, dimension).

    The model's name is the file's, without its suffix, unless another is given.

    Raises:
        SourceError: it cannot be read, lacks an array, or holds what is no vector of a text; nothing else is tried.
    """
    try:
        with path.open("rb") as file:
            version = hashlib.file_digest(file, "sha256").hexdigest()
            texts, vectors = _load(file)
    except _UNREADABLE as error:
        raise SourceError(f"{path} cannot be read ({_reason(error)}): {_MADE}") from error
    if reason := _fault(texts, vectors):
        raise SourceError(f"{path}: {reason}")
    rows: dict[str, int] = {}
    for row, text in enumerate(texts.tolist()):
        if not np.array_equal(vectors[rows.setdefault(text, row)], vectors[row]):
            raise SourceError(f"{path}: {text[:60]!r} stands there twice with different vectors: keep one of them")
    return VectorBank(name or path.stem, version, vectors.shape[1], vectors, rows)


def _load(file: BinaryIO) -> tuple[NDArray[Any], NDArray[Any]]:
    file.seek(0)
    loaded = np.load(file, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise ValueError("it is no .npz")
    with loaded:
        if missing := {"texts", "vectors"} - set(loaded.files):
            raise ValueError(f"the array {min(missing)} is missing")
        return loaded["texts"], loaded["vectors"]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]


def _fault(texts: NDArray[Any], vectors: NDArray[Any]) -> str | None:
    """Tell what is wrong with the arrays."""
    if texts.ndim != 1 or texts.dtype.kind != "U":
        return f"`texts` is {texts.dtype} of shape {texts.shape}; a list of unicode strings is needed"
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        return f"`vectors` is {vectors.dtype} of shape {vectors.shape}; numbers of shape (text, dimension) are needed"
    if len(texts) != len(vectors) or not len(texts):
        return f"there are {len(texts)} texts and {len(vectors)} vectors; one of each for every text is needed"
    if not 1 <= vectors.shape[1] <= MOST_DIMENSIONS:
        return f"vectors have {vectors.shape[1]} dimensions; 1 to {MOST_DIMENSIONS:,} can be kept"
    return _bad_vector(texts, vectors)


def _bad_vector(texts: NDArray[Any], vectors: NDArray[Any]) -> str | None:
    for bad, what in ((~np.isfinite(vectors).all(axis=1), "not finite"), (~vectors.any(axis=1), "zero")):
        if bad.any():
            row = int(bad.argmax())
            return f"the vector of {str(texts[row])[:60]!r} (row {row}) is {what}: make it again, or leave the text out"
    return None
