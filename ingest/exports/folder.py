"""The folder that an export writes: whole, resumable, with a note of what it is and how it may be used."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.exports.released import Released
from schema.errors import SourceError
from schema.version import software_version

ABOUT = "groundct.json"


def open_folder(out: Path, released: Released, form: str) -> Path:
    """Make the folder of an export, or go on in one that an interrupted run of the same export left.

    Raises:
        SourceError: it holds something else.
    """
    about = out / ABOUT
    known = json.loads(about.read_text("utf-8")) if about.is_file() else None
    if known is None and out.exists() and any(out.iterdir()):
        raise SourceError(f"{out}: is not empty, and no export of ours; name another folder")
    if known is not None and _what(known) != _what(about_of(released, form)):
        raise SourceError(f"{out}: holds another export ({known.get('release')} as {known.get('form')}); name another")
    out.mkdir(parents=True, exist_ok=True)
    write_json(about, about_of(released, form) | {"complete": False})
    return out


def close_folder(out: Path, released: Released, form: str) -> None:
    """Note that an export is complete."""
    write_json(out / ABOUT, about_of(released, form) | {"complete": True})


def about_of(released: Released, form: str) -> dict[str, Any]:
    """Say what an export holds, and under which terms."""
    return {
        "form": form,
        "release": released.name,
        "kind": released.kind,
        "digest": released.digest,
        "storageDigest": released.storage_digest,
        "collection": released.collection,
        "ontology": released.ontology,
        "rounds": list(released.rounds),
        "notes": released.notes,
        "cohort": released.cohort,
        "withHidden": released.with_hidden,
        "terms": list(released.terms.known),
        "termsUnknown": released.terms.unknown,
        "waivers": list(released.waivers),
        "software": software_version(),
    }


def _what(about: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(about.get(name) for name in ("form", "release", "digest", "cohort", "withHidden"))


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with written(path) as partial:
        partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give a path to write to that takes its name when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    yield partial
    partial.replace(path)


def file_sha256(path: Path) -> str:
    """Give the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
