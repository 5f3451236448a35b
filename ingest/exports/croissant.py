"""A release that goes out, as Croissant 1.0 describes it: files with digests, splits with counts, columns of tables."""

import mimetypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ingest.exports.citation import creators_of, description_of, title_of
from ingest.exports.released import Released, ReleasedScan
from ingest.exports.terms import spdx_of
from ingest.files import file_sha256

NAME = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification lays down."""
_MEDIA = {
    ".gz": "application/gzip",
    ".jsonl": "application/jsonlines",
    ".parquet": "application/x-parquet",
}


def croissant_of(folder: Path, released: Released, *, but: frozenset[str]) -> dict[str, Any]:
    """Describe what a folder holds of a release; `but` names files at its top that are not described.

    Without a `url` of its publication the document lacks that one property which Croissant asks for.
    """
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.name not in but)
    splits = _splits(released)
    url = {"url": released.publication.url} if released.publication.url else {}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": title_of(released),
        "description": description_of(released),
        **url,
        "license": [_licence(text) for text in released.terms.known] or ["not known"],
        "creator": [{"@type": "sc:Organization", "name": name} for name in creators_of(released)],
        "datePublished": released.created_on.isoformat(),
        "version": released.name,
        "citeAs": f"{'; '.join(creators_of(released))}: {title_of(released)} (sha256:{released.digest})",
        "identifier": [_identifier("digest", released.digest), _identifier("storageDigest", released.storage_digest)],
        "distribution": [_folder(path) if path.is_dir() else _file(path) for path in files],
        "recordSet": [splits, *(each for path in files for each in _tables(path))],
    }


def _licence(text: str) -> str:
    code = spdx_of(text)
    return f"https://spdx.org/licenses/{code}.html" if code else text


def _identifier(name: str, value: str | None) -> dict[str, str]:
    return {"@type": "sc:PropertyValue", "propertyID": f"groundct:{name}", "value": f"sha256:{value}"}


def _file(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _media(path),
        "sha256": file_sha256(path),
    }


def _folder(path: Path) -> dict[str, Any]:
    """A folder holds files of one kind."""
    some = next((each for each in sorted(path.iterdir()) if not each.name.startswith(".")), path / "none.nii.gz")
    return {
        "@type": "cr:FileSet",
        "@id": path.name,
        "name": path.name,
        "encodingFormat": _media(some),
        "includes": f"{path.name}/*{some.suffix}",
    }


def _media(path: Path) -> str:
    return _MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _splits(released: Released) -> dict[str, Any]:
    """A record for each split: its scans and findings, and whether its annotations are held back."""
    split_names = sorted({scan.split for scan in released.scans})
    columns = {"name": "sc:Text", "scans": "sc:Integer", "findings": "sc:Integer", "hidden": "sc:Boolean"}
    fields = [
        {"@type": "cr:Field", "@id": f"splits/{name}", "name": name, "dataType": kind} for name, kind in columns.items()
    ]
    rows = [_split(name, [scan for scan in released.scans if scan.split == name]) for name in split_names]
    data = [{f"splits/{name}": value for name, value in row.items()} for row in rows]
    key = {"@id": "splits/name"}
    return {"@type": "cr:RecordSet", "@id": "splits", "name": "splits", "key": key, "field": fields, "data": data}


def _split(name: str, scans: list[ReleasedScan]) -> dict[str, Any]:
    findings = sum(len(scan.findings) for scan in scans)
    return {"name": name, "scans": len(scans), "findings": findings, "hidden": any(scan.hidden for scan in scans)}


def _tables(path: Path) -> Iterator[dict[str, Any]]:
    """The columns of a file that is a table with a header of its own."""
    if path.suffix == ".parquet":
        yield _table(path, pq.read_schema(path))
    if path.suffix == ".csv":
        yield _table(path, pyarrow.csv.read_csv(path).schema)


def _table(path: Path, schema: pa.Schema) -> dict[str, Any]:
    fields = [_column(path, column.name, column.type) for column in schema]
    return {"@type": "cr:RecordSet", "@id": path.stem, "name": path.stem, "field": fields}


def _column(path: Path, name: str, kind: pa.DataType) -> dict[str, Any]:
    source = {"fileObject": {"@id": path.name}, "extract": {"column": name}}
    field = {"@type": "cr:Field", "@id": f"{path.stem}/{name}", "name": name, "source": source}
    if pa.types.is_list(kind):
        return {**field, "dataType": _data_type(kind.value_type), "repeated": True}
    return {**field, "dataType": _data_type(kind)}


def _data_type(kind: pa.DataType) -> str:
    known = (
        (pa.types.is_boolean, "sc:Boolean"),
        (pa.types.is_integer, "sc:Integer"),
        (pa.types.is_floating, "sc:Float"),
    )
    return next((name for is_such, name in known if is_such(kind)), "sc:Text")
