"""The names of arrays: SHA-256 over a header and the canonical values, whatever codec, chunks or file they lie in.

Every digest is over `groundct KIND FORMAT\\n`, the shape as JSON without spaces, `\\n`, and then the values:

- `volume`, shape (z, y, x): the voxels, int16, little-endian, C-order;
- `labels`, shape (z, y, x): the runs of one finding, uint32, little-endian, C-order (see `LabelRuns`);
- `findings`, shape (finding, z, y, x): the hexadecimal digests of the findings' labels in order, each with `\\n`.

Test vectors:
    volume of shape (1, 1, 2) with the values -1, 2:
        77a2950fe7307d5abbceacab19e60f62f40592c64e39fb8b699c504a2e30bfd9
    labels of shape (1, 1, 2) with the values 0, 3:
        3cc337f3b8e38373e58c9ac46a6e765bebc2933ef6611eecd7fbcffaa416dbf8
    findings of shape (1, 1, 1, 2) that hold those labels:
        dc989920bdb452a3901f35fdb22d72a4bf7bae597a0e0d6ffbf19a57e102f4d6
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schema.arrays.box import Index

FORMAT = 1
"""The version of the stored form; part of every digest, so that two forms never share a name."""


class Digest(Protocol):
    """What hashlib's objects offer."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """64 lower-case hexadecimal digits."""


def start_digest(kind: str, shape: Sequence[int]) -> Digest:
    """A digest that has taken in the header and awaits the values."""
    digest = hashlib.sha256(f"groundct {kind} {FORMAT}\n".encode())
    digest.update(json.dumps(list(shape), separators=(",", ":")).encode() + b"\n")
    return digest


def volume_digest(volume_zyx: NDArray[np.int16]) -> str:
    """The digest of a volume (z, y, x), int16; values that are little-endian and C-order are not copied."""
    digest = start_digest("volume", volume_zyx.shape)
    update_digest(digest, volume_zyx, "<i2")
    return digest.hexdigest()


def findings_digest(digests: Sequence[str], shape_zyx: Index) -> str:
    """The digest of an array (finding, z, y, x) from the digests of its findings, in order."""
    digest = start_digest("findings", (len(digests), *shape_zyx))
    digest.update("".join(f"{each}\n" for each in digests).encode())
    return digest.hexdigest()


def update_digest(digest: Digest, values: NDArray[np.int16] | NDArray[np.uint32], dtype: str) -> None:
    """Take in the values as `dtype` in C-order."""
    if values.size:  # memoryview cannot cast what has no bytes
        digest.update(np.ascontiguousarray(values, dtype=dtype).data.cast("B"))
