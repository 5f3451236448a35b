"""The folder that an export writes: whole, resumable, with a note of what it is and how it may be used."""

import json
from pathlib import Path
from typing import Any

from ingest.exports import citation, croissant
from ingest.exports.released import Released
from ingest.files import write_json, written
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
        what = known.get("release") or f"cohort {known.get('cohort')}"
        held = f"{what} as {known.get('form')}, of {known.get('asOf')}"
        raise SourceError(f"{out}: holds another export, or other contents ({held}); name another folder")
    out.mkdir(parents=True, exist_ok=True)
    write_json(about, about_of(released, form) | {"complete": False})
    return out


def close_folder(out: Path, released: Released, form: str) -> None:
    """Write how a release is cited and what the folder holds of it, and note that the export is complete."""
    if released.name is not None:
        with written(out / citation.NAME) as partial:
            citation.write_citation(partial, released)
        described = croissant.croissant_of(out, released, but=frozenset({ABOUT, citation.NAME, croissant.NAME}))
        write_json(out / croissant.NAME, described)
    write_json(out / ABOUT, about_of(released, form) | {"complete": True})


def about_of(released: Released, form: str) -> dict[str, Any]:
    """Say what an export holds, and under which terms."""
    return {
        "form": form,
        "release": released.name,
        "kind": released.kind,
        "digest": released.digest,
        "storageDigest": released.storage_digest,
        "contentDigest": released.content_digest(),
        "asOf": released.created_on.isoformat(),
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
    return tuple(about.get(name) for name in ("form", "release", "digest", "cohort", "withHidden", "contentDigest"))
