"""How volumes and labels lie in Zarr v3: what `zarr.json` says of chunks, shards and codecs. Any reader opens them.

The document is written here and not by a library, so that the same array is the same bytes whatever version wrote it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from schema.arrays.box import Index, parse_shape
from schema.arrays.digest import FORMAT
from schema.arrays.runs import LabelRuns

CHUNK = 64
"""Voxels along each side of a chunk."""
AXES = ("z", "y", "x")
VOLUME_LEVEL = 3
LABELS_LEVEL = 5
"""Levels of zstd: any may be read. Beyond 5, labels get little smaller and writing them slower."""
_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
_BLOSC = {
    "name": "blosc",
    "configuration": {"typesize": 2, "cname": "zstd", "clevel": VOLUME_LEVEL, "shuffle": "bitshuffle", "blocksize": 0},
}
_ZSTD = {"name": "zstd", "configuration": {"level": LABELS_LEVEL, "checksum": True}}


@dataclass(frozen=True)
class Header:
    """What `zarr.json` says of one array: the scan's shape, the voxels' dtype, GroundCT's own attributes.

    `findings` are the digests of the findings' labels in order; None for a volume.
    """

    shape_zyx: Index
    dtype: "np.dtype[Any]"
    digest: str
    findings: tuple[str, ...] | None


def volume_document(shape_zyx: Index, digest: str) -> bytes:
    """The `zarr.json` of a volume (z, y, x), int16: one shard, blosc-zstd with bitshuffle."""
    attributes = {"format": FORMAT, "digest": digest}
    return _document(shape_zyx, (), "int16", [_LITTLE, _BLOSC], attributes)


def labels_document(shape_zyx: Index, dtype: str, digest: str, findings: Sequence[str]) -> bytes:
    """The `zarr.json` of labels (finding, z, y, x), uint8 or uint16: a shard a finding, zstd."""
    attributes = {"format": FORMAT, "digest": digest, "findings": list(findings)}
    first = {"name": "bytes"} if dtype == "uint8" else _LITTLE
    return _document(shape_zyx, (len(findings),), dtype, [first, _ZSTD], attributes)


def labels_dtype(findings: Sequence[LabelRuns]) -> str:
    """The narrowest of uint8 and uint16 for all labels; ValueError when one is above 65535."""
    greatest = max((int(each.runs[:, 4].max(initial=0)) for each in findings), default=0)
    if greatest > np.iinfo(np.uint16).max:
        raise ValueError(f"labels up to 65535 can be stored, but one is {greatest}")
    return "uint8" if greatest <= np.iinfo(np.uint8).max else "uint16"


def chunk_grid(shape_zyx: Index) -> Index:
    """The number of chunks along each axis."""
    z, y, x = (-(-size // CHUNK) for size in shape_zyx)
    return z, y, x


def shard_name(finding: int | None) -> str:
    """The part with a volume's voxels, or with one finding's labels; it is absent when all of them are 0."""
    return "c/0/0/0" if finding is None else f"c/{finding}/0/0/0"


def stored_format(content: bytes) -> int:
    """The version of the stored form that a `zarr.json` names; ValueError when it is not one of GroundCT's arrays."""
    attributes = json.loads(content).get("attributes", {}).get("groundct")
    if not isinstance(attributes, dict):
        raise ValueError("its attributes are not GroundCT's")
    return int(attributes.get("format", FORMAT))


def parse_header(content: bytes, digest: str, *, labels: bool) -> Header:
    """Read a `zarr.json` of this format.

    Raises:
        ValueError: it is another array's, or says that chunks lie otherwise than this format has them.
    """
    document = json.loads(content)
    attributes = document["attributes"]["groundct"]
    findings = tuple(map(str, attributes["findings"])) if labels else None
    shape = parse_shape(document["shape"][-3:])
    if attributes["digest"] != digest or len(document["shape"]) != (4 if labels else 3):
        raise ValueError("its attributes are another array's")
    if findings is not None and len(findings) != document["shape"][0]:
        raise ValueError("its attributes are another array's")
    _check_layout(document, shape, labels=labels)
    return Header(shape, np.dtype(document["data_type"]).newbyteorder("<"), digest, findings)


def _check_layout(document: dict[str, Any], shape_zyx: Index, *, labels: bool) -> None:
    (sharding,) = document["codecs"]
    inner = sharding["configuration"]
    lead = [1] if labels else []
    codecs = [codec["name"] for codec in inner["codecs"]]
    expected = (
        (document["chunk_grid"]["configuration"]["chunk_shape"], [*lead, *(n * CHUNK for n in chunk_grid(shape_zyx))]),
        (inner["chunk_shape"], [*lead, CHUNK, CHUNK, CHUNK]),
        (codecs, ["bytes", "zstd" if labels else "blosc"]),
        ([codec["name"] for codec in inner["index_codecs"]], ["bytes", "crc32c"]),
        (inner.get("index_location", "end"), "end"),
        (document["data_type"] in (("uint8", "uint16") if labels else ("int16",)), True),
        (document["fill_value"], 0),
    )
    for found, wanted in expected:
        if found != wanted:
            raise ValueError(f"zarr.json says {found}, where this format has {wanted}")


def _document(
    shape_zyx: Index, lead: tuple[int, ...], dtype: str, codecs: list[dict[str, Any]], attributes: dict[str, Any]
) -> bytes:
    ones = [1] * len(lead)
    sharding = {
        "chunk_shape": [*ones, CHUNK, CHUNK, CHUNK],
        "codecs": codecs,
        "index_codecs": [_LITTLE, {"name": "crc32c"}],
        "index_location": "end",
    }
    shard_shape = [*ones, *(n * CHUNK for n in chunk_grid(shape_zyx))]
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [*lead, *shape_zyx],
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard_shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": [*(["finding"] if lead else []), *AXES],
        "attributes": {"groundct": attributes},
        "storage_transformers": [],
    }
    return json.dumps(document, indent=1).encode()
